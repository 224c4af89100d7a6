"""What the builders that write sequences share: their decoder, how it is trained, how it writes."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from zoo.arguments import fraction, not_negative_integer, positive_integer
from zoo.cells import named_cell
from zoo.errors import unknown_name
from zoo.layers import Recurrent
from zoo.layers.pointer import Pointer, mixed
from zoo.layers.words import BOUNDARY, PADDING
from zoo.preprocessing.sequence import SequencePreprocessor
from zoo.registry import register

ATTENTION = ("none", "dot", "scaled_dot", "additive")
# How the names of a decoder's layers begin.
LAYERS = ("target_embeddings", "readout", "decoder_", "attention_", "queries_", "keys_", "pointer")


@keras.saving.register_keras_serializable("zoo")
class ScheduledSampling(keras.layers.Layer):
    """Puts what the network would have written in the place of some true symbols, in training.

    Source: Bengio et al., *Scheduled Sampling for Sequence Prediction with Recurrent Neural
    Networks*, arXiv:1506.03099, in the parallel form of Duckworth et al., arXiv:1906.04331: a first
    pass sees true symbols alone, and what it finds likeliest is what the second may see.

    Args:
        rate: share of the symbols, from 0 to less than 1.
        seed: of the draws.

    Call arguments:
        target: `(batch, time)`, the symbol before each step.
        logits: `(batch, time, symbols)` of the first pass.

    Returns:
        `(batch, time)`; the first symbol and padding stay.
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = fraction("rate", rate)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, target, logits, training=False):
        if not training:
            return target
        found = ops.cast(ops.argmax(ops.stop_gradient(logits), axis=-1), target.dtype)
        before = ops.concatenate([target[:, :1], found[:, :-1]], axis=1)
        drawn = keras.random.uniform(ops.shape(target), seed=self.seed_generator) < self.rate
        stays = ops.logical_or(target == PADDING, target == BOUNDARY)
        return ops.where(ops.logical_and(drawn, ops.logical_not(stays)), before, target)

    def compute_output_spec(self, target, logits, training=False):
        return keras.KerasTensor(target.shape, target.dtype)

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


def embeddings_initializer(size: int) -> keras.initializers.Initializer:
    """Returns what embeddings start from: normal numbers of a variance of 1 / `size`.

    From Keras's own, a hundredth of that, two layers of GRU learn nothing in their first hundreds
    of steps. Those that are also the weights of the logits start small and are read larger, as in
    Vaswani et al., *Attention Is All You Need*, arXiv:1706.03762, section 3.4.
    """
    return keras.initializers.RandomNormal(stddev=size**-0.5)


@keras.saving.register_keras_serializable("zoo")
class SymbolEmbedding(keras.layers.ReversibleEmbedding):
    """Symbols to embeddings, and features to the logits of symbols.

    Keras starts weights of the logits, where they are no embeddings, as it starts those: n features
    of a size near 1 then make logits of a size near √n, and the loss begins three times as high.
    Here they start smaller by √n.
    """

    def add_weight(self, *args, name=None, **kwargs):
        if name == "reverse_embeddings":
            initializer = kwargs["initializer"]
            kwargs["initializer"] = lambda shape, dtype=None: (
                initializer(shape, dtype) * self.output_dim**-0.5
            )
        return super().add_weight(*args, name=name, **kwargs)


class Memory(NamedTuple):
    """What a decoder reads of a source at every step.

    `values` are `(batch, source time, features)`; `keys`, of each layer's attention, are compared
    with h; `mask` is boolean `(batch, source time)`. Without attention there are no keys, and
    `values` are one vector.
    """

    values: Any
    keys: list[Any]
    mask: Any


