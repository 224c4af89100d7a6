"""The Elman network, the simplest recurrent cell: its hidden state goes back."""

import keras

from zoo.cells.cell import dropped
from zoo.cells.convertible import ConvertibleCell
from zoo.cells.products import product


@keras.saving.register_keras_serializable("zoo")
class ElmanCell(ConvertibleCell):
    r"""Elman cell: `h = φ(x W + h₋₁ U + b)`; the output is h.

    Source: Elman, *Finding Structure in Time*, Cognitive Science 14 (1990). With a dense layer on
    top, `y = softmax(h V + d)`, it is the courses' naive RNN, and it is `keras.layers.SimpleRNN`.

    Args:
        units: size of h.
        activation: φ; a Keras name or function.
        **kwargs: as for every `Cell`.

    Weights: `kernel` W `(inputs, units)`, `recurrent_kernel` U `(units, units)`, `bias` b
    `(units,)`. State: h `(batch, units)`.
    """

    keras_cell = keras.layers.SimpleRNNCell
    torch_layer = "RNN"
    torch_order = (0,)

    def __init__(self, units, activation="tanh", **kwargs):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.kernel = self.add_kernel((input_shape[-1], self.units))
        self.recurrent_kernel = self.add_recurrent_kernel((self.units, self.units))
        self.bias = self.add_bias((self.units,))

    def step(self, params, constants, projected, states):
        h = dropped(states[0], constants)
        h = self.activation(projected + product(h, params["recurrent_kernel"]))
        return h, [h]

    @classmethod
    def _arguments_of_torch(cls, module):
        return {"activation": module.nonlinearity}

    def _torch_arguments(self):
        activation = keras.activations.serialize(self.activation)
        if activation not in ("tanh", "relu"):
            raise ValueError(f"torch.nn.RNN has activation tanh or relu, got {activation!r}")
        return {"nonlinearity": activation}

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
        }
