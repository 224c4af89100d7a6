"""One recurrent network that reads a text to its end, and then writes another."""

from collections.abc import Sequence

import keras
from keras import ops

from zoo.arguments import fraction, positive_integer
from zoo.layers.words import BOUNDARY, PADDING
from zoo.models.writing import Decoder, embeddings_initializer, register_sequence_writer


@register_sequence_writer("reader_writer", task="algorithm")
def reader_writer(
    source_vocabulary: Sequence[str],
    target_vocabulary: Sequence[str],
    cell: str = "grid_lstm",
    units: int = 100,
    depth: int = 1,
    cell_depth: int | None = None,
    cell_tied: bool | None = None,
    embedding_units: int = 64,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network whose only memory of a text is the state it is left with, over any cell.

    The same recurrent layers read and write (Zaremba and Sutskever, *Learning to Execute*,
    arXiv:1410.4615); what is written goes back in.

    Args:
        source_vocabulary, target_vocabulary: pieces that texts are made of, as
            `zoo.preprocessing.pieces.Pieces` takes them.
        cell: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway".
        units: of a cell.
        depth: number of recurrent layers, one above the other.
        cell_depth: number of the layers that a "grid_lstm" or "recurrent_highway" has in itself.
        cell_tied: whether those of a "grid_lstm" share their weights.
        embedding_units: size of a symbol's embedding.
        dropout: rate on embeddings, between layers and before the logits, in training.

    Returns:
        A model from a dict of `source` `(batch, source time)`, each row ended by the boundary, and
        `target` `(batch, time)`, each begun with it, both integers, 0 after the last, to the logits
        of the symbols after each of the target, `(batch, time, symbols)`; without
        `target_vocabulary` to the states after the source, side by side, `(batch, features)`.

    Raises:
        ValueError: if there is no such cell or option of it, a size is no positive integer, or the
            rate is not at least 0 and less than 1.
    """
    embedding_units = positive_integer("embedding_units", embedding_units)
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    decoder = Decoder.new(
        len(target_vocabulary) + BOUNDARY + 1,
        cell=cell,
        units=units,
        depth=positive_integer("depth", depth),
        cell_options={"depth": cell_depth, "tied": cell_tied},
        embedding_units=embedding_units,
        tied=False,
        dropout=fraction("dropout", dropout),
    )
    x = keras.layers.Embedding(
        len(source_vocabulary) + BOUNDARY + 1,
        embedding_units,
        embeddings_initializer=embeddings_initializer(1),
        name="source_embeddings",
    )(source)
    inputs = {"source": source, "target": target}
    _, states = decoder.walk_vectors(x, [], mask=ops.not_equal(source, PADDING))
    if not target_vocabulary:
        return keras.Model(inputs, ops.concatenate(states, axis=-1), name="reader_writer")
    states = [keras.layers.Identity(name=f"bridge_{i}")(one) for i, one in enumerate(states)]
    return keras.Model(inputs, decoder(target, states), name="reader_writer")