class Decoder:
    """The layers of a model that write: from the symbol before, the state, and a memory, if any.

    Each recurrent layer goes a step on from the embedding of the symbol before, or from what the
    layer below it gives: its h, and beside it the context c that attention reads of the memory by
    that h. Of those of the last layer,

        logits = U tanh(W [h ; c] + b)

    where U can be the embeddings again. Contexts do not go back into the layer that asked for them
    (Luong, Pham and Manning, arXiv:1508.04025), so that training walks a whole target at once, and
    a beam is to attention what the steps of a target are; but a second layer remembers where the
    first has read. A memory without attention is one vector, the context of every step. Without
    recurrent layers h is the embedding itself: only what was written goes back.

    With a pointer, which shares the probability out among symbols that were there before and all
    others, [h ; c] has behind it what the pointer found, and logits are log p of the mixture.
    """

    def __init__(self, layers: dict[str, keras.layers.Layer]):
        self._layers = layers
        self.recurrent = [one for name, one in layers.items() if name.startswith("decoder_")]
        self.pointer = layers.get("pointer")

    @classmethod
    def new(
        cls,
        symbols: int,
        *,
        cell: str,
        units: int,
        depth: int,
        cell_options: dict[str, Any] | None = None,
        embedding_units: int,
        tied: bool,
        dropout: float,
        recurrent_dropout: float = 0.0,
        attention: str = "none",
        pointer_length: int = 0,
    ) -> "Decoder":
        """Returns a decoder of new layers.

        Args:
            symbols: size of the vocabulary, with padding, the unknown symbol and the boundary.
            cell, units, depth: of the recurrent layers.
            cell_options: arguments of a cell besides; None stands for its own default.
            embedding_units: size of a symbol's embedding.
            tied: whether the embeddings are the weights of the logits too.
            dropout: rate on what a recurrent layer reads and before the logits.
            recurrent_dropout: rate on the states, as the cells have it.
            attention: "none", "dot", "scaled_dot" or "additive".
            pointer_length: how many of the last symbols a pointer can copy; none without.

        Raises:
            ValueError: if there is no such cell, option of it or attention, or a size or rate is
                not one.
        """
        if attention not in ATTENTION:
            raise unknown_name("attention", attention, ATTENTION)
        dropout = fraction("dropout", dropout)
        embedding_units = positive_integer("embedding_units", embedding_units)
        layers: list[keras.layers.Layer] = [
            SymbolEmbedding(
                symbols,
                embedding_units,
                tie_weights=tied,
                embeddings_initializer=embeddings_initializer(embedding_units if tied else 1),
                name="target_embeddings",
            ),
            keras.layers.Dense(embedding_units, activation="tanh", name="readout"),
            keras.layers.Dropout(dropout, name="readout_dropout"),
        ]
        depth = not_negative_integer("depth", depth)
        for i in range(max(1, depth)):
            size = embedding_units
            if depth:
                one = named_cell(
                    cell,
                    units,
                    dropout=dropout,
                    recurrent_dropout=recurrent_dropout,
                    name="cell",
                    **{k: v for k, v in (cell_options or {}).items() if v is not None},
                )
                size = one.output_size
                layers.append(
                    Recurrent(one, return_sequences=True, return_state=True, name=f"decoder_{i}")
                )
            if attention in ("dot", "scaled_dot"):
                layers.append(keras.layers.Attention(name=f"attention_{i}"))
            if attention == "scaled_dot":
                layers.append(keras.layers.Rescaling(size**-0.5, name=f"queries_{i}"))
            if attention == "additive":
                layers.append(keras.layers.Dense(size, name=f"queries_{i}"))
                layers.append(keras.layers.AdditiveAttention(name=f"attention_{i}"))
            if attention != "none":
                layers.append(keras.layers.Dense(size, use_bias=False, name=f"keys_{i}"))
        if not_negative_integer("pointer_length", pointer_length):
            layers.append(Pointer(symbols, pointer_length, name="pointer"))
        return cls({layer.name: layer for layer in layers})

    @classmethod
    def of(cls, model: keras.Model) -> "Decoder":
        """Returns the decoder of a model that was built with one."""
        return cls({one.name: one for one in model.layers if one.name.startswith(LAYERS)})

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """The layers, in the order they were made."""
        return list(self._layers.values())

    @property
    def state_size(self) -> list[int]:
        """The sizes of the states, of all layers that have some, one after another."""
        return [size for layer in self._with_states() for size in layer.state_size]

    def initial_state(self, batch_size: int) -> list[Any]:
        """Returns the layers' own states before the first step, `(batch_size, size)` each."""
        return [s for layer in self._with_states() for s in layer.get_initial_state(batch_size)]

    def _with_states(self) -> list[Any]:
        return [*self.recurrent, *([self.pointer] if self.pointer else [])]

    def read(self, values: Any, mask: Any = None) -> Memory:
        """Returns a memory of `values` and `mask`, as `Memory` has them."""
        keys = [layer(values) for name, layer in self._layers.items() if name.startswith("keys_")]
        return Memory(values, keys, mask)

    def __call__(self, target: Any, states: list[Any], memory: Memory | None = None) -> Any:
        """Returns the logits of the symbols after those of `target`, `(batch, time, symbols)`.

        Args:
            target: `(batch, time)`, the boundary and the true symbols.
            states: before the first step, `(batch, size)` each; none for the layers' own.
            memory: as `read` returns it.
        """
        return self.logits(self.walk(target, states, memory)[0])

    def embed(self, symbols: Any) -> Any:
        """Returns the embeddings of symbols, of a size near 1 each."""
        layer = self._layers["target_embeddings"]
        return layer(symbols) * layer.output_dim**0.5 if layer.tie_weights else layer(symbols)

    def walk(
        self, target: Any, states: list[Any], memory: Memory | None = None, mask: Any = None
    ) -> tuple[Any, list[Any]]:
        """Returns [h ; c] of every step of a target, `(batch, time, features)`, and the states.

        Args:
            target: `(batch, time)`.
            states: before the first step, `(batch, size)` each; none for the layers' own.
            memory: as `read` returns it.
            mask: boolean `(batch, time)`; a step where it is False changes no state. With a pointer
                none is True after one that is False.
        """
        x, states_after = self.walk_vectors(self.embed(target), states, memory, mask)
        if self.pointer is None:
            return x, states_after
        count = None if mask is None else ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        found, own = self.pointer(x, target, states[-2:] or None, count=count)
        return ops.concatenate([x, found], axis=-1), states_after + own

    def walk_vectors(
        self, x: Any, states: list[Any], memory: Memory | None = None, mask: Any = None
    ) -> tuple[Any, list[Any]]:
        """Returns what `walk` does, for vectors `(batch, time, embedding_units)` of any symbols."""

        def along_time(layer, x, states):
            h, *after = layer(x, initial_state=states or None, mask=mask)
            return h, after

        return self._through(x, states, memory, along_time)

    def stepping(self) -> Callable[..., tuple[Any, list[Any]]]:
        """Returns `step(symbols, states, memory=None) -> (logits, states)`, for one symbol more.

        Symbols are `(batch, beam)`, states `(batch, beam, size)` each, before the step and after,
        a memory is as `read` returns it, and logits are `(batch, beam, symbols)`. What its products
        with the states need of the weights is made once, by this call.
        """
        params = {layer.name: layer.params() for layer in self.recurrent}

        def step(symbols, states, memory=None):
            shape = ops.shape(symbols)

            def rows(x):
                return ops.reshape(x, (-1, x.shape[-1]))

            def beams(x):
                return ops.reshape(x, (*shape, x.shape[-1]))

            def one_step(layer, x, states):
                states = [rows(state) for state in states]
                h, after = layer.step(rows(x), states, params[layer.name])
                return beams(h), [beams(state) for state in after]

            x, after = self._through(self.embed(symbols), states, memory, one_step)
            if self.pointer is not None:
                own = [rows(state) for state in states[-2:]]
                found, own = self.pointer(rows(x)[:, None], ops.reshape(symbols, (-1, 1)), own)
                x = ops.concatenate([x, beams(found)], axis=-1)
                after += [beams(state) for state in own]
            return self.logits(x), after

        return step

    def logits(self, x: Any) -> Any:
        """Returns the logits `(batch, time, symbols)` of [h ; c]."""
        found = None
        if self.pointer is not None:
            x, found = ops.split(x, [x.shape[-1] - self.pointer.symbols - 1], axis=-1)
        x = self._layers["readout_dropout"](self._layers["readout"](x))
        logits = self._layers["target_embeddings"](x, reverse=True)
        return logits if found is None else mixed(logits, found)

    def attend(self, i: int, h: Any, memory: Memory, weights: bool = False) -> Any:
        """Returns the contexts that layer `i` reads by h, or with `weights` also where it reads.

        The weights are `(batch, time, source time)`, and sum to 1 over the source.
        """
        queries = self._layers[f"queries_{i}"](h) if f"queries_{i}" in self._layers else h
        return self._layers[f"attention_{i}"](
            [queries, memory.values, memory.keys[i]],
            mask=[None, memory.mask, None],
            return_attention_scores=weights,
        )

    def attention_weights(self, target: Any, states: list[Any], memory: Memory) -> Any:
        """Returns the weights of the last layer's attention at each step of a target."""
        x, _ = self.walk(target, states, memory)
        h = x[..., : x.shape[-1] - memory.values.shape[-1]]
        return self.attend(len(memory.keys) - 1, h, memory, weights=True)[1]

    def _through(
        self, x: Any, states: list[Any], memory: Memory | None, advance: Callable[..., Any]
    ) -> tuple[Any, list[Any]]:
        """Takes vectors through all layers by `advance(layer, x, states) -> (h, states after)`."""
        states_after: list[Any] = []
        for i, layer in enumerate(self.recurrent):
            count = len(layer.state_size)
            h, after = advance(layer, x, states[:count])
            states, states_after = states[count:], states_after + after
            x = self._beside(i, h, memory)
        return x if self.recurrent else self._beside(0, x, memory), states_after

    def _beside(self, i: int, h: Any, memory: Memory | None) -> Any:
        """Returns [h ; c] of layer `i`, or h without a memory."""
        if memory is None:
            return h
        if memory.keys:
            return ops.concatenate([h, self.attend(i, h, memory)], axis=-1)
        # A search keeps what it starts with in float32, whatever the layers compute in.
        values = ops.cast(memory.values, h.dtype)
        # No sum with zeros: Keras may take the memory of a batch of one for a bias of steps.
        return ops.concatenate([h, ops.ones_like(h[..., :1]) * values], axis=-1)


