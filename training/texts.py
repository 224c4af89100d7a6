"""Long texts to batches of windows, for a language model."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from training.recipe import Recipe
from training.training_set import TrainingSet
from zoo.arguments import positive_integer
from zoo.layers.words import BOUNDARY
from zoo.preprocessing.sequence import TextPreprocessor


def training_set(recipe: Recipe, texts: list[str], targets: dict[str, Any]) -> TrainingSet:
    """Returns the characters of a text as a recipe is trained on them, in windows.

    Raises:
        ValueError: if there are more texts than one, it is shorter than two windows, or the recipe
            names no size of a window.
    """
    (text,) = texts
    window = positive_integer("window", recipe.window)
    count = len(text) // window - 1
    if count < 1:
        raise ValueError(f"a text must have {2 * window} characters or more, got {len(text)}")

    def of_model(preprocessor: TextPreprocessor, **settings: Any) -> tf.data.Dataset:
        def symbols(rng: np.random.Generator) -> np.ndarray:
            seen = recipe.augment(text, rng) if recipe.augment else text
            return np.array(preprocessor.target.numbers(seen), np.int32)

        return batches(symbols, window, count, **settings)

    return TrainingSet({"target_vocabulary": sorted(set(text))}, count, of_model)


def batches(
    symbols: Callable[[np.random.Generator], np.ndarray],
    window: int,
    count: int,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    epochs: int,
) -> tf.data.Dataset:
    """Returns the batches of the epochs from `first_epoch` to before `epochs`.

    In each epoch the text, as `symbols` returns it for the epoch's generator, is cut into `count`
    windows of so many symbols from a place of its own, which come in an order of their own. A
    window begins with the boundary and without a state, as a prompt does.
    """
    ways = np.arange(window)

    def generate() -> Iterator[Any]:
        for epoch in range(first_epoch, epochs):
            rng = np.random.default_rng([seed, epoch])
            text = symbols(rng)
            starts = rng.integers(window) + window * rng.permutation(count)
            for i in range(count // batch_size):
                rows = starts[i * batch_size : (i + 1) * batch_size, None] + ways
                following = text[rows]
                before = np.pad(following[:, :-1], [(0, 0), (1, 0)], constant_values=BOUNDARY)
                yield {"target": before}, following

    windows = tf.TensorSpec((batch_size, window), tf.int32)
    return tf.data.Dataset.from_generator(
        generate, output_signature=({"target": windows}, windows)
    ).prefetch(tf.data.AUTOTUNE)
