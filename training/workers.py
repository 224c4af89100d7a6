"""One process of a training, alone or among many that go through the same batches together."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

PACKAGES = ("gatezoo", "jax", "keras", "numpy", "tensorflow")
SOURCES = [Path(__file__).parent, Path(__file__).parent.parent / "zoo"]


class WorkersDifferError(ValueError):
    """Workers of one training differ in what must be the same; all of them raise it."""


@dataclass(frozen=True)
class Worker:
    """Which of how many processes this is, that of rank 0 being the one that writes files.

    More than one are JAX's: `keras.distribution.initialize` has made them one computation, and
    every method but `distribution` and `rows_of` is called by all of them at the same point.
    """

    rank: int = 0
    count: int = 1

    def distribution(self) -> AbstractContextManager[Any]:
        """Returns the context in which all processes have the same weights, if there are more."""
        if self.count == 1:
            return nullcontext()
        return keras.distribution.DataParallel(auto_shard_dataset=False).scope()

    def rows_of(self, batches: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
        """Returns this process's part of each batch.

        Processes have rows one after another, rank 0 the first: then what JAX puts together is the
        batch as it was, and what is drawn for a row, as dropout is, is what one process would draw.

        Raises:
            ValueError: if the rows of a batch cannot be shared out evenly.
        """
        self.check_divides(batch_size)
        if self.count == 1:
            return batches
        size = batch_size // self.count
        rows = slice(self.rank * size, (self.rank + 1) * size)
        return batches.map(lambda *batch: keras.tree.map_structure(lambda x: x[rows], batch))

    def check_divides(self, batch_size: int) -> None:
        """Raises a ValueError if the rows of a batch cannot be shared out evenly."""
        if batch_size % self.count:
            raise ValueError(
                f"workers must divide the recipe's batch of {batch_size} evenly, got {self.count}"
            )

    def wait(self) -> None:
        """Returns when every process has come here."""
        if self.count > 1:
            from jax.experimental import multihost_utils

            multihost_utils.sync_global_devices("here")

    def gather(self, digest: str) -> list[str]:
        """Returns the hexadecimal digests of all processes, in the order of their ranks."""
        from jax.experimental import multihost_utils

        found = multihost_utils.process_allgather(np.frombuffer(bytes.fromhex(digest), np.uint8))
        return [bytes(row.astype(np.uint8)).hex() for row in np.asarray(found)]

    def check_equal(self, digests: dict[str, str], shown: bool = False) -> None:
        """Compares what is to be the same in all processes; with `shown`, rank 0 prints all.

        Raises:
            WorkersDifferError: if it is not; it names what, and the ranks that differ from rank 0.
        """
        for what, digest in digests.items():
            found = self.gather(digest)
            for rank, other in enumerate(found if shown and self.rank == 0 else []):
                print(f"rank {rank}: sha256 of the {what} {other}", flush=True)
            others = [rank for rank, other in enumerate(found) if other != found[0]]
            if others:
                raise WorkersDifferError(
                    f"workers must have the same {what}: ranks {others} have not what rank 0 has"
                )


ALONE = Worker()


@contextmanager
def undistributed() -> Iterator[None]:
    """Lets one of many workers compute something by itself, in the midst of what all do."""
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(before)


def digests(examples: tuple[Any, Any]) -> dict[str, str]:
    """Returns sha256 of the code that trains, of the libraries' versions, and of the data."""
    paths = [path for folder in SOURCES for path in sorted(folder.rglob("*.py"))]
    code = [part for path in paths for part in (path.name.encode(), path.read_bytes())]
    return {
        "code": _digest(*code),
        "library versions": _digest(
            sys.version.encode(), *(f"{name}=={version(name)}".encode() for name in PACKAGES)
        ),
        "training data": _digest(*map(_content, examples)),
    }


def weights_digest(weights: list[np.ndarray]) -> str:
    """Returns the sha256 of weights, shapes and dtypes too."""
    return _digest(*map(_content, weights))


def _content(examples: Any) -> bytes:
    if isinstance(examples, np.ndarray):
        return f"{examples.dtype}{examples.shape}".encode() + examples.tobytes()
    return json.dumps(examples, default=lambda array: array.tolist()).encode()


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()
