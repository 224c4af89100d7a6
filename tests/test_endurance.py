"""A training goes on to the same weights, whatever stops it, and says what is kept."""

import json
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from helpers import ROOT, run_python
from typer.testing import CliRunner

import zoo
from training.__main__ import app
from training.recipe import adamw
from training.recipes import recipe
from training.state import TrainingState, replace_file
from training.workers import Worker, digests, weights_digest
from zoo.checkpoint import Checkpoint

# Dropout draws from a generator that keeps its state; a state is written after every step.
TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from training.driver import Training, train
from training.recipes import recipe

small = replace(
    recipe("mlp_mnist"), arguments={"units": [16], "dropout": 0.3}, epochs=2,
    train="train[:1000]", validation="train[55000:55500]", test="test[:500]",
)
if __name__ == "__main__":
    train(Training("mlp_mnist", small, 0, Path(sys.argv[1]), every=0))
"""

# Kills its own process when the state is written for the sys.argv[2]-th time.
DIE_AT_STATE = """
import os, signal, sys

left = int(sys.argv[2])

def die(event, arguments):
    global left
    if event == "open" and str(arguments[0]).endswith("state.npz.part"):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""


@pytest.fixture(scope="module")
def whole(need_data, tmp_path_factory):
    """The output of a training that nothing disturbed."""
    need_data("mnist")
    output = tmp_path_factory.mktemp("whole") / "run"
    done = run_python(TRAIN, output)
    assert done.returncode == 0, done.stderr
    return output


def weights_of(output):
    return (output / "checkpoint" / "model.safetensors").read_bytes()


def stands_at(output):
    """The finished epochs, and the steps of the next, that the state has."""
    with np.load(output / "state.npz") as state:
        return len(json.loads(str(state["history"]))), int(state["step"])


@pytest.fixture(scope="module")
def killed(need_data, tmp_path_factory):
    """The output of the same, killed in the midst of its first epoch, which has seven steps."""
    need_data("mnist")
    output = tmp_path_factory.mktemp("killed") / "run"
    done = run_python(DIE_AT_STATE + TRAIN, output, 4)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert stands_at(output) == (0, 3)
    return output


def test_training_killed_again_and_again_ends_with_the_same_bits(whole, killed, tmp_path):
    output = tmp_path / "run"
    shutil.copytree(killed, output)
    # None is written after the last step of an epoch: the second kill is at the epoch's own.
    for writes, place in [(3, (0, 5)), (2, (0, 6)), (4, (1, 2))]:
        done = run_python(DIE_AT_STATE + TRAIN, output, writes)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert stands_at(output) == place
    done = run_python(TRAIN, output)
    assert done.returncode == 0, done.stderr
    assert weights_of(output) == weights_of(whole)
    logs = [(run / "log.csv").read_text().splitlines() for run in (output, whole)]
    for ours, theirs in zip(*logs, strict=True):
        # All but the seconds; a loss is put together of two means.
        assert ours.split(",")[2:-1] == theirs.split(",")[2:-1]
    ours, theirs = (Checkpoint.open(run / "checkpoint").card for run in (output, whole))
    assert ours["metrics"] == theirs["metrics"]


def test_no_space_for_a_state(whole, killed, tmp_path):
    shutil.copytree(killed, tmp_path / "run")
    before = (tmp_path / "run" / "state.npz").read_bytes()
    full = (
        f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) // 2},) * 2)\n"
    )
    done = run_python(full + TRAIN, tmp_path / "run")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert "no state can be written" in message
    assert "keeps the state after epoch 0, step 3 of the next" in message
    assert (tmp_path / "run" / "state.npz").read_bytes() == before
    assert not list((tmp_path / "run").glob("*.part"))
    done = run_python(TRAIN, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert weights_of(tmp_path / "run") == weights_of(whole)


def test_ctrl_c(need_data, tmp_path):
    need_data("mnist")
    command = [sys.executable, "-m", "training", "mlp_mnist", "--every", "0", "--output"]
    process = subprocess.Popen(
        [*command, str(tmp_path)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        # What runs in the background of a shell ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (tmp_path / "state.npz").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    message = errors.decode().strip().splitlines()[-1]
    assert message.startswith("stopped: ")
    epoch, step = stands_at(tmp_path)
    assert f"keeps the state after epoch {epoch}, step {step} of the next" in message


def test_data_that_vanished(killed, tmp_path):
    shutil.copytree(killed, tmp_path / "run")
    before = (tmp_path / "run" / "state.npz").read_bytes()
    (tmp_path / "empty").mkdir()
    nowhere = {
        "ZOO_DATA_DIR": tmp_path / "empty",
        "TFDS_DATA_DIR": tmp_path / "prepared",
        "ZOO_OFFLINE": "1",
    }
    done = run_python(TRAIN, tmp_path / "run", **nowhere)
    assert done.returncode == 1
    assert "DataUnavailableError" in done.stderr.strip().splitlines()[-1]
    assert (tmp_path / "run" / "state.npz").read_bytes() == before


def small_model(precision=None, **optimizer):
    """A model of two weights that learns y = 3 x, and its optimizer as a recipe makes it."""
    keras.config.set_dtype_policy(precision or "float32")
    try:
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, name="line")])
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(adamw(40, **{"rate": 0.1, "weight_decay": 0.0} | optimizer), loss="mse")
    return model


