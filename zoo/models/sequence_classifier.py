"""From a sequence to one answer: a label for a whole sentence."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from zoo.layers.words import PADDING
from zoo.models.classifying import compile_classifier
from zoo.models.labelling import recurrent_layers, word_vectors
from zoo.preprocessing.sentence import WholeSentencePreprocessor
from zoo.registry import register


def _preprocessor(model: keras.Model, arguments: dict[str, Any]) -> WholeSentencePreprocessor:
    return WholeSentencePreprocessor(arguments["labels"], arguments["vocabulary"])


@register(
    "sequence_classifier",
    task="text-classification",
    heads={"labels": "logits"},
    assets=("vocabulary",),
    compile=compile_classifier,
    preprocessor=_preprocessor,
)
def sequence_classifier(
    labels: Sequence[str],
    vocabulary: Sequence[str],
    cell: str = "lstm",
    units: int = 150,
    depth: int = 1,
    bidirectional: bool = True,
    highway: str | bool | None = None,
    shortcut: str | None = None,
    word_units: int = 100,
    word_dropout: float = 0.0,
    trigram_units: int = 0,
    trigram_buckets: int = 8192,
    character_filters: int = 0,
    dropout: float = 0.5,
) -> keras.Model:
    """Builds the (Bi)LSTM that Tai, Socher and Manning compare with (arXiv:1503.00075, 5.1).

    Any cell walks over the words, and its output after the last one, of the direction from the end
    that after the first one, decides.

    Args:
        labels: of sentences, one logit each; none returns what decides, `(batch, features)`.
        vocabulary: words with an embedding of their own.
        cell: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway".
        units: of a cell, in each direction.
        depth: number of these layers.
        bidirectional: whether they walk both ways.
        highway: what the layers after the first are: Highway layers around the recurrent layer
            ("lstm", whatever the cell), around a dense one ("dense") or around a convolution
            ("conv"); without, recurrent layers.
        shortcut: "project", "pad" or "subsample": makes the first layer a Highway layer too, to
            whose size word vectors are brought so; without, it is plain.
        word_units: size of a word's embedding.
        word_dropout: share of the words that are taken for unknown in training.
        trigram_units, trigram_buckets: size and number of embeddings of letter trigrams; 0 units
            for none.
        character_filters: of the convolution over letters; 0 for none.
        dropout: rate before each layer and the head, in training; of a Highway layer in a
            recurrent transform alone.

    Returns:
        A model from a dict of `words` `(batch, time)` and `characters` `(batch, time, letters)` to
        logits `(batch, labels)`.

    Raises:
        ValueError: if there is no such cell, kind of Highway layer or shortcut, or a size is no
            integer or too small.
    """
    inputs, x = word_vectors(
        vocabulary, word_units, trigram_units, trigram_buckets, character_filters, word_dropout
    )
    x = recurrent_layers(x, cell, units, depth, bidirectional, dropout, highway, shortcut)
    words = ops.sum(ops.cast(inputs["words"] != PADDING, "int32"), axis=1)
    last = ops.maximum(words - 1, 0)[:, None, None]
    if bidirectional:
        forward, backward = ops.split(x, 2, axis=-1)
        forward = ops.take_along_axis(forward, last, axis=1)[:, 0]
        x = ops.concatenate([forward, backward[:, 0]], axis=-1)
    else:
        x = ops.take_along_axis(x, last, axis=1)[:, 0]
    if not labels:
        return keras.Model(inputs, x, name="sequence_classifier")
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    logits = keras.layers.Dense(len(labels), name="logits")(x)
    return keras.Model(inputs, logits, name="sequence_classifier")
