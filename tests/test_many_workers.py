"""Workers of Ray train what one process trains, though one of them dies on the way."""

import csv
import logging
import os
import random
import signal
import subprocess
import time
from dataclasses import replace
from functools import partial
from threading import Thread

import numpy as np
import pytest
from helpers import run_python

from training.driver import Training, train
from training.ray_engine import go_on, run
from training.recipes import recipe
from training.workers import WorkersDifferError
from zoo.checkpoint import Checkpoint

pytest.importorskip("ray")
pytest.importorskip("jax")

SMALL = replace(
    recipe("mlp_mnist"),
    arguments={"units": [32], "dropout": 0.3},
    epochs=2,
    train="train[:6000]",
    validation="train[55000:56000]",
    test="test[:1000]",
    # Never reached: both workers look at what one has scored.
    goal=2.0,
)

ALONE = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from test_many_workers import SMALL
from training.driver import Training, train
train(Training("mlp_mnist", SMALL, 0, Path(sys.argv[1])))
"""


def kill_one(output):
    """Kills one of the two workers, when an epoch is begun."""
    while not (output / "state.npz").exists():
        time.sleep(0.02)
    found = subprocess.run(["pgrep", "-f", "ray::RayTrainWorker"], capture_output=True, text=True)
    os.kill(int(random.Random(1).choice(found.stdout.split())), signal.SIGKILL)


def losses(output):
    with (output / "log.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def test_two_workers_of_which_one_is_killed(need_data, tmp_path):
    need_data("mnist")
    two, one = tmp_path / "two", tmp_path / "one"
    killer = Thread(target=kill_one, args=(two,), daemon=True)
    killer.start()
    root = logging.getLogger()
    logged = root.level, root.handlers[:]
    folder = train(Training("mlp_mnist", SMALL, 0, two, every=0), partial(run, workers=2))
    assert not killer.is_alive()
    # Ray quietens its own processes, not the caller's.
    assert (root.level, root.handlers) == logged
    done = run_python(ALONE, one, KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(losses(two), losses(one), atol=1e-4)
    ours, theirs = Checkpoint.open(folder), Checkpoint.open(one / "checkpoint")
    assert ours.weights.keys() == theirs.weights.keys()
    for name, value in ours.weights.items():
        np.testing.assert_allclose(value, theirs.weights[name], atol=1e-4)
    assert ours.card["metrics"]["accuracy"] > 0.5
    assert not list(two.rglob("*.part"))


def test_workers_of_other_code_are_refused(need_data, tmp_path):
    need_data("mnist")
    (tmp_path / "other.py").write_text("# another version\n")
    folder = tmp_path

    def differently(config):
        import ray.train

        import training.workers

        if ray.train.get_context().get_world_rank() == 1:
            training.workers.SOURCES.append(folder)
        return go_on(config)

    training = Training("mlp_mnist", SMALL, 0, tmp_path / "run")
    with pytest.raises(WorkersDifferError, match=r"the same code: ranks \[1\]"):
        run(training, workers=2, work=differently)
    assert not (tmp_path / "run" / "state.npz").exists()
