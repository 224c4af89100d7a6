"""What a recipe's data become: arguments of the builder, and batches."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class TrainingSet:
    """The examples of one recipe, ready for any seed.

    `arguments` are those of the builder that the data decide, `count` is the number of examples of
    an epoch. `batches` is called with the model's preprocessor and `batch_size`, `seed`,
    `first_epoch` and `epochs`, by name; its batches are those of the epochs from `first_epoch` to
    before `epochs`, a function of the seed, the epoch, and of how many there are.
    """

    arguments: dict[str, Any]
    count: int
    batches: Callable[..., tf.data.Dataset]
