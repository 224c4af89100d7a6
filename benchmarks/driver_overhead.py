"""Seconds that the training driver takes of an epoch, beside a bare `fit` of the same model.

    python -m benchmarks.driver_overhead

The driver checks each loss, writes its state after every epoch and every minute in one, and logs
for TensorBoard: the seconds in its callbacks are counted, because on a machine that others use too
the difference of two epochs tells less than the noise of either. What the recipe itself asks for,
the score of the validation split after each epoch, is no part of it. A bare epoch is the quickest
of three. Of long epochs a part is run, for the seconds of a step; the driver's share is of whole
ones. The table is written to docs/figures/driver_overhead.csv; the aim is 3 % at most.
"""

import os
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import typer

import zoo
from training.driver import TRAINING_SETS, EpochBoard, Training
from training.recipes import recipe
from training.state import replace_table
from zoo import registry
from zoo.loading import hardware

# Of each family one. Of those with an epoch of minutes, a part.
NAMES = {
    "highway_mnist_50": "train[:55000]",
    "bilstm_atis": "train",
    "bilstm_sst5": "train[:2560]",
    "seq2seq_cmudict": "train[:2000]",
    "gru_shakespeare": "train[:50000]",
}
# Of a `fit`; the first and the last give no figure.
EPOCHS = 5
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


def counted(callbacks: list[keras.callbacks.Callback], seconds: list[float]) -> None:
    """Lets callbacks add the seconds of each of their calls to a list."""

    def timed(call: Any) -> Any:
        def run(*arguments: Any, **named: Any) -> None:
            began = time.perf_counter()
            call(*arguments, **named)
            seconds.append(time.perf_counter() - began)

        return run

    for callback in callbacks:
        for event in ("train_batch_begin", "train_batch_end", "epoch_begin", "epoch_end"):
            setattr(callback, f"on_{event}", timed(getattr(callback, f"on_{event}")))


def row(name: str, split: str, folder: Path) -> dict[str, Any]:
    """Measures one recipe."""
    chosen = recipe(name)
    keras.utils.set_random_seed(0)
    builder = registry.builder(chosen.builder)
    found = TRAINING_SETS[builder.task](chosen, *zoo.data.load(chosen.dataset, split))
    model = zoo.build(chosen.builder, **found.arguments, **chosen.arguments)
    steps = found.count // chosen.batch_size
    builder.compile(model, optimizer=chosen.optimizer(steps * 2 * EPOCHS), metrics=False)
    model.optimizer.build(model.trainable_variables)
    preprocessor, state = zoo.preprocessor(model), Training(name, chosen, 0, folder / name).state()
    ours = [state, EpochBoard(folder / name / "tensorboard", write_graph=False)]
    seconds: list[float] = []
    counted(ours, seconds)
    clock = Clock()
    for callbacks in ([clock], [MeanOfLoss(chosen.monitor), *ours]):
        batches = found.batches(
            preprocessor, batch_size=chosen.batch_size, seed=0, first_epoch=0, epochs=EPOCHS
        )
        model.fit(
            batches,
            epochs=EPOCHS,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    bare, driver = min(clock.epochs), sum(seconds) / EPOCHS
    is_whole = split == chosen.train
    return {
        "checkpoint": name,
        "parameters": model.count_params(),
        "batch": chosen.batch_size,
        "steps": steps,
        "bare_s": f"{bare:.3f}",
        "driver_s": f"{driver:.3f}",
        "overhead": f"{driver / bare:.1%}" if is_whole else "",
        "ms_a_step": f"{1000 * bare / steps:.1f}",
        "hardware": hardware(),
    }


def main() -> None:
    """Measure, print, and write the table."""
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for name, split in NAMES.items():
            rows.append(row(name, split, Path(folder)))
            typer.echo(" | ".join(map(str, rows[-1].values())))
    replace_table(FIGURES / "driver_overhead.csv", rows)


if __name__ == "__main__":
    typer.run(main)