def first_states(decoder: Decoder, whole: Any) -> list[Any]:
    """Returns the states a decoder begins with, from one vector `(batch, features)` of its source.

    Each is a dense layer of its own, so that any cell can follow any source.
    """
    return [
        keras.layers.Dense(size, activation="tanh", name=f"bridge_{i}")(whole)
        for i, size in enumerate(decoder.state_size)
    ]


def sequence_memory(sequence: Any, units: int, dropout: float) -> Any:
    """Returns `sequence` as a memory for attention, `(batch, source time, units)`."""
    values = keras.layers.Dense(units, name="memory_values")(sequence)
    return keras.layers.Dropout(dropout, name="memory")(values)


def vector_memory(vector: Any) -> Any:
    """Returns one vector `(batch, features)` as a memory, `(batch, 1, features)`."""
    return keras.layers.Reshape((1, vector.shape[-1]), name="memory")(vector)


def logits_of(
    decoder: Decoder,
    target: Any,
    states: list[Any],
    memory: Memory | None = None,
    scheduled_sampling: float = 0.0,
) -> Any:
    """Returns the logits of a whole target, in training perhaps seen as the network writes it."""
    logits = decoder(target, states, memory)
    if not scheduled_sampling:
        return logits
    seen = ScheduledSampling(scheduled_sampling, name="scheduled_sampling")(target, logits)
    return decoder(seen, states, memory)


