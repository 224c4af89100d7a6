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


# What a published card has besides what `zoo.save` computes.
FULL_CARD = {
    "summary": "random digits",
    "dataset": {
        "name": "mnist",
        "version": "3.0.1",
        "homepage": "https://example.org/",
        "citation": "@misc{digits,\n  title = {Digits},\n}",
        "licence": "CC0 1.0",
        "train_split": "train[:9]",
        "validation_split": "train[9:]",
        "test_split": "test",
    },
    "metrics": {"accuracy": 0.1, "loss": 2.5},
    "validation_metrics": {"accuracy": 0.2, "loss": 2.25},
    "recipe": "python -m training digits --seed 3",
    "settings": {
        "arguments": {"units": [8]},
        "epochs": 2,
        "optimizer": {"name": "adamw", "rate": 0.003},
        "augment": None,
    },
    "seed": 3,
    "training_seconds": 90,
    "hardware": "a processor, 2 cores",
    "published": {"what": "a larger network", "accuracy": 0.25, "source": "Someone: Digits. 1998."},
    "citation": "Someone: Digits. 1998.",
    "licence": "Apache-2.0",
}


# Kills its own process, as a power cut would, when a file whose path ends in sys.argv[1] is opened.
DIE_AT_OPEN = """
import os, signal, sys

def die(event, arguments):
    if event == "open" and str(arguments[0]).endswith(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""
