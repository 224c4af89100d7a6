"""The Grid LSTM block, in any number of dimensions."""

import keras
from keras import ops

from zoo.arguments import positive_integer
from zoo.cells.grid_lstm import checked_output_form, lstm_of


@keras.saving.register_keras_serializable("zoo")
class GridLSTMBlock(keras.layers.Layer):
    r"""One block of a Grid LSTM in N dimensions, each with an h and a memory m of its own:

        H = [h_1; …; h_N]
        h_n′, m_n′ = LSTM(H, m_n; W_n)         for every dimension n

    with LSTM as `zoo.cells.GridLSTMCell` has it. Source: Kalchbrenner, Danihelka and Graves, *Grid
    Long Short-Term Memory*, arXiv:1507.01526, section 3.

    Blocks that share their weights are one layer, called again.

    Args:
        units: size of each h and m.
        dimensions: N, at least 1.
        priority: dimensions, from 0, that are computed after all others, one after another in this
            order: each reads the new h of those before it (section 3.2).
        plain: dimensions without a memory, h_n′ = α(V_n H + b_n) (section 3.3).
        activation: α.
        output_form: "tanh(o*m)", the paper's, or "o*tanh(m)".
        kernel_initializer: of every W_n and V_n.

    Call arguments:
        states: a list of h_1 to h_N, then the m of those dimensions that have one, in their order,
            `(batch, units)` each.

    Returns:
        Such a list.

    Weights: `kernel_n` `(N units, 4 units)`, the gates in the order i, f, c, o, and `bias_n`
    `(4 units,)`, of which the forget gate's starts at 1; of a plain dimension `(N units, units)`
    and `(units,)`. n counts from 0.

    Raises:
        ValueError: if `units` or `dimensions` is not a positive integer, `priority` or `plain` has
            what is no dimension or has one twice, there is no such output form, or the states are
            not as many as above or not of this size.
    """

    def __init__(
        self,
        units,
        dimensions=2,
        priority=(),
        plain=(),
        activation="relu",
        output_form="tanh(o*m)",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.dimensions = positive_integer("dimensions", dimensions)
        self.priority = self._checked("priority", priority)
        self.plain = self._checked("plain", plain)
        self.activation = keras.activations.get(activation)
        self.output_form = checked_output_form(output_form)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.remembering = [n for n in range(self.dimensions) if n not in self.plain]

    def _checked(self, name, dimensions):
        found = [dimensions] if isinstance(dimensions, int) else list(dimensions)
        known = range(self.dimensions)
        if len(set(found)) != len(found) or any(n not in known for n in found):
            raise ValueError(
                f"{name} must hold dimensions from 0 to {self.dimensions - 1}, each once, got "
                f"{dimensions!r}"
            )
        return found

    def build(self, states_shape):
        self._check_states(states_shape)
        self.kernels, self.biases = [], []
        for n in range(self.dimensions):
            size = self.units * (1 if n in self.plain else 4)
            shape = (self.dimensions * self.units, size)
            self.kernels.append(
                self.add_weight(
                    name=f"kernel_{n}", shape=shape, initializer=self.kernel_initializer
                )
            )
            initializer = "zeros" if n in self.plain else self._initial_bias
            self.biases.append(
                self.add_weight(name=f"bias_{n}", shape=(size,), initializer=initializer)
            )

    def _initial_bias(self, shape, dtype=None):
        zeros = ops.zeros((self.units,), dtype)
        return ops.concatenate([zeros, ops.ones_like(zeros), zeros, zeros])

    def _check_states(self, shapes):
        count = self.dimensions + len(self.remembering)
        sizes = [tuple(shape)[-1:] for shape in shapes]
        if sizes != [(self.units,)] * count:
            raise ValueError(
                f"states must be {self.dimensions} of h and {len(self.remembering)} of m, of size "
                f"{self.units} each, got shapes {[tuple(shape) for shape in shapes]}"
            )

    def call(self, states):
        self._check_states([state.shape for state in states])
        h = list(states[: self.dimensions])
        m = dict(zip(self.remembering, states[self.dimensions :], strict=True))
        at_once = [n for n in range(self.dimensions) if n not in self.priority]
        for turn in [at_once, *([n] for n in self.priority)]:
            # All of one turn read what there was before it.
            before = ops.concatenate(h, axis=-1)
            for n in turn:
                a = ops.matmul(before, self.kernels[n]) + self.biases[n]
                if n in self.plain:
                    h[n] = self.activation(a)
                else:
                    h[n], m[n] = lstm_of(a, m[n], self.output_form)
        return h + [m[n] for n in self.remembering]

    def compute_output_shape(self, states_shape):
        return states_shape

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "dimensions": self.dimensions,
            "priority": self.priority,
            "plain": self.plain,
            "activation": keras.activations.serialize(self.activation),
            "output_form": self.output_form,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