def fitted(model, state, steps=40):
    x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    model.fit(
        np.tile(x, (steps, 1)), np.tile(3 * x, (steps, 1)), batch_size=8, shuffle=False,
        callbacks=[state], verbose=0,
    )  # fmt: skip


def state_of(path, **options):
    return TrainingState(path / "state.npz", {"name": "line"}, "-loss", **options)


def test_weights_that_are_no_numbers_are_not_kept(tmp_path):
    model, state = small_model(), state_of(tmp_path, every=0)
    assert state.restore(model) == 0
    fitted(model, state)
    before = (tmp_path / "state.npz").read_bytes()

    class Poison(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.get_layer("line").kernel.assign([[float("nan")]])

    state = state_of(tmp_path, every=0)
    state.restore(model)
    with pytest.raises(FloatingPointError, match=r"a weight is no number: .*kernel.*after epoch 1"):
        model.fit(np.ones((8, 1)), np.ones((8, 1)), callbacks=[Poison(), state], verbose=0)
    assert (tmp_path / "state.npz").read_bytes() == before


def test_averaging_results_in_the_mean_of_the_weights(tmp_path):
    model, seen = small_model(averaging=0.9), []
    state = state_of(tmp_path)
    state.restore(model)

    class See(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights()[0][0, 0])

    x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    model.fit(
        np.tile(x, (10, 1)), np.tile(3 * x, (10, 1)), batch_size=8, shuffle=False,
        callbacks=[See(), state], verbose=0,
    )  # fmt: skip
    # It starts at the weights after the first step.
    average = seen[0]
    for value in seen[1:]:
        average = 0.9 * average + 0.1 * value
    kernel = state.best[0][0, 0]
    assert kernel == pytest.approx(average, abs=1e-5)
    assert abs(kernel - seen[-1]) > 1e-4


def test_accumulation_makes_one_update_of_many_steps():
    x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    whole, parts = small_model(accumulation=1), small_model(accumulation=4)
    parts.set_weights(whole.get_weights())
    whole.compile(keras.optimizers.SGD(0.1), loss="mse")
    accumulated = keras.optimizers.SGD(0.1, gradient_accumulation_steps=4)
    assert parts.optimizer.gradient_accumulation_steps == 4
    parts.compile(accumulated, loss="mse")
    whole.fit(x, 3 * x, batch_size=8, shuffle=False, verbose=0)
    parts.fit(x, 3 * x, batch_size=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(parts.get_weights()[0], whole.get_weights()[0], atol=1e-6)


def test_schedule_counts_updates():
    optimizer = adamw(400, rate=0.1, weight_decay=0.0, accumulation=4)
    assert float(optimizer._learning_rate(100)) == pytest.approx(0, abs=1e-6)
    assert float(optimizer._learning_rate(5)) == pytest.approx(0.1)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_resumes(precision, tmp_path):
    model, state = small_model(precision, rate=0.5), state_of(tmp_path, every=0)
    assert model.get_layer("line").compute_dtype == precision.removeprefix("mixed_")
    state.restore(model)
    fitted(model, state)
    assert abs(state.best[0][0, 0] - 3) < 0.5
    assert all(weight.dtype == np.float32 for weight in state.best)
    again, other = small_model(precision, rate=0.5), state_of(tmp_path)
    assert other.restore(again) == 1
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])
    assert len(again.optimizer.variables) == len(model.optimizer.variables)
    for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_options_change_the_recipe():
    chosen = recipe("mlp_mnist")
    changed = chosen.changed(epochs=3, precision="mixed_bfloat16", clip_norm=0.5, averaging=0.99)
    assert changed.settings()["optimizer"] == chosen.settings()["optimizer"] | {
        "clip_norm": 0.5,
        "averaging": 0.99,
    }
    assert changed.settings()["precision"] == "mixed_bfloat16"
    assert changed.epochs == 3
    assert chosen.changed().settings() == chosen.settings()
    optimizer = changed.optimizer(10)
    assert (optimizer.clipnorm, optimizer.ema_momentum) == (0.5, 0.99)


