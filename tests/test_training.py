"""A training is a function of its recipe and seed, whatever happens on the way."""

import csv
import inspect
import json
import shutil
import signal
from dataclasses import replace
from itertools import chain, pairwise
from typing import get_type_hints

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import DIE_AT_OPEN, random_pictures, run_python
from typer.testing import CliRunner

import zoo
from training import pairs, sentences
from training.__main__ import app
from training.pages import revisions
from training.pictures import batches, random_affine
from training.recipe import Recipe, adamw
from training.recipes import RECIPES, recipe
from zoo import card, registry
from zoo.checkpoint import Checkpoint

COUNT = 50
ROWS = random_pictures(COUNT, (4, 4))
ROWS[:, 0, 0] = np.arange(COUNT)


def rows_of(dataset):
    """The ids of each batch, which are the numbers of the rows."""
    return [ids.tolist() for _, ids in dataset.as_numpy_iterator()]


def some_batches(**changed):
    settings = {"batch_size": 10, "seed": 3, "first_epoch": 0, "epochs": 2} | changed
    return batches(ROWS, np.arange(COUNT), **settings)


def test_each_epoch_holds_every_row_once_in_its_own_order():
    rows = rows_of(some_batches())
    assert [len(batch) for batch in rows] == [10] * 10
    first, second = list(chain(*rows[:5])), list(chain(*rows[5:]))
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert first != second
    assert first != list(range(COUNT))


def test_pictures_stay_with_their_ids():
    for pictures, ids in some_batches().as_numpy_iterator():
        np.testing.assert_array_equal(pictures, ROWS[ids])


def test_last_rows_that_fill_no_batch_are_left_out():
    rows = rows_of(some_batches(batch_size=15))
    assert [len(batch) for batch in rows] == [15] * 6
    assert len(set(chain(*rows[:3]))) == 45


def test_batches_depend_on_the_seed_alone():
    assert rows_of(some_batches()) == rows_of(some_batches())
    assert rows_of(some_batches()) != rows_of(some_batches(seed=4))


def test_second_epoch_is_the_same_from_a_resumed_training():
    augment = lambda pictures, seed: random_affine(  # noqa: E731
        pictures, seed, degrees=10, zoom=0.1, shear=0.1, shift=1
    )
    whole = list(some_batches(augment=augment).as_numpy_iterator())
    resumed = list(some_batches(augment=augment, first_epoch=1).as_numpy_iterator())
    assert len(resumed) == 5
    for (ours, our_ids), (theirs, their_ids) in zip(resumed, whole[5:], strict=True):
        np.testing.assert_array_equal(our_ids, their_ids)
        np.testing.assert_array_equal(ours, theirs)
    # And every step has a draw of its own.
    assert not np.array_equal(whole[0][0] - ROWS[whole[0][1]], whole[1][0] - ROWS[whole[1][1]])


NO_MOVE = {"degrees": 0.0, "zoom": 0.0, "shear": 0.0, "shift": 0.0}


def test_affine_without_range_changes_nothing():
    pictures = tf.cast(random_pictures(3, (9, 7)), tf.float32)
    moved = random_affine(pictures, tf.constant([1, 2]), **NO_MOVE)
    np.testing.assert_allclose(moved, pictures, atol=1e-3)


@pytest.mark.parametrize("change", [{"shift": 3.0}, {"degrees": 40.0}, {"zoom": 0.5}])
def test_affine_moves_each_picture_by_itself(change):
    # One square, not in the middle, in each of many pictures of two channels.
    pictures = np.zeros((40, 21, 21, 2), np.float32)
    pictures[:, 12:15, 5:8] = (100, 200)
    moved = random_affine(tf.constant(pictures), tf.constant([1, 2]), **(NO_MOVE | change)).numpy()
    assert moved.shape == pictures.shape
    np.testing.assert_allclose(2 * moved[..., 0], moved[..., 1], atol=1e-2)
    grey = moved[..., 0] / moved[..., 0].sum(axis=(1, 2), keepdims=True)
    offsets = np.stack(
        [(grey * axis).sum(axis=(1, 2)) for axis in np.mgrid[-10:11, -10:11]], axis=1
    )
    start = np.array([3.0, -4.0])
    assert len(np.unique(offsets.round(3), axis=0)) > 30
    if "shift" in change:
        assert np.abs(offsets - start).max() < 3.1
        assert np.abs(offsets - start).max() > 2
    if "degrees" in change:
        # A turn about the middle keeps the distance from it.
        np.testing.assert_allclose(np.hypot(*offsets.T), 5, atol=0.2)


