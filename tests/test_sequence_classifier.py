"""A sentence to one label."""

import json

import numpy as np
import pytest
from helpers import random_model, run_python
from keras.layers import Conv1D, Dense

import zoo
from zoo.layers import Bidirectional, Highway, Recurrent
from zoo.pipelines.base import compiled, softmax

CELLS = ["elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm", "recurrent_highway"]
LABELS = ["bad", "good", "so-so"]
TEXTS = ["a Film", "", "neither a film nor anything else", "film"]


def classifier(**config):
    return random_model(
        "sequence_classifier",
        **{
            "labels": LABELS,
            "vocabulary": ["a", "film", "nor"],
            "units": 4,
            "word_units": 3,
            "dropout": 0.0,
            **config,
        },
    )


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_padding_changes_nothing(cell, bidirectional):
    assert_padding_changes_nothing(
        classifier(cell=cell, bidirectional=bidirectional, depth=2, trigram_units=2)
    )


def assert_padding_changes_nothing(model):
    encode, predict = zoo.preprocessor(model).encode, compiled(model)
    together = predict(encode(TEXTS))
    for text, logits in zip(TEXTS, together, strict=True):
        alone = predict(encode(text))[0]
        np.testing.assert_allclose(alone, logits, atol=1e-5)
    assert np.ptp(together, axis=0).min() > 1e-4


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("highway", ["dense", "conv", "lstm"])
def test_highway_layers_of_any_kind(highway, bidirectional):
    model = classifier(highway=highway, depth=4, bidirectional=bidirectional)
    layers = [layer for layer in model.layers if isinstance(layer, Highway)]
    kinds = {"dense": Dense, "conv": Conv1D, "lstm": Bidirectional if bidirectional else Recurrent}
    assert [isinstance(layer.transform, kinds[highway]) for layer in layers] == [True] * 3
    assert_padding_changes_nothing(model)
    # With all gates shut it is the network of one layer.
    for layer in layers:
        layer.gate_logits.bias.assign(np.full(layer.gate_logits.bias.shape, -1e9))
    plain = classifier(bidirectional=bidirectional)
    for layer in plain.layers:
        layer.set_weights(model.get_layer(layer.name).get_weights())
    encoded = zoo.preprocessor(model).encode(TEXTS)
    expected = plain.predict(encoded, verbose=0)
    np.testing.assert_allclose(model.predict(encoded, verbose=0), expected, atol=1e-6)


def test_true_is_the_recurrent_kind_and_false_none():
    names = [
        [layer.name for layer in classifier(highway=highway, depth=2).layers]
        for highway in (True, "lstm", False, None)
    ]
    assert names[0] == names[1]
    assert names[2] == names[3]
    assert not any(isinstance(one, Highway) for one in classifier(highway=False, depth=2).layers)


@pytest.mark.parametrize(
    ("shortcut", "word_units"), [("project", 5), ("pad", 5), ("subsample", 16)]
)
def test_first_layer_is_a_highway_layer_too(shortcut, word_units, tmp_path):
    model = classifier(highway="lstm", shortcut=shortcut, word_units=word_units, depth=2)
    first = model.get_layer("recurrent_0")
    assert isinstance(first, Highway)
    assert first.shortcut == shortcut
    assert_padding_changes_nothing(model)
    sha256 = zoo.save(model, tmp_path / "saved")
    encoded = zoo.preprocessor(model).encode(TEXTS)
    loaded = zoo.load(tmp_path / "saved", sha256=sha256).predict(encoded, verbose=0)
    np.testing.assert_array_equal(loaded, model.predict(encoded, verbose=0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"highway": "gru"}, "highway must be None or one of .* got 'gru'"),
        ({"shortcut": "pad"}, "shortcut='pad' is for Highway layers, and highway is None"),
        ({"highway": "lstm", "shortcut": "skip"}, "shortcut must be None or one of"),
        ({"highway": "lstm", "shortcut": "pad", "word_units": 9}, "cannot bring an input of shape"),
    ],
)
def test_highway_that_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        classifier(**arguments)


