"""Texts of an algorithmic task for training: new ones in every epoch, made from its seed."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf

from training.pairs import of_symbols
from training.recipe import Recipe
from training.training_set import TrainingSet
from zoo import tasks
from zoo.preprocessing.sequence import SequencePreprocessor

# Sizes grow from small ones to the whole over so much of a training, slowly at first: a network
# that tells the parity of five bits soon tells that of six, and one that begins with twenty learns
# nothing.
GROWING = 0.7
# Share of the texts that are of any smaller size: what was learned is kept.
SHORTER = 0.5


def training_set(recipe: Recipe, texts: list[str], targets: dict[str, Any]) -> TrainingSet:
    """Returns a task as a recipe is trained on it; an epoch has as many texts as `texts`."""
    known = tasks.parsed(recipe.dataset)
    assert known, recipe.dataset
    task, size = known

    def of_model(preprocessor: SequencePreprocessor, **settings: Any) -> tf.data.Dataset:
        largest = recipe.grown_to or size
        return batches(preprocessor, task, largest, len(texts), **settings)

    arguments = {"source_vocabulary": [*task.symbols], "target_vocabulary": [*task.outputs]}
    return TrainingSet(arguments, len(texts), of_model)


def batches(
    preprocessor: SequencePreprocessor,
    task: tasks.Task,
    size: int,
    count: int,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    epochs: int,
) -> tf.data.Dataset:
    """Returns the encoded batches of the epochs from `first_epoch` to before `epochs`.

    Each has `count` texts of its own, drawn from the training split, of sizes up to `largest_size`.
    """

    def generate() -> Iterator[Any]:
        for epoch in range(first_epoch, epochs):
            rng = np.random.default_rng([seed, epoch])
            drawn = tasks.texts(task, largest_size(size, epoch, epochs), "train", rng, SHORTER)
            for _ in range(count // batch_size):
                batch = list(islice(drawn, batch_size))
                yield preprocessor.encode(batch, [task.answer(text) for text in batch])

    return of_symbols(generate, batch_size)


def largest_size(size: int, epoch: int, epochs: int) -> int:
    """Returns the size that texts have at most in an epoch, from 0, of so many."""
    return min(size, 3 + int(size * ((epoch + 1) / (GROWING * epochs)) ** 1.5))
