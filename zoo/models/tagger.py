"""A bidirectional tagger: a label for every word of a sentence, chosen together."""

from collections.abc import Sequence
from typing import Any

import keras

from zoo.models.labelling import compile_labeller, label_head, recurrent_layers, word_vectors
from zoo.preprocessing.sentence import SentencePreprocessor
from zoo.registry import register


def _preprocessor(model: keras.Model, arguments: dict[str, Any]) -> SentencePreprocessor:
    return SentencePreprocessor(arguments["labels"], arguments["vocabulary"], cased_letters=True)


@register(
    "tagger",
    task="tagging",
    heads={"labels": "labels"},
    assets=("vocabulary",),
    compile=compile_labeller,
    preprocessor=_preprocessor,
)
def tagger(
    labels: Sequence[str],
    vocabulary: Sequence[str],
    cell: str = "lstm",
    units: int = 100,
    depth: int = 1,
    crf: bool = True,
    highway: str | bool | None = None,
    word_units: int = 100,
    word_dropout: float = 0.0,
    trigram_units: int = 0,
    trigram_buckets: int = 8192,
    character_filters: int = 30,
    dropout: float = 0.5,
) -> keras.Model:
    """Builds the BI-LSTM-CRF of Huang, Xu and Yu (arXiv:1508.01991), over any cell and depth.

    The letters of a word are read by a convolution, after Ma and Hovy (arXiv:1603.01354).

    Args:
        labels: of words; none returns the `(batch, time, features)`.
        vocabulary: words with an embedding of their own.
        cell: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway".
        units: of a cell, in each direction.
        depth: number of these layers.
        crf: whether labels are chosen together, by a CRF, or each by itself.
        highway: what the layers after the first are: Highway layers around the recurrent layer
            ("lstm", whatever the cell), around a dense one ("dense") or around a convolution
            ("conv"); without, recurrent layers.
        word_units: size of a word's embedding.
        word_dropout: share of the words that are taken for unknown in training.
        trigram_units, trigram_buckets: size and number of embeddings of letter trigrams; 0 units
            for none.
        character_filters: of the convolution over letters; 0 for none.
        dropout: rate before each layer and the head, in training; of a Highway layer in a
            recurrent transform alone.

    Returns:
        A model from a dict of `words` `(batch, time)` and `characters` `(batch, time, letters)` to
        a dict of `labels`: the potentials `(batch, time, labels, labels)` of the CRF, or logits
        `(batch, time, labels)`.

    Raises:
        ValueError: if there is no such cell, or a size is no integer or too small.
    """
    inputs, x = word_vectors(
        vocabulary, word_units, trigram_units, trigram_buckets, character_filters, word_dropout
    )
    x = recurrent_layers(x, cell, units, depth, True, dropout, highway)
    if not labels:
        return keras.Model(inputs, x, name="tagger")
    if dropout:
        x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, {"labels": label_head(labels, crf)(x)}, name="tagger")
