"""Pairs of texts for training: batches that are a function of the seed and the epoch alone."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from training.recipe import Recipe
from training.sentences import rows_of_similar_length
from training.subwords import learn
from training.training_set import TrainingSet
from zoo.layers.words import BOUNDARY
from zoo.preprocessing.pieces import SPACE, padded
from zoo.preprocessing.sequence import SequencePreprocessor


def training_set(recipe: Recipe, sources: list[str], targets: dict[str, Any]) -> TrainingSet:
    """Returns texts and what is right for each as a recipe is trained on them."""
    read, written = pairs_of(sources, targets)

    def of_model(preprocessor: SequencePreprocessor, **settings: Any) -> tf.data.Dataset:
        return batches(preprocessor, read, written, **settings)

    return TrainingSet(arguments(read, written, recipe.subwords), len(read), of_model)


def arguments(sources: list[str], outputs: list[str], subwords: int | None) -> dict[str, list[str]]:
    """Returns the arguments of a builder that the data decide: the two vocabularies.

    Both are the same parts of words, if a number of them is given; else what is read are letters,
    without their case, and what is written are words.
    """
    if subwords:
        both = learn([*sources, *outputs], subwords)
        return {"source_vocabulary": both, "target_vocabulary": both}
    return {
        "source_vocabulary": sorted(set().union(*(source.lower() for source in sources))),
        "target_vocabulary": sorted({SPACE + word for text in outputs for word in text.split()}),
    }


def pairs_of(sources: list[str], targets: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Returns sources and targets, a source once for each of the texts that are right for it."""
    pairs = [
        (source, output)
        for source, outputs in zip(sources, targets["outputs"], strict=True)
        for output in outputs
    ]
    return [source for source, _ in pairs], [output for _, output in pairs]


def batches(
    preprocessor: SequencePreprocessor,
    sources: list[str],
    outputs: list[str],
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    epochs: int,
) -> tf.data.Dataset:
    """Returns the encoded batches of the epochs from `first_epoch` to before `epochs`.

    An epoch holds every pair once, but for a few that fill no batch, in an order of its own in
    which the pairs of a batch have similar lengths.
    """
    read = [[*preprocessor.source.numbers(text), BOUNDARY] for text in sources]
    written = [preprocessor.target.numbers(text) for text in outputs]
    lengths = [len(a) + len(b) for a, b in zip(read, written, strict=True)]

    def generate() -> Iterator[Any]:
        for epoch in range(first_epoch, epochs):
            rng = np.random.default_rng([seed, epoch])
            for rows in rows_of_similar_length(lengths, batch_size, rng):
                targets = [written[row] for row in rows]
                inputs = {
                    "source": padded([read[row] for row in rows]),
                    "target": padded([[BOUNDARY, *numbers] for numbers in targets]),
                }
                yield inputs, padded([[*numbers, BOUNDARY] for numbers in targets])

    return of_symbols(generate, batch_size)


def of_symbols(generate: Callable[[], Iterator[Any]], batch_size: int) -> tf.data.Dataset:
    """Returns the batches of a generator: source and target, and the symbols after each."""
    symbols = tf.TensorSpec((batch_size, None), tf.int32)
    return tf.data.Dataset.from_generator(
        generate, output_signature=({"source": symbols, "target": symbols}, symbols)
    ).prefetch(tf.data.AUTOTUNE)
