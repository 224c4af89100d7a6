"""What several test modules use."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent


def random_model(builder="mlp_classifier", *, seed=0, **config):
    """A model whose every weight, biases too, is a draw of its own."""
    import zoo

    model = zoo.build(builder, **config)
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))
    return model


def random_pictures(count, shape=(28, 28), seed=1):
    """Noise that is mostly black, or all pictures would be much the same to a network."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(1, 256, (count, *shape), dtype=np.uint8)
    return np.where(rng.random(pixels.shape) < 0.1, pixels, 0).astype(np.uint8)


def run_python(code, *arguments, **environment):
    """Runs `code` in a fresh process in the project's root; a None unsets a variable."""
    merged = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={key: str(value) for key, value in merged.items() if value is not None},
        capture_output=True,
        text=True,
    )


# Field of a card -> its type; for a dict, the fields that it has in turn (None: any).
CARD = {
    "task": str,
    "builder": str,
    "parameters": int,
    "versions": {"gatezoo": str, "python": str, "keras": str, "backend": str, "tensorflow": str},
    "summary": str,
    "dataset": {
        "name": str,
        "version": str,
        "homepage": str,
        "citation": str,
        "licence": str,
        "train_split": str,
        "validation_split": str,
        "test_split": str,
    },
    "metrics": None,
    "validation_metrics": None,
    "recipe": str,
    "settings": None,
    "seed": int,
    "training_seconds": int,
    "hardware": str,
    "published": None,
    "citation": str,
    "licence": str,
}
# Task -> the metrics of a card, and of these those that a model of the task need not have.
METRICS = {
    "image-classification": ({"accuracy", "loss"}, set()),
    "slot-filling": (
        {"f1", "precision", "recall", "intent_accuracy", "sentence_accuracy"},
        {"intent_accuracy"},
    ),
    "tagging": ({"f1", "precision", "recall", "accuracy"}, {"f1", "precision", "recall"}),
}


def assert_card(card, where):
    """A card has all of its fields and no other, but the spread over seeds that some have."""
    assert_fields({k: v for k, v in card.items() if k != "seeds"}, CARD, where)
    every, optional = METRICS[card["task"]]
    for metrics in (card["metrics"], card["validation_metrics"]):
        assert every - optional <= metrics.keys() <= every, where
        assert all(0 <= value <= (9 if name == "loss" else 1) for name, value in metrics.items())
    assert card["published"].keys() - every == {"what", "source"}, where
    for name, spread in card.get("seeds", {}).items():
        if name == "seeds":
            assert card["seed"] in spread, where
            continue
        assert card["metrics"][name] in spread["values"], where
        assert min(spread["values"]) <= spread["mean"] <= max(spread["values"]), where


def assert_fields(card, fields, where):
    assert card.keys() == fields.keys(), where
    for field, expected in fields.items():
        value = card[field]
        if isinstance(expected, dict):
            assert_fields(value, expected, f"{where}.{field}")
        elif expected is None:
            assert isinstance(value, dict), f"{where}.{field}"
        else:
            assert type(value) is expected, f"{where}.{field} is {value!r}"
            assert value != "", f"{where}.{field} is empty"


# Kills its own process, as a power cut would, when a file whose path ends in sys.argv[1] is opened.
DIE_AT_OPEN = """
import os, signal, sys

def die(event, arguments):
    if event == "open" and str(arguments[0]).endswith(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""
