"""The recurrent Highway cell: several Highway layers deep between one step and the next."""

import keras
from keras import ops

from zoo.arguments import positive_integer
from zoo.cells.cell import Cell, dropped
from zoo.cells.products import product
from zoo.initializers import StackedInitializer


@keras.saving.register_keras_serializable("zoo")
class RecurrentHighwayCell(Cell):
    r"""Recurrent Highway cell of `depth` micro-layers, with a coupled carry gate:

        h_l = φ([l = 1] x W_h + s_{l−1} U_{h,l} + b_{h,l})
        t_l = σ([l = 1] x W_t + s_{l−1} U_{t,l} + b_{t,l})
        s_l = h_l ⊙ t_l + s_{l−1} ⊙ (1 − t_l)

    s_0 is the last step's s_depth, which is also the output; x enters the first micro-layer alone.

    Source: Zilly, Srivastava, Koutník and Schmidhuber, *Recurrent Highway Networks*,
    arXiv:1607.03474, equations 6 to 9 with c = 1 − t.

    Args:
        units: size of s.
        depth: number of micro-layers, at least 1.
        activation: φ; a Keras name or function.
        gate_bias: initial bias of the transform gates t; negative ones carry at first.
        **kwargs: as for every `Cell`. The recurrent dropout mask is one for all micro-layers.

    Weights, in the order h, t: `kernel` W `(inputs, 2 units)`, `recurrent_kernel` U
    `(depth, units, 2 units)`, `bias` b `(depth, 2 units)`. State: s `(batch, units)`.

    Raises:
        ValueError: if `units` or `depth` is not a positive integer.
    """

    def __init__(self, units, depth=3, activation="tanh", gate_bias=-2.0, **kwargs):
        super().__init__(units, **kwargs)
        self.depth = positive_integer("depth", depth)
        self.activation = keras.activations.get(activation)
        self.gate_bias = float(gate_bias)

    def build(self, input_shape):
        self.kernel = self.add_kernel((input_shape[-1], 2 * self.units))
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.depth, self.units, 2 * self.units),
            initializer=StackedInitializer(self.recurrent_initializer),
            regularizer=self.recurrent_regularizer,
        )
        self.bias = self.add_bias((self.depth, 2 * self.units), initializer=self._initial_bias)

    def _initial_bias(self, shape, dtype=None):
        h = self.bias_initializer((self.depth, self.units), dtype=dtype)
        return ops.concatenate([h, ops.full_like(h, self.gate_bias)], axis=-1)

    def project(self, inputs, training=False):
        projected = product(self.drop(inputs, training), self.as_factor(self.kernel))
        return projected + self.as_value(self.bias[0]) if self.use_bias else projected

    def params(self):
        kernels = ops.unstack(self.as_factor(self.recurrent_kernel), self.depth)
        params = {f"kernel_{i}": kernel for i, kernel in enumerate(kernels)}
        if self.use_bias:
            params |= {f"bias_{i}": self.as_row(self.bias[i]) for i in range(1, self.depth)}
        return params

    def step(self, params, constants, projected, states):
        s = states[0]
        for i in range(self.depth):
            x = projected if i == 0 else params.get(f"bias_{i}", 0)
            a = product(dropped(s, constants), params[f"kernel_{i}"]) + x
            h, t = ops.split(a, 2, axis=-1)
            s = s + ops.sigmoid(t) * (self.activation(h) - s)
        return s, [s]

    def get_config(self):
        return super().get_config() | {
            "depth": self.depth,
            "activation": keras.activations.serialize(self.activation),
            "gate_bias": self.gate_bias,
        }
