"""The 1-LSTM: a Grid LSTM along depth alone, which reads a whole text at once."""

from collections.abc import Sequence

import keras
from keras import ops

from zoo.arguments import positive_integer
from zoo.layers.grid import GridLSTMBlock
from zoo.layers.words import BOUNDARY
from zoo.models.writing import Decoder, register_sequence_writer, vector_memory


@keras.saving.register_keras_serializable("zoo")
class Places(keras.layers.Layer):
    """Which symbol is at which place of a text, as one vector.

    Args:
        length: number of places; a text is filled up with the first piece.
        symbols: size of the vocabulary, with padding, the unknown symbol and the boundary.

    Input: int `(batch, time)`, the boundary and 0 after the last symbol.

    Output: `(batch, length * (symbols - 4))`: for each place and each piece but the first, whether
    it is there. The first, and what is no piece, are zeros.
    """

    def __init__(self, length, symbols, **kwargs):
        super().__init__(**kwargs)
        self.length = length
        self.symbols = symbols

    def call(self, source):
        source = ops.pad(source, [[0, 0], [0, self.length]])[:, : self.length]
        pieces = ops.arange(BOUNDARY + 2, self.symbols, dtype=source.dtype)
        found = ops.cast(source[..., None] == pieces, self.compute_dtype)
        return ops.reshape(found, (-1, self.length * (self.symbols - BOUNDARY - 2)))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.length * (self.symbols - BOUNDARY - 2))

    def get_config(self):
        return super().get_config() | {"length": self.length, "symbols": self.symbols}


@register_sequence_writer("one_lstm", task="algorithm")
def one_lstm(
    source_vocabulary: Sequence[str],
    target_vocabulary: Sequence[str],
    length: int = 20,
    units: int = 100,
    depth: int = 20,
    tied: bool = True,
    output_form: str = "tanh(o*m)",
    embedding_units: int = 64,
) -> keras.Model:
    """Builds a Grid LSTM with the one dimension of depth, above a linear map of a whole text.

    Source: Kalchbrenner, Danihelka and Graves, *Grid Long Short-Term Memory*, arXiv:1507.01526,
    section 4.1, where it tells the parity of bits. What it writes depends on the symbol before and
    on the last layer's h alone.

    Args:
        source_vocabulary, target_vocabulary: pieces that texts are made of, as
            `zoo.preprocessing.pieces.Pieces` takes them; of the source two or more.
        length: of the longest text, in symbols. A shorter one is filled up with the first piece of
            the source.
        units: size of h and m.
        depth: number of layers.
        tied: whether all layers have the same weights.
        output_form: of the LSTM, "tanh(o*m)" or "o*tanh(m)".
        embedding_units: size of the embedding of a symbol that is written.

    Returns:
        A model from a dict of `source` `(batch, source time)`, each row ended by the boundary, and
        `target` `(batch, time)`, each begun with it, both integers, 0 after the last, to the logits
        of the symbols after each of the target, `(batch, time, symbols)`; without
        `target_vocabulary` to h `(batch, units)`.

    Raises:
        ValueError: if `source_vocabulary` has fewer than two pieces, a size is no positive integer,
            or there is no such output form.
    """
    if len(source_vocabulary) < 2:
        raise ValueError(f"source_vocabulary must hold two pieces or more, got {source_vocabulary}")
    length, units = positive_integer("length", length), positive_integer("units", units)
    depth = positive_integer("depth", depth)
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    inputs = {"source": source, "target": target}
    x = Places(length, len(source_vocabulary) + BOUNDARY + 1, name="places")(source)
    x = keras.layers.Dense(2 * units, name="project")(x)
    state = ops.split(x, 2, axis=-1)
    blocks = [
        GridLSTMBlock(units, dimensions=1, output_form=output_form, name=f"depth_{i}")
        for i in range(1 if tied else depth)
    ]
    for i in range(depth):
        state = blocks[0 if tied else i](state)
    if not target_vocabulary:
        return keras.Model(inputs, state[0], name="one_lstm")
    decoder = Decoder.new(
        len(target_vocabulary) + BOUNDARY + 1,
        cell="grid_lstm",
        units=units,
        depth=0,
        embedding_units=embedding_units,
        tied=False,
        dropout=0.0,
    )
    logits = decoder(target, [], decoder.read(vector_memory(state[0])))
    return keras.Model(inputs, logits, name="one_lstm")