def test_affine_mirrors_half_of_the_pictures():
    pictures = np.random.default_rng(0).uniform(0, 255, (200, 6, 5)).astype(np.float32)
    moved = random_affine(tf.constant(pictures), tf.constant([1, 2]), **NO_MOVE, mirrored=True)
    same, turned = (
        np.abs(moved - others).max(axis=(1, 2)) < 0.1 for others in (pictures, pictures[..., ::-1])
    )
    assert (turned ^ same).all()
    assert 70 < turned.sum() < 130


@pytest.mark.parametrize("width", [5, 6])
def test_affine_by_whole_pixels_blurs_nothing(width):
    pictures = np.random.default_rng(0).uniform(1, 255, (200, 7, width)).astype(np.float32)
    moved = random_affine(
        tf.constant(pictures), tf.constant([1, 2]),
        **NO_MOVE | {"shift": 1.0}, mirrored=True, whole_pixels=True,
    ).numpy()  # fmt: skip
    margin = np.pad(pictures, [(0, 0), (1, 1), (1, 1)])
    seen = set()
    for one, there in zip(moved, margin, strict=True):
        places = {
            (turned, down, right)
            for turned in (1, -1)
            for down in range(3)
            for right in range(3)
            if np.allclose(
                one, there[down : down + 7, ::turned][:, right : right + width], atol=1e-2
            )
        }
        assert len(places) == 1
        seen |= places
    assert len(seen) == 18


def test_rate_warms_up_and_goes_to_zero():
    schedule = adamw(200, rate=0.1, weight_decay=0.01)._learning_rate
    rates = [float(schedule(step)) for step in range(201)]
    assert rates[0] == 0
    assert max(rates) == pytest.approx(0.1)
    assert np.argmax(rates) == 10
    assert rates[200] == pytest.approx(0, abs=1e-6)
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_can_be_built_and_written_into_a_card(name):
    chosen = recipe(name)
    task = registry.builder(chosen.builder).task
    takes = inspect.signature(registry.builder(chosen.builder).function).parameters
    of_data = {
        **sentences.arguments([["a", "b"]], {"labels": [["O", "B-x"]]}),
        **pairs.arguments(["ab"], ["b c"], None),
    }
    of_data = {name: value for name, value in of_data.items() if name in takes}
    model = zoo.build(
        chosen.builder, **chosen.arguments, **({} if task == "image-classification" else of_data)
    )
    assert model.count_params() * (2 if chosen.dtype else 4) < 10_000_000
    assert json.loads(json.dumps(chosen.settings())) == chosen.settings()
    assert isinstance(chosen.optimizer(1000), keras.optimizers.Optimizer)
    assert {"what", "source"} == chosen.published.keys() - get_type_hints(card.METRICS[task])
    splits = [chosen.train, chosen.validation, chosen.test]
    assert len(set(splits)) == 3


def test_unknown_recipe():
    with pytest.raises(ValueError, match=r"no recipe named 'highway_mnist_51'.*highway_mnist_50"):
        recipe("highway_mnist_51")
    done = CliRunner().invoke(app, ["highway_mnist_51"])
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1


def test_settings_name_functions_and_their_arguments():
    changed = replace(recipe("mlp_mnist"), augment=None)
    assert "augment" not in changed.settings()
    assert changed.settings()["optimizer"] == {
        "name": "adamw",
        "rate": 2e-3,
        "weight_decay": 1e-2,
    }
    assert isinstance(changed, Recipe)


# Dropout draws from a generator that keeps its state, so that a resumed training must restore it.
TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from training.driver import Training, train
from training.recipes import recipe

small = replace(
    recipe("mlp_mnist"), arguments={"units": [32], "dropout": 0.3}, epochs=2,
    train="train[:2000]", validation="train[55000:56000]", test="test[:1000]",
)
for seed, output in zip(sys.argv[2::2], sys.argv[3::2]):
    try:
        train(Training("mlp_mnist", small, int(seed), Path(output)))
    except (ValueError, FileExistsError) as error:
        print("refused:", type(error).__name__, error)
