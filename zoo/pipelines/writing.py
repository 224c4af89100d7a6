"""Texts that a model writes: for another text, for a picture, or going on from a prompt."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.layers.search import beam_search
from zoo.layers.words import PADDING
from zoo.models.writing import Decoder
from zoo.pipelines.base import Pipeline, compiled
from zoo.preprocessing.sequence import texts_of

# A beam of more finds hardly better texts, and costs as much more.
BEAM = 5


class BeamSearch(keras.layers.Layer):
    """`beam_search` with the decoder of a model, on what its encoder made of the input.

    Args:
        decoder: whose steps are taken.
        beam: number of texts that are followed at once.
        max_length: of a text in symbols; without, twice the source and ten more.
    """

    def __init__(self, decoder: Decoder, beam: int, max_length: int | None):
        # In full precision, or the sums of a long text would be rounded.
        super().__init__(name="beam_search", dtype="float32")
        self.decoder, self.beam, self.max_length = decoder, beam, max_length

    def call(self, start):
        memory, source = start["memory"], start.get("source")
        keys = self.decoder.keys(memory)
        mask = None if source is None else ops.not_equal(source, PADDING)

        def step(symbols, states):
            h, states = self.decoder.step(symbols, states)
            return self.decoder.logits(h, memory, keys, mask), states

        return beam_search(
            step,
            start["states"],
            batch_size=ops.shape(memory)[0],
            beam=self.beam,
            max_length=self.max_length or 2 * ops.shape(source)[1] + 10,
        )

    def compute_output_spec(self, start):
        batch = start["memory"].shape[0]
        return (
            keras.KerasTensor((batch, self.beam, None), "int32"),
            keras.KerasTensor((batch, self.beam), "float32"),
            keras.KerasTensor((batch, self.beam), "float32"),
        )


def start_of(model: keras.Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the inputs of a model that writes but for its target, and what decoding starts with.

    That is the `memory`, the `states`, and the `source` if the model reads one.
    """
    inputs = {name: tensor for name, tensor in model.input.items() if name != "target"}
    count = len(Decoder.of(model).state_size)
    start = {
        "memory": model.get_layer("memory").output,
        "states": [model.get_layer(f"bridge_{i}").output for i in range(count)],
    }
    return inputs, start | ({"source": inputs["source"]} if "source" in inputs else {})


class SequencePipeline(Pipeline):
    """Texts to `{"text", "output", "log_prob", "score", "alternatives"}`.

    `log_prob` is the natural logarithm of the output's probability; `score`, by which outputs are
    ranked, is that divided by the number of its symbols, its end among them. `alternatives` are the
    best `n_best` outputs, the best first.

    Options: `n_best`, 1 by default; `beam`, the number of outputs followed at once, 5 or `n_best`
    by default; `max_length` of an output in symbols, by default twice those of the longest input of
    a batch and ten more; `attention`, to have `{"source": […], "output": […], "weights": …}` too,
    the pieces read and written and how much each of these looked at each of those.
    """

    def __init__(self, model: keras.Model, preprocessor: Any):
        self.model, self.preprocessor = model, preprocessor
        self.decoder = Decoder.of(model)
        self._searches: dict[tuple[int, int | None], Any] = {}
