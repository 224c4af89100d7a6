"""From a sequence to another, of another length: an encoder, attention, and a decoder."""

from collections.abc import Sequence

import keras
from keras import ops

from zoo.arguments import fraction, positive_integer
from zoo.cells import named_cell
from zoo.layers import Bidirectional
from zoo.layers.words import BOUNDARY, PADDING
from zoo.models.writing import (
    Decoder,
    embeddings_initializer,
    first_states,
    logits_of,
    register_sequence_writer,
    sequence_memory,
    vector_memory,
)


@register_sequence_writer("encoder_decoder", task="sequence-to-sequence")
def encoder_decoder(
    source_vocabulary: Sequence[str],
    target_vocabulary: Sequence[str],
    cell: str = "lstm",
    units: int = 256,
    encoder_depth: int = 1,
    decoder_depth: int = 1,
    embedding_units: int = 128,
    attention: str = "dot",
    tied: bool = False,
    dropout: float = 0.2,
    scheduled_sampling: float = 0.0,
) -> keras.Model:
    """Builds an encoder-decoder with attention, over any cell.

    The encoder walks both ways (Bahdanau, Cho and Bengio, arXiv:1409.0473); the decoder reads it
    by the global attention of Luong, Pham and Manning (arXiv:1508.04025).

    Args:
        source_vocabulary, target_vocabulary: pieces that texts are made of, as
            `zoo.preprocessing.pieces.Pieces` takes them.
        cell: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway".
        units: of a cell, in each direction of the encoder, and in the decoder.
        encoder_depth, decoder_depth: numbers of recurrent layers.
        embedding_units: size of a symbol's embedding.
        attention: "dot"; "scaled_dot", divided by the root of the size, so that it starts soft
            (Vaswani et al., arXiv:1706.03762, section 3.2.1); "additive"; or "none": then the
            decoder sees the last states of the encoder at every step (Cho et al.,
            arXiv:1406.1078).
        tied: whether the embeddings of the target are the weights of the logits too and, where the
            two vocabularies are the same, also the embeddings of the source.
        dropout: rate on embeddings, between layers and before the logits, in training.
        scheduled_sampling: share of the target's symbols that are the network's own in training.

    Returns:
        A model from a dict of `source` `(batch, source time)`, each row ended by the boundary, and
        `target` `(batch, time)`, each begun with it, both integers, 0 after the last, to the logits
        of the symbols after each of the target, `(batch, time, symbols)`; without
        `target_vocabulary` to the encoder's outputs `(batch, source time, features)`.

    Raises:
        ValueError: if there is no such cell or attention, a size is no positive integer, or a rate
            is not at least 0 and less than 1.
    """
    embedding_units = positive_integer("embedding_units", embedding_units)
    dropout = fraction("dropout", dropout)
    scheduled_sampling = fraction("scheduled_sampling", scheduled_sampling)
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    decoder = Decoder.new(
        len(target_vocabulary) + BOUNDARY + 1,
        cell=cell,
        units=units,
        depth=positive_integer("decoder_depth", decoder_depth),
        embedding_units=embedding_units,
        tied=tied,
        dropout=dropout,
        attention=attention,
    )
    if tied and list(source_vocabulary) == list(target_vocabulary):
        x = decoder.embed(source)
    else:
        symbols = len(source_vocabulary) + BOUNDARY + 1
        x = keras.layers.Embedding(
            symbols,
            embedding_units,
            embeddings_initializer=embeddings_initializer(1),
            name="source_embeddings",
        )(source)
    mask = ops.not_equal(source, PADDING)
    for i in range(positive_integer("encoder_depth", encoder_depth)):
        one = named_cell(cell, units, dropout=dropout, name="cell")
        layer = Bidirectional(one, return_sequences=True, return_state=True, name=f"encoder_{i}")
        x, *states = layer(x, mask=mask)
    if not target_vocabulary:
        return keras.Model({"source": source, "target": target}, x, name="encoder_decoder")
    whole = ops.concatenate(states, axis=-1)
    memory = vector_memory(whole) if attention == "none" else sequence_memory(x, units, dropout)
    states = first_states(decoder, whole)
    logits = logits_of(decoder, target, states, decoder.read(memory, mask), scheduled_sampling)
    return keras.Model({"source": source, "target": target}, logits, name="encoder_decoder")