"""


@pytest.fixture(scope="module")
def trained(need_data, tmp_path_factory):
    """The output of a small training with seed 0 that nothing disturbed."""
    need_data("mnist")
    output = tmp_path_factory.mktemp("trained") / "run"
    done = run_python(TRAIN, "", 0, output)
    assert done.returncode == 0, done.stderr
    return output


def test_training_gives_a_checkpoint_that_verifies(trained):
    folder = trained / "checkpoint"
    found = Checkpoint.open(folder)
    model = zoo.load(folder, sha256=found.sha256)
    report = zoo.verify(model)
    assert report["metrics"] == pytest.approx(found.card["metrics"], abs=1e-4)
    card.check(found.card, "card")
    # Random weights give a tenth.
    assert found.card["metrics"]["accuracy"] > 0.5
    assert found.card["recipe"] == "python -m training mlp_mnist --seed 0"
    assert found.card["dataset"]["train_split"] == "train[:2000]"
    pictures, _ = zoo.data.load("mnist", "test[:16]")
    np.testing.assert_array_equal(found.golden[0], pictures)
    with (trained / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    best = max(float(row["val_accuracy"]) for row in rows)
    assert found.card["validation_metrics"]["accuracy"] == pytest.approx(best, abs=1e-6)
    held_out = zoo.data.load("mnist", "train[55000:56000]")
    _, accuracy = model.evaluate(*held_out, verbose=0)
    assert accuracy == pytest.approx(best, abs=1e-3)
    assert list((trained / "tensorboard").rglob("events*"))


def weights_of(run):
    return (run / "checkpoint" / "model.safetensors").read_bytes()


def test_same_seed_gives_the_same_bits(trained, tmp_path):
    done = run_python(TRAIN, "", 0, tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert weights_of(tmp_path / "again") == weights_of(trained)


def test_killed_training_goes_on_to_the_same_bits(trained, tmp_path):
    # When the log of the second epoch is written, the state of the first is on disk.
    second = DIE_AT_OPEN.replace("def die", "opened = []\n\ndef die").replace(
        "os.kill(", "opened.append(1)\n        if len(opened) == 2: os.kill("
    )
    killed = run_python(second + TRAIN, "log.csv.part", 0, tmp_path / "run")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "run" / "state.npz").is_file()
    assert not (tmp_path / "run" / "checkpoint").exists()
    # The same process then tries to go on with another seed, and with what is finished.
    (tmp_path / "other").mkdir()
    shutil.copy(trained / "state.npz", tmp_path / "other")
    done = run_python(TRAIN, "", 0, tmp_path / "run", 1, tmp_path / "other", 0, trained)
    assert done.returncode == 0, done.stderr
    assert "Epoch 2/2" in done.stdout
    assert "Epoch 1/2" not in done.stdout
    assert weights_of(tmp_path / "run") == weights_of(trained)
    other_seed, finished = [
        line for line in done.stdout.splitlines() if line.startswith("refused:")
    ]
    assert "ValueError" in other_seed
    assert "another recipe or seed" in other_seed
    assert not (tmp_path / "other" / "checkpoint").exists()
    assert "FileExistsError" in finished
    assert str(trained) in finished


def test_loss_that_is_no_number_stops_the_training(need_data, tmp_path):
    need_data("mnist")
    explodes = TRAIN.replace("epochs=2,", "epochs=2, optimizer=partial(sgd),").replace(
        "small =",
        "from functools import partial\nimport keras\n"
        "def sgd(steps): return keras.optimizers.SGD(1e30)\nsmall =",
    )
    done = run_python(explodes, "", 0, tmp_path)
    assert "LossError: the loss of epoch 1 is" in done.stderr
    assert not (tmp_path / "checkpoint").exists()


def test_released_folder_is_indexed(published):
    assert {name: len(folders) for name, folders in revisions(published).items()} == {
        "digits_highway": 1,
        "digits_mlp": 2,
    }
    entry = json.loads((published / "index.json").read_bytes())["checkpoints"]["digits_mlp"]
    assert (entry["task"], entry["builder"]) == ("image-classification", "mlp_classifier")
    assert list(entry["revisions"]) == ["1", "2"]
