"""What the builders that write sequences share: their decoder, how it is trained, how it writes."""

from typing import Any

import keras
from keras import ops

from zoo.arguments import fraction, not_negative_integer, positive_integer
from zoo.cells import named_cell
from zoo.errors import unknown_name
from zoo.layers import Recurrent
from zoo.layers.words import BOUNDARY, PADDING

ATTENTION = ("none", "dot", "additive")
# Of a decoder, by their names in a model.
LAYERS = (
    "target_embeddings",
    "readout",
    "readout_dropout",
    "decoder",
    "attention",
    "queries",
    "keys",
)


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


class Decoder:
    """The layers of a model that write: from the symbol before, the state, and a memory, if any.

    At a step the state h of a recurrent network goes on with the embedding of the symbol before.
    With a memory of a source, a context c is read of it by attention, and

        logits = U tanh(W [h ; c] + b)

    where U can be the embeddings again. As the context does not go back into the network (Luong,
    Pham and Manning, arXiv:1508.04025), training walks a whole target at once, and a beam is to
    attention what the steps of a target are. A memory without attention is one vector, the context
    of every step. Without recurrent layers h is the embedding itself: only what was written goes
    back.
    """

    def __init__(self, layers: dict[str, keras.layers.Layer]):
        self._layers = layers
        self.recurrent = layers.get("decoder")

    @classmethod
    def new(
        cls,
        symbols: int,
        *,
        cell: str,
        units: int,
        depth: int,
        embedding_units: int,
        tied: bool,
        dropout: float,
        attention: str = "none",
    ) -> "Decoder":
        """Returns a decoder of new layers.

        Args:
            symbols: size of the vocabulary, with padding, the unknown symbol and the boundary.
            cell, units, depth: of the recurrent network.
            embedding_units: size of a symbol's embedding.
            tied: whether the embeddings are the weights of the logits too.
            dropout: rate on embeddings, between recurrent layers and before the logits.
            attention: "none", "dot" or "additive".

        Raises:
            ValueError: if there is no such cell or attention, or a size or rate is not one.
        """
        if attention not in ATTENTION:
            raise unknown_name("attention", attention, ATTENTION)
        dropout = fraction("dropout", dropout)
        embedding_units = positive_integer("embedding_units", embedding_units)
        cells = [
            named_cell(cell, units, dropout=dropout, name=f"cell_{i}")
            for i in range(not_negative_integer("depth", depth))
        ]
        layers = [
            keras.layers.ReversibleEmbedding(
                symbols, embedding_units, tie_weights=tied, name="target_embeddings"
            ),
            keras.layers.Dense(embedding_units, activation="tanh", name="readout"),
            keras.layers.Dropout(dropout, name="readout_dropout"),
        ]
        if cells:
            layers.append(
                Recurrent(cells, return_sequences=True, return_state=True, name="decoder")
            )
        size = cells[-1].output_size if cells else embedding_units
        if attention == "dot":
            layers.append(keras.layers.Attention(name="attention"))
        if attention == "additive":
            layers.append(keras.layers.Dense(size, name="queries"))
            layers.append(keras.layers.AdditiveAttention(name="attention"))
        if attention != "none":
            layers.append(keras.layers.Dense(size, use_bias=False, name="keys"))
        return cls({layer.name: layer for layer in layers})

    @classmethod
    def of(cls, model: keras.Model) -> "Decoder":
        """Returns the decoder of a model that was built with one."""
        return cls({layer.name: layer for layer in model.layers if layer.name in LAYERS})

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """The layers, in the order they were made."""
        return list(self._layers.values())

    @property
    def state_size(self) -> list[int]:
        """The sizes of the states."""
        return self.recurrent.state_size if self.recurrent else []

    def __call__(self, target: Any, states: list[Any], memory: Any = None, mask: Any = None) -> Any:
        """Returns the logits of the symbols after those of `target`, `(batch, time, symbols)`.

        Args:
            target: `(batch, time)`, the boundary and the true symbols.
            states: before the first step, `(batch, size)` each; none for the cells' own.
            memory: `(batch, source time, features)`; without attention the source time is 1.
            mask: boolean `(batch, source time)`, for attention.
        """
        h, _ = self.walk(target, states)
        return self.logits(h, memory, self.keys(memory), mask)

    def embed(self, symbols: Any) -> Any:
        """Returns the embeddings of symbols."""
        return self._layers["target_embeddings"](symbols)

    def keys(self, memory: Any) -> Any:
        """Returns what attention compares with h; nothing without attention."""
        return self._layers["keys"](memory) if "keys" in self._layers else None

    def walk(self, target: Any, states: list[Any], mask: Any = None) -> tuple[Any, list[Any]]:
        """Returns h of every step of a target, `(batch, time, units)`, and the states after it.

        Args:
            target: `(batch, time)`.
            states: before the first step, `(batch, size)` each; none for the cells' own.
            mask: boolean `(batch, time)`; a step where it is False changes no state.
        """
        embeddings = self.embed(target)
        if self.recurrent is None:
            return embeddings, []
        h, *states = self.recurrent(embeddings, initial_state=states or None, mask=mask)
        return h, states

    def step(self, symbols: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """Returns h `(batch, beam, units)` after one more symbol in each of a beam, and the states.

        Args:
            symbols: `(batch, beam)`.
            states: `(batch, beam, size)` each.
        """
        embeddings = self.embed(symbols)
        if self.recurrent is None:
            return embeddings, states
        shape = ops.shape(symbols)

        def rows(x):
            return ops.reshape(x, (-1, x.shape[-1]))

        def beams(x):
            return ops.reshape(x, (*shape, x.shape[-1]))

        h, states = self.recurrent.step(rows(embeddings), [rows(state) for state in states])
        return beams(h), [beams(state) for state in states]

    def logits(self, h: Any, memory: Any, keys: Any, mask: Any) -> Any:
        """Returns the logits `(batch, time, symbols)` of h `(batch, time, units)`."""
        if keys is not None:
            h = ops.concatenate([h, self.attend(h, memory, keys, mask)], axis=-1)
        elif memory is not None:
            # No sum with zeros: Keras may take the memory of a batch of one for a bias of steps.
            h = ops.concatenate([h, ops.ones_like(h[..., :1]) * memory], axis=-1)
        x = self._layers["readout_dropout"](self._layers["readout"](h))
        return self._layers["target_embeddings"](x, reverse=True)

    def attend(self, h: Any, memory: Any, keys: Any, mask: Any, weights: bool = False) -> Any:
        """Returns the contexts of h, or with `weights` a pair of them and where each was read.

        The weights are `(batch, time, source time)`, and sum to 1 over the source.
        """
        queries = self._layers["queries"](h) if "queries" in self._layers else h
        return self._layers["attention"](
            [queries, memory, keys], mask=[None, mask, None], return_attention_scores=weights
        )


def first_states(decoder: Decoder, whole: Any) -> list[Any]:
    """Returns the states a decoder begins with, from one vector `(batch, features)` of its source.

    Each is a dense layer of its own, so that any cell can follow any source.
    """
    return [
        keras.layers.Dense(size, activation="tanh", name=f"bridge_{i}")(whole)
        for i, size in enumerate(decoder.state_size)
    ]


def sequence_memory(sequence: Any, dropout: float) -> Any:
    """Returns `sequence` as a memory for attention, `(batch, source time, features)`."""
    return keras.layers.Dropout(dropout, name="memory")(sequence)


def vector_memory(vector: Any) -> Any:
    """Returns one vector `(batch, features)` as a memory, `(batch, 1, features)`."""
    return keras.layers.Reshape((1, vector.shape[-1]), name="memory")(vector)


def logits_of(
    decoder: Decoder,
    target: Any,
    states: list[Any],
    memory: Any = None,
    mask: Any = None,
    scheduled_sampling: float = 0.0,
) -> Any:
    """Returns the logits of a whole target, in training perhaps seen as the network writes it."""
    logits = decoder(target, states, memory, mask)
    if not scheduled_sampling:
        return logits
    seen = ScheduledSampling(scheduled_sampling, name="scheduled_sampling")(target, logits)
    return decoder(seen, states, memory, mask)


@keras.saving.register_keras_serializable("zoo")
class SymbolAccuracy(keras.metrics.Mean):
    """Share of the symbols that are the likeliest after the true ones; padding is not counted."""

    def __init__(self, name="accuracy", **kwargs):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = ops.cast(y_true, "int32")
        right = ops.equal(y_true, ops.cast(ops.argmax(y_pred, axis=-1), "int32"))
        counted = ops.not_equal(y_true, PADDING)
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
