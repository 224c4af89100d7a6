"""Verifying finds what differs from what was promised."""

import numpy as np
import pytest
from helpers import random_model, random_pictures

import zoo
from zoo import checkpoint
from zoo.checkpoint import Checkpoint
from zoo.errors import IntegrityError
from zoo.verification import evaluate


def rewritten(folder, target, **changed):
    """Writes a checkpoint like that in `folder` but for what is `changed`; returns its sha256."""
    found = Checkpoint.open(folder)
    parts = {
        "config": found.config,
        "weights": found.weights,
        "card": found.card,
        "golden": found.golden,
    }
    return checkpoint.write(target, **(parts | changed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    zoo.save(random_model(units=[5]), folder)
    return folder


def test_saved_model_is_what_it_says(folder):
    report = zoo.verify(folder)
    assert report.keys() == {"files", "golden"}
    assert report["files"] == 4
    assert report["golden"] < 1e-5


def test_known_checkpoints_are_what_they_say(known):
    for name in zoo.list_models():
        assert zoo.verify(name, metrics=False)["golden"] < 1e-5


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"dataset": {"name": "mnist"}}, "the card's dataset has no test_split"),
        (
            {"dataset": {"name": "mnist", "test_split": "test[:20]"}},
            "no metric of the task named 'top1'",
        ),
    ],
)
def test_metrics_that_cannot_be_computed_again(card, message, need_data, tmp_path):
    need_data("mnist")
    card = card | {"metrics": {"top1": 0.9}}
    zoo.save(random_model(units=[5]), tmp_path / "model", card=card)
    with pytest.raises(ValueError, match=message):
        zoo.verify(tmp_path / "model")


@pytest.mark.parametrize("wrong", [lambda output: output + 0.01, lambda output: output * np.nan])
def test_golden_output_that_differs(folder, tmp_path, wrong):
    golden_input, golden_output = Checkpoint.open(folder).golden
    sha256 = rewritten(folder, tmp_path / "x", golden=(golden_input, wrong(golden_output)))
    with pytest.raises(IntegrityError, match="the golden output differs by"):
        zoo.verify(tmp_path / "x", sha256=sha256)


def test_weight_that_differs(folder, tmp_path):
    weights = {key: value.copy() for key, value in Checkpoint.open(folder).weights.items()}
    weights["head/bias"][3] += 0.01
    sha256 = rewritten(folder, tmp_path / "x", weights=weights)
    with pytest.raises(IntegrityError, match="the golden output differs by"):
        zoo.verify(tmp_path / "x", sha256=sha256)


def test_model_is_held_against_its_checkpoint(folder):
    model = zoo.load(folder)
    zoo.verify(model)
    model.get_layer("head").bias.assign(np.ones(10))
    with pytest.raises(IntegrityError, match="the golden output differs by"):
        zoo.verify(model)


def test_model_without_checkpoint(folder):
    for model in (random_model(units=[5]), zoo.load(folder, num_classes=3)):
        with pytest.raises(ValueError, match="has no checkpoint to be held against"):
            zoo.verify(model)


def test_metrics_are_those_of_the_test_set(need_data, tmp_path):
    need_data("mnist")
    model = random_model(units=[5])
    metrics = evaluate(model, zoo.data.load("mnist", "test[:500]"))
    pictures, ids = zoo.data.load("mnist", "test[:500]")
    right = np.argmax(model.predict(pictures, verbose=0), axis=1) == ids
    assert metrics["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    card = {"dataset": {"name": "mnist", "test_split": "test[:500]"}}
    zoo.save(model, tmp_path / "right", card=card | {"metrics": metrics})
    assert zoo.verify(tmp_path / "right")["metrics"] == metrics
    wrong = metrics | {"accuracy": metrics["accuracy"] + 0.01}
    zoo.save(model, tmp_path / "wrong", card=card | {"metrics": wrong})
    with pytest.raises(IntegrityError, match=r"accuracy is 0\.\d+, the card says 0\.\d+"):
        zoo.verify(tmp_path / "wrong")
    assert "metrics" not in zoo.verify(tmp_path / "wrong", metrics=False)


def test_feature_model_is_what_it_says(folder, tmp_path):
    zoo.save(zoo.load(folder, num_classes=0), tmp_path / "features")
    assert zoo.verify(tmp_path / "features")["golden"] < 1e-5
    assert zoo.load(tmp_path / "features").predict(random_pictures(2), verbose=0).shape == (2, 5)
