"""Models from checkpoints, and checkpoints from models."""

import logging
import signal

import keras
import numpy as np
import pytest
from helpers import DIE_AT_OPEN, random_model, random_pictures, run_python

import zoo
from zoo import checkpoint
from zoo.checkpoint import Checkpoint, to_json

PICTURES = random_pictures(6)
BUILDERS = {
    "mlp_classifier": {"units": [5, 4]},
    "cnn_classifier": {"filters": [2, 3], "units": 4},
    "highway_classifier": {"depth": 3, "units": 5},
    "conv_highway_classifier": {"stages": [[2, 2], [3, 2]], "average_filters": 4},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved network with three classes."""
    folder = tmp_path_factory.mktemp("saved") / "model"
    zoo.save(random_model(units=[5, 4], labels=["a", "b", "c"]), folder)
    return folder


def weights_of(model):
    return {v.path: keras.ops.convert_to_numpy(v) for v in model.weights}


def assert_same_weights(ours, theirs, but=()):
    assert ours.keys() - set(but) == theirs.keys() - set(but)
    for path in ours.keys() - set(but):
        np.testing.assert_array_equal(ours[path], theirs[path], path)


HEAD = ("head/kernel", "head/bias")


@pytest.mark.parametrize("builder", BUILDERS)
def test_saved_model_loads_as_it_was(builder, tmp_path):
    model = random_model(builder, **BUILDERS[builder])
    sha256 = zoo.save(model, tmp_path / "model")
    loaded = zoo.load(tmp_path / "model", sha256=sha256)
    assert_same_weights(weights_of(loaded), weights_of(model))
    np.testing.assert_array_equal(loaded.predict(PICTURES), model.predict(PICTURES))
    assert to_json(loaded.zoo_origin.config()) == to_json(model.zoo_origin.config())
    golden_input, golden_output = Checkpoint.open(tmp_path / "model").golden
    np.testing.assert_allclose(loaded.predict(golden_input), golden_output, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("builder", BUILDERS)
def test_colour_pictures(builder, tmp_path):
    model = random_model(builder, input_shape=(8, 6, 3), **BUILDERS[builder])
    zoo.save(model, tmp_path / "model")
    pictures = random_pictures(2, (8, 6, 3))
    np.testing.assert_array_equal(
        zoo.load(tmp_path / "model").predict(pictures), model.predict(pictures)
    )


def test_card_has_what_is_given_and_what_is_computed(tmp_path):
    model = random_model(units=[4])
    zoo.save(model, tmp_path / "model", card={"summary": "Ziffern", "parameters": 1})
    card = Checkpoint.open(tmp_path / "model").card
    assert card["summary"] == "Ziffern"
    assert card["parameters"] == 784 * 4 + 4 + 4 * 10 + 10
    assert (card["task"], card["builder"]) == ("image-classification", "mlp_classifier")
    assert card["versions"]["keras"] == keras.version()


def test_loaded_model_is_compiled_or_bare(folder):
    labels = np.array([0, 1, 2, 0, 1, 2])
    scores = zoo.load(folder).evaluate(PICTURES, labels, return_dict=True, verbose=0)
    assert set(scores) == {"loss", "accuracy"}
    assert not zoo.load(folder, compile=False).compiled


def test_new_labels_give_a_new_head_and_keep_the_rest(folder, caplog):
    old = zoo.load(folder)
    assert caplog.records == []
    with caplog.at_level(logging.INFO, "zoo"):
        new = zoo.load(folder, labels=["x", "y", "z"])
    assert [record.getMessage() for record in caplog.records] == [
        "mlp_classifier: new head 'head', initialised at random"
    ]
    assert_same_weights(weights_of(new), weights_of(old), but=HEAD)
    # As many classes as before, but others: the old head means nothing to them.
    assert not np.allclose(weights_of(new)["head/kernel"], weights_of(old)["head/kernel"])
    assert zoo.preprocessor(new).labels == ["x", "y", "z"]


def test_same_labels_keep_the_head(folder, caplog):
    model = zoo.load(folder, labels=("a", "b", "c"))
    assert_same_weights(weights_of(model), weights_of(zoo.load(folder)))
    assert caplog.records == []


def test_same_labels_in_another_order_are_new(folder, caplog):
    zoo.load(folder, labels=["c", "b", "a"])
    assert "new head 'head'" in caplog.text


def test_num_classes(folder):
    model = zoo.load(folder, num_classes=7)
    assert model.output_shape == (None, 7)
    assert zoo.preprocessor(model).labels == list("0123456")
    assert_same_weights(weights_of(model), weights_of(zoo.load(folder)), but=HEAD)


def test_no_classes_gives_the_features_below_the_head(folder, tmp_path, caplog):
    whole, model = zoo.load(folder), zoo.load(folder, num_classes=0)
    assert not model.compiled
    assert caplog.records == []
    features = model.predict(PICTURES)
    assert features.shape == (6, 4)
    head = weights_of(whole)
    np.testing.assert_allclose(
        features @ head["head/kernel"] + head["head/bias"], whole.predict(PICTURES), rtol=1e-4
    )
    zoo.save(model, tmp_path / "features")
    loaded = zoo.load(tmp_path / "features")
    assert not loaded.compiled
    np.testing.assert_array_equal(loaded.predict(PICTURES), features)
    # And back: the features get a head.
    assert zoo.load(tmp_path / "features", num_classes=2).predict(PICTURES).shape == (6, 2)
    assert "new head 'head'" in caplog.text


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"units": [5, 9]}, r"'hidden_1/kernel' is \(5, 4\) in the checkpoint and \(5, 9\)"),
        ({"units": [5]}, "the model has no 'hidden_1/bias'"),
        ({"units": [5, 4, 4]}, "the checkpoint has no 'hidden_2/bias'"),
        ({"input_shape": (14, 14)}, r"'hidden_0/kernel' is \(784, 5\).*\(196, 5\)"),
        # A new head is no leave to change anything else.
        ({"units": [6, 4], "num_classes": 2}, r"'hidden_0/kernel' is \(784, 5\).*\(784, 6\)"),
    ],
)
def test_other_change_of_shape_is_an_error(folder, override, message):
    with pytest.raises(ValueError, match=f"do not fit the model: .*{message}"):
        zoo.load(folder, **override)


def test_override_that_changes_no_shape(folder):
    model = zoo.load(folder, activation="tanh", dropout=0.5)
    assert_same_weights(weights_of(model), weights_of(zoo.load(folder)))
    assert not np.allclose(model.predict(PICTURES), zoo.load(folder).predict(PICTURES))


def test_unknown_override(folder):
    with pytest.raises(TypeError, match="no argument 'unit'"):
        zoo.load(folder, unit=3)


def test_load_of_a_model_copies_it(folder):
    model = zoo.load(folder)
    copy = zoo.load(model, labels=["x", "y"])
    assert_same_weights(weights_of(copy), weights_of(model), but=HEAD)
    copy.get_layer("hidden_0").bias.assign(np.ones(5))
    assert not np.allclose(weights_of(model)["hidden_0/bias"], 1)
    assert zoo.preprocessor(model).labels == ["a", "b", "c"]


@pytest.mark.parametrize("function", [zoo.save, zoo.pipeline, zoo.preprocessor, zoo.export])
def test_model_of_another_make_is_refused(function, tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="stranger")
    with pytest.raises(ValueError, match="'stranger' was not made by zoo"):
        function(model, *([tmp_path / "x"] if function in (zoo.save, zoo.export) else []))
    assert list(tmp_path.iterdir()) == []


def test_fine_tuned_model_goes_all_the_way(folder, tmp_path):
    import tensorflow as tf

    model = zoo.load(folder, labels=["left", "right"])
    before = weights_of(model)
    inputs, targets = zoo.preprocessor(model).encode(
        PICTURES, labels=["left", "right", "right", "left", "left", "right"]
    )
    model.fit(inputs, targets, verbose=0)
    for path, value in weights_of(model).items():
        assert not np.array_equal(value, before[path]), f"{path} was not trained"
    zoo.save(model, tmp_path / "tuned")
    loaded = zoo.load(tmp_path / "tuned")
    np.testing.assert_array_equal(loaded.predict(PICTURES), model.predict(PICTURES))
    answers = zoo.pipeline(tmp_path / "tuned")(PICTURES)
    assert [answer["label"] for answer in answers] == zoo.preprocessor(model).decode(
        model.predict(PICTURES)
    )
    zoo.export(tmp_path / "tuned", tmp_path / "exported")
    served = tf.saved_model.load(str(tmp_path / "exported" / "1")).signatures["serving_default"]
    exported = served(pixels=tf.constant(PICTURES))
    np.testing.assert_allclose(
        exported["probabilities"].numpy(),
        [list(answer["probabilities"].values()) for answer in answers],
        atol=1e-5,
    )


def test_weights_stored_as_float16(folder, tmp_path):
    found = Checkpoint.open(folder)
    halves = {key: value.astype("float16") for key, value in found.weights.items()}
    sha256 = checkpoint.write(
        tmp_path / "half",
        config=found.config,
        weights=halves,
        card=found.card,
        golden=found.golden,
    )
    model = zoo.load(tmp_path / "half", sha256=sha256)
    for path, value in weights_of(model).items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, halves[path].astype("float32"))


def test_save_refuses_a_full_folder_and_leaves_it(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        zoo.save(random_model(units=[3]), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_killed_save_leaves_no_folder(tmp_path):
    code = DIE_AT_OPEN + 'import zoo; zoo.save(zoo.build("mlp_classifier"), sys.argv[2])'
    done = run_python(code, "golden.npz", tmp_path / "model")
    assert done.returncode == -signal.SIGKILL, done.stderr
    # It died in the middle: some files were written, and the folder is not there.
    assert list(tmp_path.glob(".model.*/model.safetensors"))
    assert not (tmp_path / "model").exists()


def test_save_after_predictions_of_another_rank(tmp_path):
    model = random_model(units=[3])
    model.predict(PICTURES[..., None], verbose=0)
    zoo.save(model, tmp_path / "model")
    assert zoo.verify(tmp_path / "model")["golden"] < 1e-5
    assert zoo.verify(zoo.load(tmp_path / "model"))["golden"] < 1e-5


def test_unwritable_state_does_not_stop_a_save(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    sha256 = zoo.save(random_model(units=[3]), tmp_path / "model")
    with pytest.raises(zoo.UntrustedError):
        zoo.load(tmp_path / "model")
    zoo.load(tmp_path / "model", sha256=sha256)


def test_new_head_is_drawn_as_if_the_model_were_built_once(folder):
    keras.utils.set_random_seed(3)
    built = zoo.build("mlp_classifier", units=[5, 4], labels=["x", "y"])
    keras.utils.set_random_seed(3)
    loaded = zoo.load(folder, labels=["x", "y"])
    assert_same_weights(
        {path: weights_of(loaded)[path] for path in HEAD},
        {path: weights_of(built)[path] for path in HEAD},
    )
