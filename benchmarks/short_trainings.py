"""Short trainings on real data, for `killed_trainings.py` and `many_workers.py`.

    python -m benchmarks.short_trainings highway runs/short [--workers 2]

The recipes are those of published checkpoints, with fewer examples and epochs; a state is
written every quarter of a second.
"""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from training.driver import Training, train
from training.ray_engine import run
from training.recipes import recipe

DIGITS = {
    "train": "train[:20000]",
    "validation": "train[59000:]",
    "test": "test[:1000]",
    "epochs": 4,
}
SHORT = {
    "highway": replace(recipe("highway_mnist_50"), **DIGITS),
    # XLA takes a minute of a core to compile fifty layers, each time that workers start.
    "highway_10": replace(recipe("highway_mnist_10"), **DIGITS | {"epochs": 2}),
    "slots": replace(recipe("bilstm_atis"), train="train[:1920]", epochs=4),
}


def sha256(output: Path) -> str:
    """Returns that of a training's final weights."""
    return hashlib.sha256((output / "checkpoint" / "model.safetensors").read_bytes()).hexdigest()


def main(
    name: Annotated[str, typer.Argument(help="highway, highway_10 or slots.")],
    output: Annotated[Path, typer.Argument(help="Folder of state and result.")],
    workers: Annotated[int | None, typer.Option(help="With Ray; without, this process.")] = None,
    precision: Annotated[str | None, typer.Option(help="Policy of Keras.")] = None,
) -> None:
    """Train, or go on with it."""
    chosen = SHORT[name].changed(precision=precision)
    training = Training(name, chosen, seed=0, output=output, every=0.25)
    train(training, partial(run, workers=workers) if workers else None)


if __name__ == "__main__":
    typer.run(main)