def test_trained_with_every_option(need_data, tmp_path):
    need_data("mnist")
    code = TRAIN.replace(
        "if __name__", 'small = small.changed(precision="mixed_bfloat16", accumulation=2, '
        "averaging=0.9, clip_norm=0.5)\nif __name__"
    )  # fmt: skip
    whole = run_python(code, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    killed = run_python(DIE_AT_STATE + code, tmp_path / "run", 4)
    assert killed.returncode == -signal.SIGKILL
    done = run_python(code, tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "whole")
    card = Checkpoint.open(tmp_path / "run" / "checkpoint").card
    assert card["settings"]["precision"] == "mixed_bfloat16"
    assert card["settings"]["optimizer"]["averaging"] == 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--precision", "half"], "half"),
        (["--seeds", "2", "--engine", "ray"], "seeds"),
        (["--engine", "ray", "--workers", "3"], "batch of 128 evenly, got 3"),
        (["--start", "mlp_mnist"], "start: mlp_mnist is of another model"),
        (["--start", "mlp_mnits"], "mlp_mnits"),
        (["--seeds", "2", "--start", "highway_mnist_50"], "seeds"),
        (["--rate", "0"], "rate must be a positive number, got 0.0"),
        (["--averaging", "1"], "averaging must be at least 0 and less than 1, got 1.0"),
        (["--batch-size", "60000"], "batch_size must be at most the 55000 examples"),
        (["--accumulation", "1000000"], "accumulation must be at most the"),
    ],
)
def test_options_that_cannot_be(options, message, need_data, tmp_path):
    need_data("mnist")
    done = CliRunner().invoke(app, ["highway_mnist_50", "--output", str(tmp_path), *options])
    assert done.exit_code == 1
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_training_begins_with_the_weights_of_a_checkpoint(need_data, tmp_path):
    need_data("mnist")
    # At such a rate none changes.
    options = ["--start", "mlp_mnist", "--rate", "1e-12", "--epochs", "1", "--batch-size", "5000"]
    done = CliRunner().invoke(app, ["mlp_mnist", *options, "--output", str(tmp_path)])
    assert done.exit_code == 0, done.output
    found, published = Checkpoint.open(tmp_path / "checkpoint"), zoo.load("mlp_mnist")
    for weight in published.weights:
        np.testing.assert_allclose(found.weights[weight.path], weight, atol=1e-6)
    changes = "--epochs 1 --batch-size 5000 --rate 1e-12 --start mlp_mnist"
    assert found.card["recipe"] == f"python -m training mlp_mnist --seed 0 {changes}"
    assert found.card["hardware"] == zoo.loading.hardware()


def test_training_ends_at_its_goal(tmp_path):
    model, state = small_model(), state_of(tmp_path, goal=-1.0)
    model.get_layer("line").kernel.assign([[0.0]])
    state.restore(model)
    x = np.linspace(-1, 1, 8, dtype="float32")[:, None]
    while (done := state.restore(model)) < 40 and not state.at_goal:
        model.fit(
            x, 3 * x, batch_size=8, initial_epoch=done, epochs=done + 1, callbacks=[state],
            verbose=0,
        )  # fmt: skip
    *before, last = [epoch["loss"] for epoch in state.history]
    assert last <= 1.0 < min(before)
    again = state_of(tmp_path, goal=-1.0)
    again.restore(small_model())
    assert again.at_goal


def test_replace_file_leaves_nothing_half_written(tmp_path):
    path = tmp_path / "state"
    replace_file(path, b"old")
    (tmp_path / "state.part").mkdir()
    with pytest.raises(OSError, match=r"state\.part"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"


def test_workers_share_a_batch_in_order():
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensors({"a": tf.range(8), "b": tf.range(16)[:, None][::2]})
    parts = [list(Worker(rank, 4).rows_of(batches, 8).as_numpy_iterator()) for rank in range(4)]
    for name, column in next(iter(batches.as_numpy_iterator())).items():
        found = np.concatenate([part[name] for ((part,),) in parts])
        np.testing.assert_array_equal(found, column)
    with pytest.raises(ValueError, match="batch of 8 evenly, got 3"):
        Worker(0, 3).rows_of(batches, 8)


def test_digests_tell_what_differs(tmp_path, monkeypatch):
    examples = (np.arange(6).reshape(2, 3), {"labels": ["a", "b"]})
    same = digests((np.arange(6).reshape(2, 3), {"labels": ["a", "b"]}))
    assert digests(examples) == same
    other = digests((examples[0], {"labels": ["a", "c"]}))
    assert {name for name in same if same[name] != other[name]} == {"training data"}
    other = digests((examples[0].reshape(3, 2), examples[1]))
    assert {name for name in same if same[name] != other[name]} == {"training data"}
    copy = tmp_path / "training"
    shutil.copytree(ROOT / "training", copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr("training.workers.SOURCES", [copy, ROOT / "zoo"])
    assert digests(examples) == same
    with (copy / "driver.py").open("a") as file:
        file.write("# changed\n")
    assert {name for name in same if same[name] != digests(examples)[name]} == {"code"}
    weights = [np.arange(3.0), np.ones((2, 2))]
    assert weights_digest(weights) != weights_digest(weights[::-1])
