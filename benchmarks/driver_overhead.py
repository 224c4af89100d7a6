"""Seconds of an epoch through the training driver, beside a bare `fit` of the same model.

    python -m benchmarks.driver_overhead [--rounds 2]

Both go through the same batches of the recipe's data; the driver checks each loss, writes its
state after every epoch and every minute in one, and logs for TensorBoard. What the recipe itself
asks for, the score of the validation split after each epoch, is part of neither. The two take
turns, in one process; of each `fit` the first epoch is not counted, and a figure is the quickest of
the others, from the beginning of one to that of the next: what else the machine does only adds. The
table is written to docs/figures/driver_overhead.csv; the aim is 3 % at most. Close other programs
first.
"""

import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import typer

import zoo
from training.driver import TRAINING_SETS, EpochBoard, Training
from training.recipes import recipe
from training.state import replace_table
from zoo import registry
from zoo.loading import hardware

# Of each family one: its examples are cut down to what takes some seconds.
NAMES = {
    "highway_mnist_50": "train[:55000]",
    "bilstm_atis": "train",
    "bilstm_sst5": "train[:2560]",
    "seq2seq_cmudict": "train[:2000]",
    "gru_shakespeare": "train[:50000]",
}
# Of a `fit`; the first and the last give no figure.
EPOCHS = 4
FIGURES = Path(__file__).parent.parent / "docs" / "figures"


class Clock(keras.callbacks.Callback):
    """Keeps the seconds from the beginning of each epoch to that of the next."""

    def __init__(self) -> None:
        super().__init__()
        self.began: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.began.append(time.perf_counter())

    @property
    def epochs(self) -> list[float]:
        """All but the first."""
        return [after - before for before, after in pairwise(self.began[1:])]


class MeanOfLoss(keras.callbacks.Callback):
    """Stands for the validation, whose score the state asks for."""

    def __init__(self, monitor: str):
        super().__init__()
        self.monitor = monitor.removeprefix("-")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs[self.monitor] = logs["loss"]


def row(name: str, split: str, rounds: int, folder: Path) -> dict[str, Any]:
    """Measures one recipe."""
    chosen = recipe(name)
    keras.utils.set_random_seed(0)
    builder = registry.builder(chosen.builder)
    found = TRAINING_SETS[builder.task](chosen, *zoo.data.load(chosen.dataset, split))
    model = zoo.build(chosen.builder, **found.arguments, **chosen.arguments)
    steps, epochs = found.count // chosen.batch_size, EPOCHS * 2 * rounds
    builder.compile(model, optimizer=chosen.optimizer(steps * epochs), metrics=False)
    model.optimizer.build(model.trainable_variables)
    preprocessor, state = zoo.preprocessor(model), Training(name, chosen, 0, folder / name).state()
    board = EpochBoard(folder / name / "tensorboard", write_graph=False)
    took: dict[bool, list[float]] = {False: [], True: []}
    for first in range(0, epochs, EPOCHS):
        driven, clock = bool(first // EPOCHS % 2), Clock()
        ours = [MeanOfLoss(chosen.monitor), state, board] if driven else []
        model.fit(
            found.batches(
                preprocessor,
                batch_size=chosen.batch_size,
                seed=0,
                first_epoch=first,
                epochs=first + EPOCHS,
            ),
            epochs=EPOCHS,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=[clock, *ours],
        )
        took[driven] += clock.epochs
    bare, driver = (min(took[driven]) for driven in (False, True))
    return {
        "checkpoint": name,
        "parameters": model.count_params(),
        "batch": chosen.batch_size,
        "steps": steps,
        "bare_s": f"{bare:.3f}",
        "driver_s": f"{driver:.3f}",
        "overhead": f"{driver / bare - 1:+.1%}",
        "ms_a_step": f"{1000 * bare / steps:.1f}",
        "hardware": hardware(),
    }


def main(rounds: Annotated[int, typer.Option(min=1)] = 2) -> None:
    """Measure, print, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, split in NAMES.items():
            rows.append(row(name, split, rounds, Path(folder)))
            typer.echo(" | ".join(map(str, rows[-1].values())))
    replace_table(FIGURES / "driver_overhead.csv", rows)


if __name__ == "__main__":
    typer.run(main)
