"""From a vector of a fixed size to a sequence: a picture to what it shows, spelled."""

from collections.abc import Sequence
from typing import Any

import keras

from zoo.arguments import positive_integer
from zoo.layers.highway import HighwayStack
from zoo.layers.words import BOUNDARY
from zoo.models.classifying import image_input
from zoo.models.writing import Decoder, compile_writer, first_states, vector_memory
from zoo.preprocessing.sequence import CaptionPreprocessor
from zoo.registry import register


def _preprocessor(model: keras.Model, arguments: dict[str, Any]) -> CaptionPreprocessor:
    return CaptionPreprocessor(arguments["target_vocabulary"], model.input["pixels"].shape[1:])


@register(
    "vector_to_sequence",
    task="image-to-sequence",
    heads={"target_vocabulary": "target_embeddings"},
    compile=compile_writer,
    preprocessor=_preprocessor,
)
def vector_to_sequence(
    target_vocabulary: Sequence[str],
    input_shape: Sequence[int] = (28, 28),
    highway_depth: int = 10,
    highway_units: int = 50,
    gate_bias: float = -3.0,
    cell: str = "gru",
    units: int = 64,
    depth: int = 1,
    embedding_units: int = 32,
    dropout: float = 0.0,
) -> keras.Model:
    """Builds a network that writes about a picture, over any cell.

    Highway layers make a vector of the picture, which the decoder begins with and sees at every
    step (Goodfellow, Bengio and Courville, *Deep Learning*, figure 10.9).

    Args:
        target_vocabulary: pieces that texts are made of, as `zoo.preprocessing.pieces.Pieces` takes
            them.
        input_shape: (height, width) or (height, width, channels) of a picture.
        highway_depth, highway_units, gate_bias: of the Highway layers, as in `highway_classifier`.
        cell: "elman", "grid_lstm", "gru", "jordan", "lstm", "peephole_lstm" or
            "recurrent_highway".
        units: of the decoder's cell.
        depth: number of the decoder's recurrent layers; with none the network is output-recurrent:
            what it wrote last is all that goes back (figure 10.4 there).
        embedding_units: size of a symbol's embedding.
        dropout: rate on embeddings and before the logits, in training.

    Returns:
        A model from a dict of `pixels` `(batch, *input_shape)`, 0 to 255, and `target`
        `(batch, time)`, begun with the boundary, to the logits of the symbols after each of the
        target, `(batch, time, symbols)`; without `target_vocabulary` to the vector
        `(batch, highway_units)`.

    Raises:
        ValueError: if there is no such cell, a size is no positive integer, or `input_shape` is not
            that of a picture.
    """
    highway_units = positive_integer("highway_units", highway_units)
    pixels, x = image_input(input_shape)
    target = keras.Input((None,), dtype="int32", name="target")
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(highway_units, activation="relu", name="project")(x)
    x = HighwayStack(highway_depth, gate_bias=gate_bias, name="highway")(x)
    inputs = {"pixels": pixels, "target": target}
    if not target_vocabulary:
        return keras.Model(inputs, x, name="vector_to_sequence")
    decoder = Decoder.new(
        len(target_vocabulary) + BOUNDARY + 1,
        cell=cell,
        units=units,
        depth=depth,
        embedding_units=embedding_units,
        tied=False,
        dropout=dropout,
    )
    logits = decoder(target, first_states(decoder, x), decoder.read(vector_memory(x)))
    return keras.Model(inputs, logits, name="vector_to_sequence")
