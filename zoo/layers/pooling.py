"""From the outputs of all steps to one vector."""

import keras
from keras import ops

from zoo.arguments import positive_integer


@keras.saving.register_keras_serializable("zoo")
class AttentionPooling(keras.layers.Layer):
    r"""The mean of all steps, weighted by how much each says.

        u_t = tanh(x_t W + b)
        α = softmax over t of (u_t · v)
        y = Σ_t α_t x_t

    Source: Yang et al., *Hierarchical Attention Networks for Document Classification*, NAACL 2016,
    equations 5 to 7.

    Args:
        units: size of u.

    Weights: `kernel` W `(features, units)`, `bias` b `(units,)`, `context` v `(units,)`.

    Call arguments:
        sequences: `(batch, time, features)`.
        mask: boolean `(batch, time)`; a step where it is False has no weight. Of a sequence that is
            masked whole, all steps have the same.

    Returns:
        `(batch, features)`.

    Raises:
        ValueError: if `units` is not a positive integer.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.input_spec = keras.layers.InputSpec(ndim=3)
        self.supports_masking = True

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")
        self.context = self.add_weight(
            name="context", shape=(self.units,), initializer=keras.initializers.RandomNormal(0.05)
        )

    def call(self, sequences, mask=None):
        dtype = self.compute_dtype
        u = ops.matmul(sequences, ops.cast(self.kernel, dtype)) + ops.cast(self.bias, dtype)
        scores = ops.sum(ops.tanh(u) * ops.cast(self.context, dtype), axis=-1)
        if mask is not None:
            scores = ops.where(ops.cast(mask, "bool"), scores, -1e4)
        return ops.sum(ops.softmax(scores, axis=-1)[..., None] * sequences, axis=1)

    def compute_mask(self, sequences, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return input_shape[0], input_shape[2]

    def get_config(self):
        return super().get_config() | {"units": self.units}
