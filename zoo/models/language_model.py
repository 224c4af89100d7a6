"""The next symbol from all before it: p(y₁ … y_T), one symbol at a time."""

from collections.abc import Sequence
from typing import Any

import keras

from zoo.layers.words import BOUNDARY
from zoo.models.writing import Decoder, compile_writer
from zoo.preprocessing.sequence import TextPreprocessor
from zoo.registry import register


def _preprocessor(model: keras.Model, arguments: dict[str, Any]) -> TextPreprocessor:
    return TextPreprocessor(arguments["target_vocabulary"])


@register(
    "language_model",
    task="language-modelling",
    heads={"target_vocabulary": "target_embeddings"},
    compile=compile_writer,
    preprocessor=_preprocessor,
)
def language_model(
    target_vocabulary: Sequence[str],
    cell: str = "gru",
    units: int = 256,
    depth: int = 1,
    cell_depth: int | None = None,
    cell_tied: bool | None = None,
    embedding_units: int = 128,
    tied: bool = False,
    dropout: float = 0.2,
    recurrent_dropout: float = 0.0,
    pointer_length: int = 0,
) -> keras.Model:
    """Builds a recurrent language model (Mikolov et al., Interspeech 2010), over any cell.

    It is the fully connected graphical model of Goodfellow, Bengio and Courville, *Deep Learning*,
    section 10.2.3: each symbol depends on all before it, through the state.

    Args:
        target_vocabulary: pieces that texts are made of, as `zoo.preprocessing.pieces.Pieces` takes
            them; one or more, for there are no features below what reads them.
        cell: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway".
        units: of a cell.
        depth: number of recurrent layers; with none, a symbol depends on the one before it alone.
        cell_depth: number of the layers that a "grid_lstm" or "recurrent_highway" has in itself.
        cell_tied: whether those of a "grid_lstm" share their weights.
        embedding_units: size of a symbol's embedding.
        tied: whether the embeddings are the weights of the logits too.
        dropout: rate on embeddings, between layers and before the logits, in training.
        recurrent_dropout: rate on the states, one mask a text (Gal and Ghahramani,
            arXiv:1512.05287), in training.
        pointer_length: how many of the last symbols a pointer can copy (`zoo.layers.Pointer`), so
            that a name comes again as it was read; none without.

    Returns:
        A model from a dict of `target` `(batch, time)`, integers, to the logits of the symbol after
        each, `(batch, time, symbols)`; with a pointer they are log p.

    Raises:
        ValueError: if there is no such cell or option of it, `target_vocabulary` is empty, a size
            is no positive integer, or a dropout rate is not at least 0 and less than 1.
    """
    if not target_vocabulary:
        raise ValueError("target_vocabulary must hold a piece or more: a language model reads it")
    target = keras.Input((None,), dtype="int32", name="target")
    decoder = Decoder.new(
        len(target_vocabulary) + BOUNDARY + 1,
        cell=cell,
        units=units,
        depth=depth,
        cell_options={"depth": cell_depth, "tied": cell_tied},
        embedding_units=embedding_units,
        tied=tied,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
        pointer_length=pointer_length,
    )
    return keras.Model({"target": target}, decoder(target, []), name="language_model")
