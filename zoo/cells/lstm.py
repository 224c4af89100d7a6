"""The long short-term memory cell: a memory that gates write, keep and read."""

import keras
from keras import ops

from zoo.cells.cell import dropped
from zoo.cells.convertible import ConvertibleCell
from zoo.cells.products import product


@keras.saving.register_keras_serializable("zoo")
class LSTMCell(ConvertibleCell):
    r"""LSTM cell, with a forget gate:

        i = σ(x Wᵢ + h₋₁ Uᵢ + bᵢ)        the input gate
        f = σ(x W_f + h₋₁ U_f + b_f)      the forget gate
        g = φ(x W_c + h₋₁ U_c + b_c)      the candidate
        o = σ(x Wₒ + h₋₁ Uₒ + bₒ)        the output gate
        c = f ⊙ c₋₁ + i ⊙ g
        h = o ⊙ ψ(c)

    Source: Hochreiter and Schmidhuber, *Long Short-Term Memory*, Neural Computation 9 (1997); the
    forget gate is of Gers, Schmidhuber and Cummins (2000). The candidate of Goodfellow, Bengio and
    Courville's *Deep Learning*, equation 10.41, is a sigmoid: `activation="sigmoid"`.

    Args:
        units: size of h and c.
        activation: φ, of the candidate (the courses' g); a Keras name or function.
        output_activation: ψ, of the memory that is read (the courses' h).
        recurrent_activation: σ, of the gates (the courses' f).
        unit_forget_bias: whether the forget gate's bias starts at 1 and not as the other biases,
            so that the memory is kept at first.
        **kwargs: as for every `Cell`.

    Weights, the gates in the order i, f, c, o: `kernel` W `(inputs, 4 units)`, `recurrent_kernel` U
    `(units, 4 units)`, `bias` b `(4 units,)`. States: h and c, `(batch, units)` each.
    """

    keras_cell = keras.layers.LSTMCell
    torch_layer: str | None = "LSTM"
    torch_order = (0, 1, 2, 3)
    gate_names = ("input", "forget", "output")

    def __init__(
        self,
        units,
        activation="tanh",
        output_activation="tanh",
        recurrent_activation="sigmoid",
        unit_forget_bias=True,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def build(self, input_shape):
        self.kernel = self.add_kernel((input_shape[-1], 4 * self.units))
        self.recurrent_kernel = self.add_recurrent_kernel((self.units, 4 * self.units))
        self.bias = self.add_bias((4 * self.units,), initializer=self._initial_bias)

    def _initial_bias(self, shape, dtype=None):
        i, f, c, o = (self.bias_initializer((self.units,), dtype=dtype) for _ in range(4))
        return ops.concatenate([i, ops.ones_like(f) if self.unit_forget_bias else f, c, o])

    def step(self, params, constants, projected, states):
        h, c = states
        a = projected + product(dropped(h, constants), params["recurrent_kernel"])
        # One call for all gates is quicker than one for each; the candidate's quarter is not used.
        i, f, _, o = ops.split(self.recurrent_activation(a), 4, axis=-1)
        g = self.activation(a[..., 2 * self.units : 3 * self.units])
        c = f * c + i * g
        h = o * self.output_activation(c)
        return h, [h, c]

    def gates(self, inputs, before):
        """Returns "input", "forget" and "output" of any number of steps at once.

        Args:
            inputs: `(..., inputs)`.
            before: h before each step, `(..., units)`.
        """
        a = self.project(inputs) + product(before, self.params()["recurrent_kernel"])
        i, f, _, o = ops.split(self.recurrent_activation(a), 4, axis=-1)
        return dict(zip(self.gate_names, (i, f, o), strict=True))

    @classmethod
    def _arguments_of_keras(cls, config):
        arguments = super()._arguments_of_keras(config)
        return arguments | {"output_activation": config["activation"]}

    @classmethod
    def _keras_arguments(cls, config):
        if config["activation"] != config["output_activation"]:
            raise ValueError(
                f"Keras's LSTMCell has one activation, got {config['activation']!r} and "
                f"output_activation={config['output_activation']!r}"
            )
        return config

    def _torch_arguments(self):
        if keras.activations.serialize(self.output_activation) != "tanh":
            raise ValueError("torch.nn.LSTM has output_activation='tanh' alone")
        return super()._torch_arguments()

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "output_activation": keras.activations.serialize(self.output_activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "unit_forget_bias": self.unit_forget_bias,
        }