@keras.saving.register_keras_serializable("zoo")
class SymbolAccuracy(keras.metrics.Mean):
    """Share of the symbols that are the likeliest after the true ones; padding is not counted."""

    def __init__(self, name="accuracy", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        right = ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        counted = ops.cast(ops.not_equal(y_true, PADDING), self.dtype)
        if sample_weight is not None:
            weights = ops.cast(ops.convert_to_tensor(sample_weight), self.dtype)
            # Of each text, or of each of its symbols.
            counted = counted * (weights[:, None] if len(weights.shape) == 1 else weights)
        # Flat, or Keras would take the mean of a row first: less, where a batch is of longer texts.
        return super().update_state(ops.reshape(right, (-1,)), ops.reshape(counted, (-1,)))


def compile_writer(model: keras.Model, optimizer: Any = None, metrics: bool = True) -> None:
    """Compiles for the integers of symbols, with the cross-entropy a symbol; 0 is not counted.

    Args:
        model: from a source and a target to logits.
        optimizer: AdamW at a rate of 1e-3 by default, which suits fine-tuning.
        metrics: whether the accuracy of the symbol after the true ones is computed too.
    """
    model.compile(
        optimizer=optimizer or keras.optimizers.AdamW(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING),
        # With None Keras keeps the metrics of an earlier compile.
        metrics=[SymbolAccuracy()] if metrics else [],
        # XLA compiles anew for every length of a text.
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )


def _sequence_preprocessor(model: keras.Model, arguments: dict[str, Any]) -> SequencePreprocessor:
    names = ("target_vocabulary", "source_vocabulary", "length")
    return SequencePreprocessor(**{name: arguments[name] for name in names if name in arguments})


# Decorator: registers a builder of models from texts to texts, with its task.
register_sequence_writer = partial(
    register,
    heads={"target_vocabulary": "target_embeddings"},
    assets=("source_vocabulary", "target_vocabulary"),
    compile=compile_writer,
    preprocessor=_sequence_preprocessor,
)
