"""The gated recurrent unit: one gate decides what is kept and what is new."""

import keras
import numpy as np
from keras import ops

from zoo.cells.cell import dropped
from zoo.cells.convertible import ConvertibleCell
from zoo.cells.products import product


@keras.saving.register_keras_serializable("zoo")
class GRUCell(ConvertibleCell):
    r"""GRU cell:

        z = σ(x W_z + h₋₁ U_z + b_z)              the update gate
        r = σ(x W_r + h₋₁ U_r + b_r)              the reset gate
        g = φ(x W_h + (r ⊙ h₋₁) U_h + b_h)        the candidate
        g = φ(x W_h + b_h + r ⊙ (h₋₁ U_h + d_h))  the same with `reset_after`
        h = z ⊙ h₋₁ + (1 − z) ⊙ g

    Source: Cho et al., arXiv:1406.1078, equations 5 to 8; there as here z keeps the old state.
    `reset_after` is the form of cuDNN and of PyTorch, and Keras's default; its products with the
    state have a bias d of their own. The candidate of Goodfellow, Bengio and Courville's *Deep
    Learning*, equation 10.45, is a sigmoid: `activation="sigmoid"`.

    Args:
        units: size of h.
        activation: φ, of the candidate; a Keras name or function.
        recurrent_activation: σ, of the gates.
        reset_after: whether the reset gate works after the product with U_h, and not before it.
        **kwargs: as for every `Cell`.

    Weights, in the order z, r, h: `kernel` W `(inputs, 3 units)`, `recurrent_kernel` U
    `(units, 3 units)`, `bias` b `(3 units,)`, or b and d as `(2, 3 units)` with `reset_after`.
    State: h `(batch, units)`.
    """

    keras_cell = keras.layers.GRUCell
    torch_layer = "GRU"
    torch_order = (1, 0, 2)
    gate_names = ("update", "reset")

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        reset_after=False,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.activation = keras.activations.get(activation)
        self.recurrent_activation = keras.activations.get(recurrent_activation)
        self.reset_after = reset_after

    def build(self, input_shape):
        size = 3 * self.units
        self.kernel = self.add_kernel((input_shape[-1], size))
        self.recurrent_kernel = self.add_recurrent_kernel((self.units, size))
        self.bias = self.add_bias((2, size) if self.reset_after else (size,))

    def project(self, inputs, training=False):
        projected = product(self.drop(inputs, training), self.as_factor(self.kernel))
        if not self.use_bias:
            return projected
        return projected + self.as_value(self.bias[0] if self.reset_after else self.bias)

    def params(self):
        if not self.reset_after:
            kernel = self.as_factor(self.recurrent_kernel)
            gates, candidate = ops.split(kernel, [2 * self.units], axis=-1)
            return {"gates": gates, "candidate": candidate}
        params = super().params()
        return params | ({"bias": self.as_row(self.bias[1])} if self.use_bias else {})

    def step(self, params, constants, projected, states):
        h = states[0]
        seen = dropped(h, constants)
        x_zr, x_h = ops.split(projected, [2 * self.units], axis=-1)
        if self.reset_after:
            a = product(seen, params["recurrent_kernel"]) + params.get("bias", 0)
            a_zr, a_h = ops.split(a, [2 * self.units], axis=-1)
            z, r = ops.split(self.recurrent_activation(x_zr + a_zr), 2, axis=-1)
            g = self.activation(x_h + r * a_h)
        else:
            a_zr = product(seen, params["gates"])
            z, r = ops.split(self.recurrent_activation(x_zr + a_zr), 2, axis=-1)
            g = self.activation(x_h + product(r * seen, params["candidate"]))
        h = g + z * (h - g)
        return h, [h]

    def gates(self, inputs, before):
        """Returns "update" and "reset" of any number of steps at once.

        Args:
            inputs: `(..., inputs)`.
            before: h before each step, `(..., units)`.
        """
        kernel = self.as_factor(self.recurrent_kernel)[:, : 2 * self.units]
        a = self.project(inputs)[..., : 2 * self.units] + product(before, kernel)
        if self.reset_after and self.use_bias:
            a = a + self.as_value(self.bias[1])[: 2 * self.units]
        z, r = ops.split(self.recurrent_activation(a), 2, axis=-1)
        return dict(zip(self.gate_names, (z, r), strict=True))

    @classmethod
    def _arguments_of_torch(cls, module):
        return {"reset_after": True}

    def _torch_arguments(self):
        if not self.reset_after:
            raise ValueError("torch.nn.GRU has reset_after=True alone, got False")
        return super()._torch_arguments()

    @classmethod
    def _bias_of_torch(cls, bias_ih, bias_hh):
        return np.stack([bias_ih, bias_hh])

    @classmethod
    def _torch_biases(cls, bias):
        return bias

    def get_config(self):
        return super().get_config() | {
            "activation": keras.activations.serialize(self.activation),
            "recurrent_activation": keras.activations.serialize(self.recurrent_activation),
            "reset_after": self.reset_after,
        }
