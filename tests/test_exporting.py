"""A SavedModel runs where neither this package nor Keras is."""

import json

import numpy as np
import pytest
from helpers import random_model, random_pictures, run_python

import zoo

PICTURES = random_pictures(5)

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


def test_exported_models_answer_as_the_pipeline_does(tmp_path):
    models = [
        random_model("mlp_classifier", units=[6], labels=["zéro", "один", "two"]),
        random_model("cnn_classifier", filters=[2], units=4, dropout=0.5),
        random_model("highway_classifier", depth=4, units=6),
    ]
    np.save(tmp_path / "pictures.npy", PICTURES)
    for i, model in enumerate(models):
        assert zoo.export(model, tmp_path / str(i)) is None
    done = run_python(SERVE, tmp_path / "pictures.npy", *(tmp_path / str(i) for i in range(3)))
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


def test_name_is_exported(known, tmp_path):
    zoo.export("digits_mlp@1", tmp_path / "exported")
    assert (tmp_path / "exported" / "saved_model.pb").is_file()


def test_existing_path_is_refused_and_left(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        zoo.export(random_model(units=[2]), tmp_path / "there")
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "thesis.txt"]


def test_unknown_format(tmp_path):
    with pytest.raises(ValueError, match=r"no export format named 'saved-model'.*saved_model"):
        zoo.export(random_model(units=[2]), tmp_path / "x", format="saved-model")


def test_model_without_head(tmp_path):
    with pytest.raises(ValueError, match="has no head: there are no labels"):
        zoo.export(random_model(units=[2], num_classes=0), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
