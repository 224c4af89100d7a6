"""The same weights give the same results on TensorFlow, JAX and PyTorch.

JAX and PyTorch run tests/backend_probe.py in a process of their own, and are held to what the same
functions return in this process, whose TensorFlow the other tests hold to float64 NumPy.
"""

import importlib.util
import os
from functools import cache
from pathlib import Path

import backend_probe
import numpy as np
import pytest
from helpers import random_model, random_pictures, run_python

import zoo

PROBE = """
import sys
from backend_probe import main

main(*sys.argv[1:])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("backends")


@pytest.fixture(scope="module")
def checkpoint(folder):
    """A saved checkpoint, and the logits of the model it was saved from."""
    model = random_model("highway_classifier", depth=5)
    sha256 = zoo.save(model, folder / "checkpoint")
    np.save(folder / "pictures.npy", random_pictures(8))
    return sha256, model.predict(random_pictures(8), verbose=0)


@pytest.fixture(scope="module", params=["jax", "torch"])
def probed(request, folder, checkpoint):
    """Called with the name of a result, returns what one backend made of it."""
    backend = request.param
    if importlib.util.find_spec(backend) is None:
        reason = f"{backend} is not installed: make backends"
        if os.environ.get("ZOO_REQUIRE_BACKENDS"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = run_python(
        PROBE,
        folder,
        checkpoint[0],
        KERAS_BACKEND=backend,
        PYTHONPATH=Path(__file__).parent,
        # Each of many small functions runs once: making it fast would take most of the time.
        XLA_FLAGS="--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    )
    assert done.returncode == 0, done.stderr
    return lambda name: dict(np.load(folder / f"{backend}-{name}.npz"))


@cache
def of_this_process(name):
    return getattr(backend_probe, name)()


def assert_same(results, expected, tolerance):
    assert results.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(results[name], expected[name], atol=tolerance, err_msg=name)


@pytest.mark.parametrize(
    "name",
    [
        "layer_outputs",
        "switched_off_outputs",
        "masked_outputs",
        "recurrent_outputs",
        "crf_outputs",
        "labeller_outputs",
        "search_outputs",
        "writer_outputs",
    ],
)
def test_layers_give_the_same_outputs(probed, name):
    assert_same(probed(name), of_this_process(name), 1e-5)


def test_layer_is_switched_off_and_comes_back(probed):
    outputs = probed("switched_off_outputs")
    assert np.abs(outputs["off"] - outputs["before"]).max() > 0.01
    np.testing.assert_array_equal(outputs["after"], outputs["before"])


def test_masked_step_does_not_count(probed):
    outputs = probed("masked_outputs")
    np.testing.assert_allclose(np.delete(outputs["gap"], 2, axis=1), outputs["no_gap"], atol=1e-6)


def test_checkpoint_gives_the_same_logits(probed, checkpoint):
    logits = probed("checkpoint")["logits"]
    assert np.ptp(logits) > 0.1
    np.testing.assert_allclose(logits, checkpoint[1], atol=1e-4)


@pytest.mark.parametrize(
    "name", ["moves_of_one_step", "moves_of_a_recurrent_step", "moves_of_a_crf_step"]
)
def test_training_step_moves_the_weights_alike(probed, name):
    moves = probed(name)
    for path, move in moves.items():
        assert np.abs(move).max() > 1e-3, path
    assert_same(moves, of_this_process(name), 1e-5)