def test_the_ends_decide():
    """The forward half after the last word, the backward half after the first."""
    model = classifier(labels=[], cell="gru")
    one_way = classifier(labels=[], cell="gru", bidirectional=False)
    layers = {layer.name: layer for layer in model.layers}
    one = {layer.name: layer for layer in one_way.layers}
    one["word_embeddings"].set_weights(layers["word_embeddings"].get_weights())
    encoded = zoo.preprocessor(classifier()).encode(["a film nor", "nor film a"])
    features = model.predict(encoded, verbose=0)
    weights = layers["recurrent_0"].get_weights()
    one["recurrent_0"].set_weights(weights[: len(weights) // 2])
    np.testing.assert_allclose(one_way.predict(encoded, verbose=0), features[:, :4], atol=1e-5)
    one["recurrent_0"].set_weights(weights[len(weights) // 2 :])
    # Backward over one sentence is forward over the other.
    swapped = {name: value[::-1] for name, value in encoded.items()}
    np.testing.assert_allclose(one_way.predict(swapped, verbose=0), features[:, 4:], atol=1e-5)


def test_it_learns_which_is_which():
    model = classifier()
    inputs, targets = zoo.preprocessor(model).encode(TEXTS, ["bad", "good", 2, "bad"])
    assert targets.tolist() == [0, 1, 2, 0]
    history = model.fit(inputs, targets, epochs=60, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_answers(tmp_path):
    model = classifier(highway=True, depth=2)
    classify = zoo.pipeline(model)
    answers = classify(TEXTS)
    assert json.loads(json.dumps(answers)) == answers
    logits = model.predict(zoo.preprocessor(model).encode(TEXTS), verbose=0)
    for text, answer, row in zip(TEXTS, answers, softmax(logits), strict=True):
        if not text:
            assert answer == {"text": "", "label": None, "score": None, "probabilities": {}}
            continue
        assert answer["label"] == LABELS[row.argmax()]
        np.testing.assert_allclose(list(answer["probabilities"].values()), row, atol=1e-5)
    assert classify(words=["a", "Film"])["label"] == answers[0]["label"]
    two = classify("film", top_k=2)["probabilities"]
    assert list(two.values()) == sorted(two.values(), reverse=True)
    assert len(two) == 2
    assert classify("film " * 9000)["label"] in LABELS
    sha256 = zoo.save(model, tmp_path / "saved")
    again = zoo.pipeline(tmp_path / "saved", sha256=sha256)(TEXTS)
    assert [answer["label"] for answer in again] == [answer["label"] for answer in answers]


def test_new_labels_and_none(caplog):
    model = classifier()
    assert "new head 'logits'" in (zoo.load(model, labels=["x", "y"]) and caplog.text)
    encoded = zoo.preprocessor(model).encode(TEXTS)
    assert zoo.load(model, num_classes=0).predict(encoded, verbose=0).shape == (4, 8)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["bad"], "labels must have one for each of 2 sentences"),
        ("bad", "labels must have one for each of 2 sentences"),
        (["bad", "awful"], "labels must be among 3 known ones"),
    ],
)
def test_bad_labels(labels, message):
    with pytest.raises(ValueError, match=message):
        zoo.preprocessor(classifier()).encode(["a", "b"], labels)


def test_bad_input():
    classify = zoo.pipeline(classifier())
    with pytest.raises(ValueError, match="top_k must be from 1 to 3, got 4"):
        classify("a", top_k=4)
    with pytest.raises(TypeError, match=r"inputs\[1\] must be a text, got 3"):
        classify(["a", 3])


def test_a_saved_model_takes_strings(tmp_path):
    model = classifier(character_filters=2)
    folder = zoo.export(model, tmp_path / "exported")
    code = """
import sys

sys.modules["zoo"] = sys.modules["keras"] = None

import json
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
answer = serve(texts=tf.constant(json.loads(sys.argv[2])))
labels = [label.decode() for label in answer["labels"].numpy()]
print("answers:", json.dumps([labels, answer["probabilities"].numpy().tolist()]))
"""
    output = run_python(code, folder, json.dumps(TEXTS)).stdout
    labels, probabilities = json.loads(output.partition("answers:")[2])
    answers = zoo.pipeline(model)(TEXTS)
    assert labels == [answer["label"] or "" for answer in answers]
    for row, answer in zip(probabilities, answers, strict=True):
        if answer["label"]:
            np.testing.assert_allclose(row, list(answer["probabilities"].values()), atol=1e-4)
