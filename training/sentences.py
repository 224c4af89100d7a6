"""Sentences for training: batches that are a function of the seed and the epoch alone."""

import random
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from zoo.pipelines.sentence import chunks
from zoo.preprocessing import Preprocessor
from zoo.preprocessing.sentence import vocabulary_of

# Batches of similar length are cut from so many at a time.
BATCHES_SORTED = 16

Augmentation = Callable[[list[str], list[str], random.Random], tuple[list[str], list[str]]]


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
) -> tf.data.Dataset:
    """Returns the encoded batches of the epochs from `first_epoch` to before `epochs`.

    An epoch holds every sentence once, but for a few that fill no batch, in an order of its own in
    which the sentences of a batch have similar lengths.
    """

    def generate() -> Iterator[Any]:
        for epoch in range(first_epoch, epochs):
            rng = np.random.default_rng([seed, epoch])
            examples = list(zip(sentences, targets["labels"], strict=True))
            if augment is not None:
                # A number at a time, this draws ten times as fast as NumPy.
                draw = random.Random(int(rng.integers(2**63)))
                examples = [augment(words, labels, draw) for words, labels in examples]
            for rows in _rows([len(words) for words, _ in examples], batch_size, rng):
                wanted = {"labels": [examples[row][1] for row in rows]}
                if "intents" in targets:
                    wanted["intents"] = [targets["intents"][row] for row in rows]
                yield preprocessor.encode([examples[row][0] for row in rows], wanted)

    def signature(arrays: dict[str, np.ndarray]) -> dict[str, tf.TensorSpec]:
        return {
            name: tf.TensorSpec((batch_size, *[None] * (array.ndim - 1)), array.dtype)
            for name, array in arrays.items()
        }

    inputs, labels = next(generate())
    return tf.data.Dataset.from_generator(
        generate, output_signature=(signature(inputs), signature(labels))
    ).prefetch(tf.data.AUTOTUNE)


def _rows(lengths: Sequence[int], batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """Returns the rows of each batch of an epoch."""
    count = len(lengths) // batch_size * batch_size
    order = rng.permutation(len(lengths))[:count]
    many = BATCHES_SORTED * batch_size
    found = []
    for start in range(0, count, many):
        some = sorted(order[start : start + many], key=lengths.__getitem__)
        found += [some[i : i + batch_size] for i in range(0, len(some), batch_size)]
    return [found[i] for i in rng.permutation(len(found))]


def invent_names(
    words: list[str],
    labels: list[str],
    draw: random.Random,
    *,
    slot: str,
    rate: float,
    bare: float = 0.0,
) -> tuple[list[str], list[str]]:
    """Puts invented names in the place of all chunks of a kind, in some sentences.

    So a name that was never seen is known by its place.

    Args:
        words, labels: of a sentence, labels in IOB form.
        draw: decides whether names are replaced, and by what.
        slot: the end of the labels of the chunks, such as "city_name".
        rate: share of the sentences that are changed.
        bare: share of the replaced names that lose the word before them, if that has no label:
            "arrive in Berlin" becomes "arrive Berlin".

    Returns:
        Words and labels, of another number where a name has more words or fewer.
    """
    if draw.random() >= rate:
        return words, labels
    new_words, new_labels, done = [], [], 0
    for label, first, last in chunks(labels):
        if label.endswith(slot):
            # One word, two or three.
            name = [_invented(words, draw) for _ in range(bisect(_SHARES, draw.random()))]
            lost = first > done and labels[first - 1] == "O" and draw.random() < bare
            new_words += words[done : first - lost] + name
            new_labels += labels[done : first - lost]
            new_labels += [f"{'I' if i else 'B'}-{label}" for i in range(len(name))]
            done = last + 1
    return new_words + words[done:], new_labels + labels[done:]


# Cumulated shares of names of no word, one, two and three.
_SHARES = (0.0, 0.45, 0.85)
_ONSETS = [*"bcdfghjklmnprstvwyz", "br", "ch", "cl", "gr", "kr", "sh", "st", "th", "tr"]
_VOWELS = [*"aaeeiioouy", "ai", "au", "ea", "ei", "ia", "oa", "ou"]
_CODAS = [*"nrslmt", "ck", "ng", "nd", "ll", "", "", "", "", "", ""]


def _invented(words: list[str], draw: random.Random) -> str:
    """Returns a word that could be a name: syllables, or the ends of two words of the sentence."""
    if draw.random() < 0.5:
        return draw.choice(words)[: draw.randint(1, 5)] + draw.choice(words)[-draw.randint(1, 5) :]
    parts = (_ONSETS, _VOWELS, _CODAS) * draw.randint(1, 4)
    return "".join(draw.choice(part) for part in parts)
