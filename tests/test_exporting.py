"""What is exported runs where neither this package nor Keras is, and answers as Keras does."""

import importlib.util
import json
import os
from functools import partial
from io import BytesIO
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import random_model, random_pictures, run_python
from PIL import Image

import zoo
from zoo.errors import IntegrityError
from zoo.exporting import graphs, litert, onnx, saved_model
from zoo.layers.portable import portable_loops

PICTURES = random_pictures(5)
# A part of a batch of any size; no row; a long sentence among short ones; none at all.
TEXTS = ["from Boston to new york city", "boston", "Łódź on 22 may " * 9, "", "a\u2003b"]
LABELS = ["O", "B-from", "I-from", "B-to", "I-to"]
FORMATS = {"saved_model": saved_model, "onnx": onnx, "litert": litert}

SERVE = """
import sys

# None makes an import fail: what is loaded must need neither.
sys.modules["zoo"] = sys.modules["keras"] = None

import json
import numpy as np
import tensorflow as tf

answers = []
for folder in sys.argv[2:]:
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    answer = serve(pixels=tf.constant(np.load(sys.argv[1])))
    assert answer["probabilities"].dtype == tf.float32
    answers.append({
        "probabilities": answer["probabilities"].numpy().tolist(),
        "labels": [label.decode() for label in answer["labels"].numpy()],
    })
for name in ("zoo", "keras"):
    assert sys.modules[name] is None
print("answers:", json.dumps(answers))
"""


def labeller(builder="slot_filler", seed=0, **config):
    defaults = {"units": 5, "word_units": 4, "trigram_units": 3, "trigram_buckets": 50}
    vocabulary = ["boston", "to", "from", "00", "may"]
    config = {"labels": LABELS, "vocabulary": vocabulary, **defaults, **config}
    return random_model(builder, seed=seed, **config)


