"""A pointer to what was read before: the symbols that followed where the network stood alike."""

import math

import keras
from keras import ops

from zoo.arguments import positive_integer
from zoo.layers.words import PADDING

# The least share that is told from none, in float32; its logarithm is finite.
LEAST = 1e-30


@keras.saving.register_keras_serializable("zoo")
class Pointer(keras.layers.Layer):
    r"""Shares out the probability of the next symbol among those read before, and all others.

    A recurrent network spells a name that it was not trained on as if it were new, as often as it
    comes. Here each symbol x that was read is remembered with a key k of the state before it, and
    comes again where a state is like that one:

        qₜ = W hₜ + b,  kₜ = V hₜ
        [aₜ ; gₜ] = softmax([qₜ·kₜ₋ₗ … qₜ·kₜ₋₁ ; qₜ·s + c] / √d)
        p(y) = gₜ p'(y) + Σ aₜⱼ over all j with xⱼ₊₁ = y

    where p' is the network's own softmax, and the sentinel s decides how much it counts.

    Source: Merity, Xiong, Bradbury and Socher, *Pointer Sentinel Mixture Models*, arXiv:1609.07843,
    section 2; that a key stands before its symbol, so that a copy goes on as the past did, is from
    Grave, Joulin and Usunier, *Improving Neural Language Models with a Continuous Cache*,
    arXiv:1612.04426.

    Args:
        symbols: size of the vocabulary.
        length: l, how many of the last symbols can be copied.
        units: d, size of queries and keys.

    Call arguments:
        h: `(batch, time, n)`.
        read: integers `(batch, time)`, the symbol that was read at each step.
        states: as a call returned them, or None before the first step.
        count: integers `(batch, 1)`, how many of the steps are remembered, the first ones; without,
            all of them.

    Returns:
        `(batch, time, 1 + symbols)`, float32, the logarithms of g and of the share that each symbol
        has of the sum; and the states, `(batch, length * units)` of keys and `(batch, length)` of
        symbols. `mixed` makes log p of the first.

    Raises:
        ValueError: if a size is no positive integer.
    """

    def __init__(self, symbols, length, units=64, **kwargs):
        # Numbers of symbols are among its states, and small shares among its outputs.
        super().__init__(**{"dtype": "float32", **kwargs})
        self.symbols = positive_integer("symbols", symbols)
        self.length = positive_integer("length", length)
        self.units = positive_integer("units", units)
        self.state_size = [self.length * self.units, self.length]
        # What a mask says is said by `count`.
        self.supports_masking = True

    def build(self, h_shape, *shapes):
        size = (h_shape[-1], self.units)
        self.query_kernel = self.add_weight(name="query_kernel", shape=size)
        self.query_bias = self.add_weight(name="query_bias", shape=size[1:], initializer="zeros")
        self.key_kernel = self.add_weight(name="key_kernel", shape=size)
        self.sentinel = self.add_weight(name="sentinel", shape=(self.units, 1))
        # At first nearly all is the network's own, though many may be copied.
        own = keras.initializers.Constant((math.log(self.length) + 2) * self.units**0.5)
        self.sentinel_bias = self.add_weight(name="sentinel_bias", shape=(1,), initializer=own)

    def get_initial_state(self, batch_size):
        """Returns the states before the first step: nothing can be copied."""
        return [ops.zeros((batch_size, size), self.compute_dtype) for size in self.state_size]

    def call(self, h, read, states=None, count=None):
        batch, steps = ops.shape(read)[0], ops.shape(read)[1]
        before, read_before = states or self.get_initial_state(batch)
        keys = ops.reshape(before, (batch, self.length, self.units))
        keys = ops.concatenate([keys, ops.matmul(h, self.key_kernel)], axis=1)
        read = ops.concatenate([ops.cast(read_before, "int32"), ops.cast(read, "int32")], axis=1)
        queries = ops.matmul(h, self.query_kernel) + self.query_bias
        logs = self._logs(queries, keys, read, steps)
        if count is None:
            keys, read = keys[:, steps:], read[:, steps:]
        else:
            places = ops.cast(count, "int32") + ops.arange(self.length)
            keys = ops.take_along_axis(keys, places[..., None], axis=1)
            read = ops.take_along_axis(read, places, axis=1)
        keys = ops.reshape(keys, (batch, self.length * self.units))
        return logs, [keys, ops.cast(read, self.compute_dtype)]

    def _logs(self, queries, keys, read, steps):
        """Returns the first output of a call, for queries, and keys and symbols from `length` on.

        A block of so many steps sees itself and as many symbols before it: what is computed grows
        with the number of steps alone.
        """
        size = (min if isinstance(steps, int) else ops.minimum)(steps, self.length)
        blocks = (steps + size - 1) // size
        is_one = isinstance(blocks, int) and blocks == 1
        missing = blocks * size - steps
        places = size * ops.arange(blocks)[:, None] + ops.arange(size + self.length - 1)

        def filled(x):
            return (
                x if is_one else ops.pad(x, [(0, 0), (0, missing)] + [(0, 0)] * (len(x.shape) - 2))
            )

        def windows(x):
            return x[:, None] if is_one else ops.take(x, places, axis=1)

        keys, read = filled(keys), filled(read)
        known = read != PADDING
        # The symbol j + 1 is what followed the key j; the step t sees those from t on, `length`.
        followed, both = read[:, 1:], ops.logical_and(known[:, :-1], known[:, 1:])
        ages = ops.arange(size + self.length - 1) - ops.arange(size)[:, None]
        seen = ops.logical_and(ages >= 0, ages < self.length)
        seen = ops.logical_and(seen, windows(both)[:, :, None])
        queries = ops.reshape(filled(queries), (-1, blocks, size, self.units))
        scores = ops.matmul(queries, ops.transpose(windows(keys[:, :-1]), (0, 1, 3, 2)))
        scores = ops.where(seen, scores * self.units**-0.5, -1e9)
        own = ops.matmul(queries, self.sentinel) + self.sentinel_bias
        own = own * self.units**-0.5
        # No `logaddexp`: ONNX has no operation for what TensorFlow makes of it.
        whole = ops.logsumexp(ops.concatenate([scores, own], axis=-1), axis=-1, keepdims=True)
        copied = ops.one_hot(windows(followed), self.symbols, dtype=self.compute_dtype)
        copied = ops.matmul(ops.exp(scores - whole), copied)
        logs = ops.concatenate([own - whole, ops.log(copied + LEAST)], axis=-1)
        return ops.reshape(logs, (-1, blocks * size, 1 + self.symbols))[:, :steps]

    def compute_mask(self, h, previous_mask=None):
        return None

    def compute_output_spec(self, h, read, states=None, count=None):
        rows, steps = read.shape
        logs = keras.KerasTensor((rows, steps, 1 + self.symbols), self.compute_dtype)
        return logs, [keras.KerasTensor((rows, n), self.compute_dtype) for n in self.state_size]

    def get_config(self):
        return super().get_config() | {
            "symbols": self.symbols,
            "length": self.length,
            "units": self.units,
        }


def mixed(logits, logs):
    """Returns log p `(batch, time, symbols)` of a network's logits and what `Pointer` returns."""
    own = ops.log_softmax(ops.cast(logits, logs.dtype), axis=-1)
    return ops.logsumexp(ops.stack([own + logs[..., :1], logs[..., 1:]], axis=-1), axis=-1)
