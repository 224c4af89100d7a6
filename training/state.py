"""The state of a training, written whole again and again, so that a killed one goes on."""

import csv
import io
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.recipe import goodness
from zoo.loading import hardware


class LossError(FloatingPointError):
    """A loss is no finite number; all workers of a training raise it at the same step."""


class TrainingState(keras.callbacks.Callback):
    """Keeps all that decides how a training goes on, in one file that is replaced.

    It holds weights, optimizer, states of random generators, best weights, history, and where the
    training stands: how many epochs are finished, and how many steps of the next one. It is written
    after every epoch, and in one, but not after its last step, when `every` seconds have passed
    since.

    Args:
        path: of the state file; `log.csv` is written beside it.
        fingerprint: what decides the weights; a state of another fingerprint is refused.
        monitor, goal: the quantity that marks the best weights, and the value that ends the
            training, as of `Recipe`.
        every: seconds between two states of an epoch.
        writes: whether this process writes the files; of many workers one does.
    """

    def __init__(
        self,
        path: Path,
        fingerprint: dict[str, Any],
        monitor: str,
        goal: float | None = None,
        every: float = 60.0,
        writes: bool = True,
    ):
        super().__init__()
        self.path = path
        self.fingerprint = json.dumps(fingerprint, sort_keys=True, default=str)
        self.monitor = monitor
        self.goal = goal
        self.every = every
        self.writes = writes
        self.history: list[dict[str, float]] = []
        self.best: list[np.ndarray] = []
        # Steps of the epoch that is not finished, and the mean of their losses.
        self.step = 0
        self.loss = 0.0
        self.seconds_before = 0.0
        # The machines that took part, as cards name them.
        self.hardware: list[str] = []
        self._started = self._written = time.monotonic()
        # What the epoch had of `step` and `loss` before this process went on with it.
        self._first, self._loss_before = 0, 0.0

    @property
    def seconds(self) -> float:
        """Time spent in training, over all the runs it took."""
        return self.seconds_before + time.monotonic() - self._started

    @property
    def best_epoch(self) -> int:
        values = [goodness(self.monitor, epoch) for epoch in self.history]
        return values.index(max(values))

    @property
    def at_goal(self) -> bool:
        """Whether the last epoch was as good as is wanted."""
        if self.goal is None or not self.history:
            return False
        return goodness(self.monitor, self.history[-1]) >= self.goal

    @property
    def kept(self) -> str:
        """What the file on disk holds, in words."""
        try:
            with np.load(self.path, allow_pickle=False) as state:
                epoch, step = len(json.loads(str(state["history"]))), int(state["step"])
        except FileNotFoundError:
            return "nothing was kept: no state had been written"
        return f"{self.path} keeps the state after epoch {epoch}, step {step} of the next"

    def check(self) -> None:
        """Raises a ValueError if the state on disk is of another recipe, seed or setting."""
        if not self.path.exists():
            return
        with np.load(self.path, allow_pickle=False) as state:
            if str(state["fingerprint"]) != self.fingerprint:
                raise ValueError(
                    f"{self.path} is of a training with another recipe or seed: "
                    "remove it, or choose another --output"
                )

    def restore(self, model: keras.Model) -> int:
        """Brings `model` to where the training stood and returns the number of finished epochs.

        Raises:
            ValueError: if the state on disk is of another recipe, seed or setting.
        """
        model.optimizer.build(model.trainable_variables)
        if not self.path.exists():
            return 0
        self.check()
        with np.load(self.path, allow_pickle=False) as state:
            for i, variable in enumerate(_variables(model)):
                variable.assign(state[f"variable_{i}"])
            # In the first epoch there are none.
            best = [f"best_{i}" for i in range(len(model.weights))]
            self.best = [state[name] for name in best if name in state]
            self.history = json.loads(str(state["history"]))
            self.step, self.loss = int(state["step"]), float(state["loss"])
            self.seconds_before = float(state["seconds"])
            self.hardware = json.loads(str(state["hardware"]))
        self._started = time.monotonic()
        return len(self.history)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        if (here := hardware()) not in self.hardware:
            self.hardware.append(here)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._first, self._loss_before = self.step, self.loss

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not np.isfinite(loss):
            raise LossError(f"the loss of epoch {len(self.history) + 1} is {loss}; {self.kept}")
        self.step = self._first + batch + 1
        self.loss = loss + (self._loss_before - loss) * self._first / self.step
        # What is missing after the last step is the end of the epoch, which no step brings.
        is_last = batch + 1 == (self.params or {})["steps"]
        if self.writes and not is_last and time.monotonic() - self._written >= self.every:
            self._write()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = {key: float(value) for key, value in (logs or {}).items()} | {"loss": self.loss}
        self.step, self.loss = 0, 0.0
        self.history.append({"epoch": epoch, **logs, "seconds": round(self.seconds, 1)})
        if not self.writes:
            return
        if self.best_epoch == len(self.history) - 1:
            self.best = averaged_weights(self.model)
        # The state last: an epoch that it does not have is gone through again, and logged.
        replace_table(self.path.with_name("log.csv"), self.history)
        self._write()

    def _write(self) -> None:
        """Replaces the file by the state as it is.

        Raises:
            FloatingPointError: if a weight is no finite number.
            OSError: if it cannot be written; the file is as it was.
        """
        arrays: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "history": json.dumps(self.history),
            "step": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
            "hardware": json.dumps(self.hardware),
        }
        for i, variable in enumerate(_variables(self.model)):
            arrays[f"variable_{i}"] = keras.ops.convert_to_numpy(variable)
            if not np.isfinite(arrays[f"variable_{i}"]).all():
                raise FloatingPointError(f"a weight is no number: {variable.path}; {self.kept}")
        for i, value in enumerate(self.best):
            arrays[f"best_{i}"] = value
        content = io.BytesIO()
        np.savez(content, **arrays)
        try:
            replace_file(self.path, content.getvalue())
        except OSError as error:
            raise OSError(f"no state can be written: {error}; {self.kept}") from error
        self._written = time.monotonic()


def averaged_weights(model: keras.Model) -> list[np.ndarray]:
    """Returns a model's weights, or their moving averages, if its optimizer keeps them."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    averages = {}
    if optimizer.use_ema:
        # As `keras.callbacks.SwapEMAWeights` reads them, but no variable is assigned to: among
        # many workers all would have to do it at once.
        averages = {
            id(variable): average
            for variable, average in zip(
                optimizer._trainable_variables,
                optimizer._model_variables_moving_average,
                strict=True,
            )
        }
    return [
        keras.ops.convert_to_numpy(averages.get(id(variable), variable))
        for variable in model.weights
    ]


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader finds the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def replace_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes rows of the same columns, one or more, as CSV, as `replace_file` does."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    replace_file(path, text.getvalue().encode())


def _variables(model: keras.Model) -> list[Any]:
    """All that a step changes: weights, seed states, and the optimizer's own."""
    weights = {id(variable): variable for variable in model.variables}
    metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
    return [v for key, v in weights.items() if key not in metrics] + list(model.optimizer.variables)
