"""The state of a training, written whole after each epoch, so that a killed one goes on."""

import csv
import io
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training.recipe import goodness


class TrainingState(keras.callbacks.Callback):
    """Keeps weights, optimizer, best weights and history in one file, replaced after each epoch.

    Args:
        path: of the state file; `log.csv` is written beside it.
        fingerprint: what decides the weights; a state of another fingerprint is refused.
        monitor: the quantity that marks the best weights, as of `Recipe`.
    """

    def __init__(self, path: Path, fingerprint: dict[str, Any], monitor: str):
        super().__init__()
        self.path = path
        self.fingerprint = json.dumps(fingerprint, sort_keys=True, default=str)
        self.monitor = monitor
        self.history: list[dict[str, float]] = []
        self.best: list[np.ndarray] = []
        self.seconds_before = 0.0
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent in training, over all the runs it took."""
        return self.seconds_before + time.monotonic() - self._started

    @property
    def best_epoch(self) -> int:
        values = [goodness(self.monitor, epoch) for epoch in self.history]
        return values.index(max(values))

    def restore(self, model: keras.Model) -> int:
        """Brings `model` to where the training stood and returns the number of finished epochs.

        Raises:
            ValueError: if the state on disk is of another recipe, seed or setting.
        """
        model.optimizer.build(model.trainable_variables)
        if not self.path.exists():
            return 0
        with np.load(self.path, allow_pickle=False) as state:
            if str(state["fingerprint"]) != self.fingerprint:
                raise ValueError(
                    f"{self.path} is of a training with another recipe or seed: "
                    "remove it, or choose another --output"
                )
            for i, variable in enumerate(_variables(model)):
                variable.assign(state[f"variable_{i}"])
            self.best = [state[f"best_{i}"] for i in range(len(model.weights))]
            self.history = json.loads(str(state["history"]))
            self.seconds_before = float(state["seconds"])
        return len(self.history)

    def restore_best(self, model: keras.Model) -> None:
        """Gives `model` the weights of the best epoch."""
        model.set_weights(self.best)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = {key: float(value) for key, value in (logs or {}).items()}
        if not math.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"the loss of epoch {epoch + 1} is {logs['loss']}; {self.path} keeps the state "
                f"after epoch {epoch}"
            )
        self.history.append({"epoch": epoch, **logs, "seconds": round(self.seconds, 1)})
        if self.best_epoch == len(self.history) - 1:
            self.best = self.model.get_weights()
        content = io.BytesIO()
        arrays: dict[str, Any] = {
            "fingerprint": self.fingerprint,
            "history": json.dumps(self.history),
            "seconds": self.seconds,
        }
        for i, variable in enumerate(_variables(self.model)):
            arrays[f"variable_{i}"] = keras.ops.convert_to_numpy(variable)
        for i, value in enumerate(self.best):
            arrays[f"best_{i}"] = value
        np.savez(content, **arrays)
        replace_file(self.path, content.getvalue())
        log = io.StringIO(newline="")
        writer = csv.DictWriter(log, self.history[0].keys())
        writer.writeheader()
        writer.writerows(self.history)
        replace_file(self.path.with_name("log.csv"), log.getvalue().encode())


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader finds the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)


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
