"""A slot filler: a label for every word of a sentence, and perhaps one for the whole."""

from collections.abc import Sequence
from typing import Any

import keras

from zoo.arguments import not_negative_integer
from zoo.layers import AttentionPooling, ContextWindow
from zoo.models.labelling import compile_labeller, label_head, recurrent_layers, word_vectors
from zoo.preprocessing.sentence import SentencePreprocessor
from zoo.registry import register


def _preprocessor(model: keras.Model, arguments: dict[str, Any]) -> SentencePreprocessor:
    return SentencePreprocessor(arguments["labels"], arguments["vocabulary"], arguments["intents"])


@register(
    "slot_filler",
    task="slot-filling",
    heads={"labels": "labels", "intents": ("pooling", "intents")},
    assets=("vocabulary",),
    compile=compile_labeller,
    preprocessor=_preprocessor,
)
def slot_filler(
    labels: Sequence[str],
    vocabulary: Sequence[str],
    intents: Sequence[str] = (),
    cell: str = "lstm",
    units: int = 150,
    depth: int = 1,
    bidirectional: bool = True,
    window: Sequence[int] = (0, 0),
    word_units: int = 100,
    word_dropout: float = 0.0,
    trigram_units: int = 100,
    trigram_buckets: int = 8192,
    character_filters: int = 0,
    dropout: float = 0.5,
    crf: bool = False,
) -> keras.Model:
    """Builds the network of Mesnil et al. (2015) over any cell, and a head for the intent.

    Word vectors go through dropout, a window of neighbours and recurrent layers; a dense head
    labels each word, and another the mean of all words' outputs, weighted by attention.

    Args:
        labels: of words, in IOB form, one logit each; none returns the `(batch, time, features)`.
        vocabulary: words with an embedding of their own.
        intents: labels of a sentence; none leaves the second head out.
        cell: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway".
        units: of a cell.
        depth: number of recurrent layers.
        bidirectional: whether they walk both ways.
        window: numbers of words before and after that are seen beside each word.
        word_units: size of a word's embedding.
        word_dropout: share of the words that are taken for unknown in training.
        trigram_units, trigram_buckets: size and number of embeddings of letter trigrams; 0 units
            for none.
        character_filters: of the convolution over letters; 0 for none.
        dropout: rate before each recurrent layer and the heads, in training.
        crf: whether labels are chosen together, by a CRF, or each by itself.

    Returns:
        A model from a dict of `words` `(batch, time)` and `characters` `(batch, time, letters)` to
        a dict of logits, `labels` `(batch, time, labels)`, or with a CRF its potentials
        `(batch, time, labels, labels)`, and, if there are, `intents` `(batch, intents)`.

    Raises:
        ValueError: if there is no such cell, a size is no integer or too small, or `window` is not
            two integers of 0 or more.
    """
    if not isinstance(window, list | tuple) or len(window) != 2:
        raise ValueError(f"window must be two integers, words before and after, got {window!r}")
    before, after = (not_negative_integer("window", size) for size in window)
    inputs, x = word_vectors(
        vocabulary, word_units, trigram_units, trigram_buckets, character_filters, word_dropout
    )
    if before or after:
        x = ContextWindow(before, after, name="window")(x)
    x = recurrent_layers(x, cell, units, depth, bidirectional, dropout, highway=False)
    if not labels:
        return keras.Model(inputs, x, name="slot_filler")
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    outputs = {"labels": label_head(labels, crf)(x)}
    if intents:
        whole = AttentionPooling(units, name="pooling")(x)
        outputs["intents"] = keras.layers.Dense(len(intents), name="intents")(whole)
    return keras.Model(inputs, outputs, name="slot_filler")
