"""Sentences for training: batches that are a function of seed and epoch."""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from training import glove
from training.recipe import Recipe
from training.training_set import TrainingSet
from zoo import data, registry
from zoo.preprocessing import Preprocessor
from zoo.preprocessing.sentence import vocabulary_of

# Batches of similar length are cut from so many at a time.
BATCHES_SORTED = 16

Augmentation = Callable[[list[str], list[str], random.Random], tuple[list[str], list[str]]]


def training_set(
    recipe: Recipe, sentences: list[list[str]], targets: dict[str, Any]
) -> TrainingSet:
    """Returns sentences and their labels as a recipe is trained on them.

    Labels of a head that the recipe's builder does not have are left out.
    """
    heads = registry.builder(recipe.builder).heads
    targets = {head: targets[head] for head in heads if head in targets}
    of_data = arguments(sentences, targets)
    if recipe.glove:
        of_data["vocabulary"] = glove.vocabulary(of_data["vocabulary"], recipe.glove)

    def of_model(preprocessor: Preprocessor, **settings: Any) -> tf.data.Dataset:
        return batches(
            preprocessor,
            sentences,
            targets,
            augment=recipe.augment,
            late_augment=recipe.late_augment,
            **settings,
        )

    return TrainingSet(of_data, len(sentences), of_model)


def whole_training_set(
    recipe: Recipe, sentences: list[list[str]], targets: dict[str, Any]
) -> TrainingSet:
    """Returns sentences and a label for each as a recipe is trained on them."""
    vocabulary = vocabulary_of(sentences)
    if recipe.glove:
        vocabulary = glove.vocabulary(vocabulary, recipe.glove)
    found = {"labels": data.labels(recipe.dataset), "vocabulary": vocabulary}
    lengths = [len(words) for words in sentences]

    def of_model(
        preprocessor: Preprocessor, *, batch_size: int, seed: int, first_epoch: int, epochs: int
    ) -> tf.data.Dataset:
        def generate() -> Iterator[Any]:
            for epoch in range(first_epoch, epochs):
                rng = np.random.default_rng([seed, epoch])
                for rows in rows_of_similar_length(lengths, batch_size, rng):
                    labels = [targets["labels"][row] for row in rows]
                    yield preprocessor.encode([sentences[row] for row in rows], labels)

        return _dataset(generate, batch_size)

    return TrainingSet(found, len(sentences), of_model)


def arguments(sentences: list[list[str]], targets: dict[str, Any]) -> dict[str, list[str]]:
    """Returns the arguments of a builder that the data decide: labels, intents and vocabulary.

    Every B-label has its I-label, whether the data have it or not.
    """
    labels = {label for labels in targets["labels"] for label in labels}
    inside = {f"I-{label[2:]}" for label in labels if label.startswith("B-")}
    found = {
        "labels": sorted(labels | inside),
        "vocabulary": vocabulary_of(sentences),
    }
    return found | ({"intents": sorted(set(targets["intents"]))} if "intents" in targets else {})


def batches(
    preprocessor: Preprocessor,
    sentences: list[list[str]],
    targets: dict[str, Any],
    *,
    batch_size: int,
    seed: int,
    first_epoch: int,
    epochs: int,
    augment: Augmentation | None = None,
    late_augment: tuple[int, Augmentation] | None = None,
) -> tf.data.Dataset:
    """Returns the encoded batches of the epochs from `first_epoch` to before `epochs`.

    An epoch holds every sentence once, but for a few that fill no batch, in an order of its own in
    which the sentences of a batch have similar lengths. With `late_augment` its second augments the
    last so many epochs, in the place of `augment`.
    """
    late_epochs, late = late_augment or (0, None)

    def generate() -> Iterator[Any]:
        for epoch in range(first_epoch, epochs):
            rng = np.random.default_rng([seed, epoch])
            examples = list(zip(sentences, targets["labels"], strict=True))
            change = augment if epoch < epochs - late_epochs else late
            if change is not None:
                # A number at a time, this draws ten times as fast as NumPy.
                draw = random.Random(int(rng.integers(2**63)))
                examples = [change(words, labels, draw) for words, labels in examples]
            for rows in rows_of_similar_length(
                [len(words) for words, _ in examples], batch_size, rng
            ):
                wanted = {"labels": [examples[row][1] for row in rows]}
                if "intents" in targets:
                    wanted["intents"] = [targets["intents"][row] for row in rows]
                yield preprocessor.encode([examples[row][0] for row in rows], wanted)

    return _dataset(generate, batch_size)


def _dataset(generate: Callable[[], Iterator[Any]], batch_size: int) -> tf.data.Dataset:
    """Returns the batches that a generator yields, of the shapes that its first one has."""

    def spec(array: np.ndarray) -> tf.TensorSpec:
        return tf.TensorSpec((batch_size, *[None] * (array.ndim - 1)), array.dtype)

    signature = keras.tree.map_structure(spec, next(generate()))
    return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(
        tf.data.AUTOTUNE
    )


def rows_of_similar_length(
    lengths: Sequence[int], batch_size: int, rng: np.random.Generator
) -> list[list[int]]:
    """Returns the rows of each batch of an epoch."""
    count = len(lengths) // batch_size * batch_size
    order = rng.permutation(len(lengths))[:count]
    many = BATCHES_SORTED * batch_size
    found = []
    for start in range(0, count, many):
        some = sorted(order[start : start + many], key=lengths.__getitem__)
        found += [some[i : i + batch_size] for i in range(0, len(some), batch_size)]
    return [found[i] for i in rng.permutation(len(found))]
