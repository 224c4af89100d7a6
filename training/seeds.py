"""Several trainings that differ in their seed: their spread, and the best of them on validation."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras

from training.driver import Training, train
from training.recipe import goodness
from zoo import checkpoint, hub
from zoo.checkpoint import Checkpoint


def trained(training: Training) -> Checkpoint:
    """Returns the checkpoint of a training, which is run if it was not yet.

    Raises:
        ValueError: if a finished one had other settings or data; or as `train`.
    """
    if not training.checkpoint.exists():
        keras.backend.clear_session()
        train(training)
    found, recipe = Checkpoint.open(training.checkpoint), training.recipe
    card = found.card
    had = {
        "builder": card["builder"],
        "dataset": card["dataset"]["name"],
        "splits": [card["dataset"][f"{part}_split"] for part in ("train", "validation", "test")],
        "settings": {k: v for k, v in card["settings"].items() if k != "best_epoch"},
    }
    has = {
        "builder": recipe.builder,
        "dataset": recipe.dataset,
        "splits": [recipe.train, recipe.validation, recipe.test],
        "settings": recipe.settings(),
    }
    if had != json.loads(json.dumps(has)):
        raise ValueError(
            f"{training.output} is of another recipe: remove it, or choose another --output"
        )
    return found


def train_seeds(training: Training, seeds: Sequence[int]) -> Path:
    """Trains a checkpoint with each seed, in `output/seed_N`, and returns `output/checkpoint`.

    That is the one whose monitored value on the validation split is the largest. Its card has, as
    `seeds`, the seeds, and mean, standard deviation and all values of every metric on the test
    split. What is finished is not trained again.

    Args:
        training: of any seed, with the folder of all as its output.
        seeds: two or more.

    Raises:
        FileExistsError: if `output/checkpoint` exists.
        ValueError: if a part is finished that had other settings; or as `train`.
    """
    output, recipe, folder = training.output, training.recipe, training.checkpoint
    if folder.exists():
        raise FileExistsError(f"{folder} exists already: remove it, or choose another --output")
    found = [
        trained(replace(training, seed=seed, output=output / f"seed_{seed}")) for seed in seeds
    ]
    monitored = recipe.monitor.replace("val_", "")
    best = max(found, key=lambda one: goodness(monitored, one.card["validation_metrics"]))
    spread: dict[str, Any] = {"seeds": list(seeds)}
    for metric in best.card["metrics"]:
        values = [one.card["metrics"][metric] for one in found]
        spread[metric] = {
            "mean": round(statistics.mean(values), 6),
            "deviation": round(statistics.stdev(values), 6),
            "values": values,
        }
    sha256 = checkpoint.write(
        folder,
        config=best.config,
        weights=best.weights,
        card=best.card | {"seeds": spread},
        golden=best.golden,
        assets=best.assets,
    )
    hub.remember(sha256)
    return folder
