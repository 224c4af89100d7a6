"""The LSTM whose gates see the memory itself, through peepholes."""

import keras
from keras import ops

from zoo.cells.cell import dropped
from zoo.cells.lstm import LSTMCell
from zoo.cells.products import product


@keras.saving.register_keras_serializable("zoo")
class PeepholeLSTMCell(LSTMCell):
    r"""LSTM cell with a diagonal peephole p for each gate:

        i = σ(x Wᵢ + h₋₁ Uᵢ + pᵢ ⊙ c₋₁ + bᵢ)
        f = σ(x W_f + h₋₁ U_f + p_f ⊙ c₋₁ + b_f)
        g = φ(x W_c + h₋₁ U_c + b_c)
        c = f ⊙ c₋₁ + i ⊙ g
        o = σ(x Wₒ + h₋₁ Uₒ + pₒ ⊙ c + bₒ)      the new memory
        h = o ⊙ ψ(c)

    Source: Gers, Schraudolph and Schmidhuber, *Learning Precise Timing with LSTM Recurrent
    Networks*, JMLR 3 (2002).

    Arguments, weights and states are those of `LSTMCell`, and one weight more: `peephole`
    `(3, units)`, the rows of i, f and o. It is initialised as the biases are.
    """

    keras_cell = None
    torch_layer = None

    def build(self, input_shape):
        super().build(input_shape)
        self.peephole = self.add_weight(
            name="peephole", shape=(3, self.units), initializer=self.bias_initializer
        )

    def gates(self, inputs, before):
        """Raises a NotImplementedError: the gates read c too, which h before does not tell."""
        raise NotImplementedError("gates of a PeepholeLSTMCell need the memory, not h alone")

    def params(self):
        rows = ops.split(self.as_value(self.peephole), 3)
        return super().params() | dict(zip(("p_i", "p_f", "p_o"), rows, strict=True))

    def step(self, params, constants, projected, states):
        h, c = states
        a = projected + product(dropped(h, constants), params["recurrent_kernel"])
        i, f, g, o = ops.split(a, 4, axis=-1)
        i = self.recurrent_activation(i + params["p_i"] * c)
        f = self.recurrent_activation(f + params["p_f"] * c)
        c = f * c + i * self.activation(g)
        o = self.recurrent_activation(o + params["p_o"] * c)
        h = o * self.output_activation(c)
        return h, [h, c]