def core_outputs(model, encoded):
    inputs = graphs.named(model, encoded)
    outputs = graphs.core(model)(*(inputs[x.name] for x in model.inputs))
    return {name: keras.ops.convert_to_numpy(output) for name, output in outputs.items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


def test_exported_models_answer_as_the_pipeline_does(tmp_path):
    models = [
        random_model("mlp_classifier", units=[6], labels=["zéro", "один", "two"]),
        random_model("cnn_classifier", filters=[2], units=4, dropout=0.5),
        random_model("highway_classifier", depth=4, units=6),
    ]
    np.save(tmp_path / "pictures.npy", PICTURES)
    folders = [zoo.export(model, tmp_path / str(i)) for i, model in enumerate(models)]
    assert folders == [tmp_path / str(i) / "1" for i in range(3)]
    done = run_python(SERVE, tmp_path / "pictures.npy", *folders)
    assert done.returncode == 0, done.stderr
    served = json.loads(done.stdout.partition("answers:")[2])
    for model, exported in zip(models, served, strict=True):
        answers = zoo.pipeline(model)(PICTURES)
        assert exported["labels"] == [answer["label"] for answer in answers]
        np.testing.assert_allclose(
            exported["probabilities"],
            [list(answer["probabilities"].values()) for answer in answers],
            atol=1e-5,
        )


# Both kinds of head, several kinds of cell, both ways of reading letters. All others, and all of
# the published ones: benchmarks/export_matrix.py.
MODELS = {
    "cnn": lambda: random_model("cnn_classifier", filters=[2], units=4),
    "highway": lambda: random_model("highway_classifier", depth=4, units=6),
    "convolutional highway": lambda: random_model("conv_highway_classifier", stages=[[3, 2]] * 2),
    "lstm both ways": lambda: labeller(intents=["ask", "tell"]),
    "gru, crf, letters": lambda: labeller(
        "tagger", cell="gru", crf=True, character_filters=4, depth=2, highway=True
    ),
    "jordan, window": lambda: labeller(cell="jordan", bidirectional=False, window=(2, 2)),
    "recurrent highway": lambda: labeller(cell="recurrent_highway", bidirectional=False, crf=True),
}


@pytest.mark.parametrize("format", ["onnx", "litert"])
@pytest.mark.parametrize("name", MODELS)
def test_other_runtimes_compute_what_keras_does(name, format, tmp_path):
    model = MODELS[name]()
    folder = zoo.export(model, tmp_path / "exported", format=format)
    run, encode = FORMATS[format].reader(folder), zoo.preprocessor(model).encode
    raw = PICTURES if isinstance(model.output, keras.KerasTensor) else TEXTS
    for part in (raw, raw[:1]):
        encoded = encode(part)
        assert_same(run(graphs.named(model, encoded)), core_outputs(model, encoded))


def test_saved_model_has_the_tensors_between(tmp_path):
    model = labeller(crf=True, intents=["ask", "tell"])
    run = saved_model.reader(zoo.export(model, tmp_path / "exported"))
    for part in (TEXTS, TEXTS[:1]):
        encoded = zoo.preprocessor(model).encode(part)
        assert_same(run(encoded), core_outputs(model, encoded))


def test_exported_folder_has_what_an_encoder_needs(tmp_path):
    model = labeller("tagger")
    folder = zoo.export(model, tmp_path / "exported", format="onnx")
    assert {path.name for path in folder.iterdir()} == {
        "model.onnx",
        "config.json",
        "vocabulary.txt",
    }
    words = (folder / "vocabulary.txt").read_text("utf-8").split("\n")
    assert words == [*zoo.preprocessor(model).vocabulary, ""]
    assert json.loads((folder / "config.json").read_text("utf-8")) == {
        "preprocessing": {"kind": "sentence", "cased_letters": True, "letters": 24},
        "labels": LABELS,
        "intents": [],
    }
    zoo.export(random_model(units=[2]), tmp_path / "picture", format="litert")
    assert json.loads((tmp_path / "picture" / "config.json").read_text()) == {
        "preprocessing": {"kind": "image", "shape": [28, 28]},
        "labels": list("0123456789"),
    }


def test_axes_of_onnx_have_names(tmp_path):
    import onnxruntime

    folder = zoo.export(labeller(crf=True), tmp_path / "exported", format="onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    shapes = {x.name: x.shape for x in [*session.get_inputs(), *session.get_outputs()]}
    assert shapes == {
        "words": ["batch", "words"],
        "characters": ["batch", "words", "letters"],
        "labels": ["batch", "words", 5, 5],
        "tag_ids": ["batch", "words"],
        "scores": ["batch", "words"],
    }


def test_portable_graph_does_not_depend_on_the_cores():
    model = labeller()

    def loops():
        function = tf.function(graphs.core(model), input_signature=graphs.core_inputs(model))
        nodes = function.get_concrete_function().graph.as_graph_def().node
        return sum("While" in node.op for node in nodes)

    # Two directions, the best path and its trace.
    with portable_loops():
        assert loops() == 4
    assert loops() > 4


@pytest.mark.parametrize("shape", [(28, 28), (9, 8, 3)], ids=["grey", "rgb"])
def test_saved_model_reads_files_as_the_pipeline_does(shape, tmp_path):
    model = random_model(units=[6], input_shape=shape)
    run = saved_model.reader(zoo.export(model, tmp_path / "exported"))
    classify = partial(run, signature="serving_images")
    smooth = np.linspace(0, 255, 40 * 50 * 3).reshape(40, 50, 3).astype(np.uint8)
    for i, picture in enumerate(
        [
            Image.fromarray(random_pictures(1, shape)[0]),
            Image.fromarray(smooth),
            Image.fromarray(smooth).convert("RGBA"),
            Image.fromarray(smooth).convert("P"),
            Image.fromarray(smooth[..., 0]).resize((5, 70)),
        ]
    ):
        picture.save(tmp_path / f"{i}.png")
    files = [tmp_path / f"{i}.png" for i in range(5)]
    found = classify({"image_bytes": [file.read_bytes() for file in files]})
    # Pillow rounds weights and sums of a resized picture to integers.
    for i, (answer, tolerance) in enumerate(
        zip(zoo.pipeline(model)(files), [1e-5, *[0.02] * 4], strict=True)
    ):
        expected = list(answer["probabilities"].values())
        np.testing.assert_allclose(found["probabilities"][i], expected, atol=tolerance)
    jpeg = BytesIO()
    Image.fromarray(smooth).save(jpeg, "jpeg")
    assert classify({"image_bytes": [jpeg.getvalue()]})["probabilities"].shape == (1, 10)
    with pytest.raises(tf.errors.InvalidArgumentError):
        classify({"image_bytes": [b"no picture"]})


def test_revisions_stand_side_by_side(known, tmp_path):
    for revision in (1, 2):
        folder = zoo.export("digits_mlp", tmp_path / "exported", revision=revision)
        assert folder == tmp_path / "exported" / str(revision)
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        zoo.export("digits_mlp@2", tmp_path / "exported")
    assert sorted(path.name for path in (tmp_path / "exported").iterdir()) == ["1", "2"]
    for revision in (1, 2):
        run = saved_model.reader(tmp_path / "exported" / str(revision))
        model = zoo.load("digits_mlp", revision=revision)
        assert_same(run({"pixels": PICTURES}), core_outputs(model, PICTURES))


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_existing_path_is_refused_and_left(format, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        zoo.export(random_model(units=[2]), tmp_path / "there", format=format)
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "thesis.txt"]


def test_path_that_is_a_file(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError):
        zoo.export(random_model(units=[2]), tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match=r"no export format named 'saved-model'.*saved_model"):
        zoo.export(random_model(units=[2]), tmp_path / "x", format="saved-model")


@pytest.mark.parametrize("format", FORMATS)
def test_model_without_head(format, tmp_path):
    with pytest.raises(ValueError, match="has no head: there are no labels"):
        zoo.export(random_model(units=[2], num_classes=0), tmp_path / "x", format=format)
    assert list(tmp_path.iterdir()) == []


def test_missing_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "NEEDS", ("tf2onnx", "no_such_package"))
    with pytest.raises(RuntimeError, match=r"no_such_package: pip install 'gatezoo\[onnx\]'"):
        zoo.export(random_model(units=[2]), tmp_path / "x", format="onnx")


@pytest.mark.parametrize("format", FORMATS)
def test_export_that_computes_something_else_is_refused(format, tmp_path, monkeypatch):
    model, other = random_model(units=[2]), random_model(units=[2], seed=1)
    write = FORMATS[format].write
    monkeypatch.setattr(FORMATS[format], "write", lambda model, folder: write(other, folder))
    with pytest.raises(IntegrityError, match="does not compute what Keras does: its logits are"):
        zoo.export(model, tmp_path / "x", format=format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_model_that_a_format_cannot_express(format, tmp_path):
    model = random_model(units=[2])
    inner = model.call

    def call(*args, **kwargs):
        # No runtime but TensorFlow's has strings and regular expressions.
        text = tf.strings.regex_replace(tf.strings.as_string(inner(*args, **kwargs)), "a", "b")
        return tf.strings.to_number(text)

    model.call = call
    with pytest.raises(ValueError, match=f"cannot be written as {format}: "):
        zoo.export(model, tmp_path / "x", format=format)
    assert list(tmp_path.iterdir()) == []


def test_published_checkpoint_is_exported_by_another_backend(tmp_path):
    if importlib.util.find_spec("jax") is None:
        reason = "jax is not installed: make backends"
        if os.environ.get("ZOO_REQUIRE_BACKENDS"):
            pytest.fail(reason)
        pytest.skip(reason)
    code = "import sys, zoo; print(zoo.export('highway_mnist_50', sys.argv[1], format='onnx'))"
    done = run_python(code, tmp_path / "exported", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    run = onnx.reader(Path(done.stdout.strip()))
    assert_same(run({"pixels": PICTURES}), core_outputs(zoo.load("highway_mnist_50"), PICTURES))
