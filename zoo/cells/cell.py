"""What every recurrent cell shares: the contract of four parts, dropout, and the usual weights."""

import keras
from keras import ops

from zoo.arguments import fraction, positive_integer
from zoo.cells.products import product


class Cell(keras.layers.Layer):
    """One step of a recurrent network. A subclass is its weights and its equations.

    The work is in four parts, so that a driver can do each where it is cheapest:

        project(inputs, training)     what does not depend on the state, any number of steps at once
        constants(batch, training)    dropout masks, once a sequence
        params()                      the tensors that a step multiplies by, once a sequence
        step(params, constants, projected, states) -> output, new_states

    `step` is pure, and broadcasts over axes that all of its arguments have in front: a kernel is
    `(..., inputs, outputs)`, a vector `(..., 1, outputs)`, a state `(..., batch, units)`.

    `call(inputs, states)` composes the four, so a cell also runs under `keras.layers.RNN`. There,
    input dropout draws a mask a step and not one a sequence, and recurrent dropout is an error.

    Args:
        units: size of the hidden state, at least 1.
        use_bias: whether there are biases.
        kernel_initializer, recurrent_initializer, bias_initializer: of the weights on the inputs,
            on the state, and of the biases.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: likewise.
        dropout: fraction of the inputs that are dropped in training, the same at every step.
        recurrent_dropout: fraction of the state that is not seen by the products of a step.
        matmul_dtype: dtype of the products with the kernels, such as "bfloat16"; by default the
            compute dtype. All other arithmetic stays in the compute dtype.
        seed: of the dropout masks.

    Raises:
        ValueError: if `units` is not a positive integer, or a rate is not in [0, 1).
    """

    def __init__(
        self,
        units,
        *,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        matmul_dtype=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = keras.regularizers.get(recurrent_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.dropout = fraction("dropout", dropout)
        self.recurrent_dropout = fraction("recurrent_dropout", recurrent_dropout)
        self.matmul_dtype = matmul_dtype
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.state_size = [self.units]
        self.output_size = self.units
        # A cell whose step does not read its state needs no loop.
        self.step_reads_state = True
        # Whether its step goes through layers, which it has `depth` and `block` for.
        self.has_layers = False
        # Whether XLA on a CPU makes its loop quicker: it does with small operations.
        self.quicker_with_xla = False

    def add_kernel(self, shape, name="kernel"):
        """Adds weights on the inputs of the cell, or of its output layer."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
        )

    def add_recurrent_kernel(self, shape):
        """Adds weights on the state."""
        return self.add_weight(
            name="recurrent_kernel",
            shape=shape,
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
        )

    def add_bias(self, shape, name="bias", initializer=None):
        """Adds biases, or None where the cell has none."""
        if not self.use_bias:
            return None
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or self.bias_initializer,
            regularizer=self.bias_regularizer,
        )

    def build(self, input_shape):
        raise NotImplementedError

    def project(self, inputs, training=False):
        """Returns what a step needs of its inputs: `(..., batch, inputs)` to `(..., batch, n)`."""
        projected = product(self.drop(inputs, training), self.as_factor(self.kernel))
        return projected if self.bias is None else projected + self.as_value(self.bias)

    def constants(self, batch_size, training=False):
        """Returns the dropout mask of the state, `(batch, size)`, if there is one."""
        if not training or not self.recurrent_dropout:
            return {}
        ones = ops.ones((batch_size, self.state_size[0]), self.compute_dtype)
        return {
            "state_mask": keras.random.dropout(
                ones, self.recurrent_dropout, seed=self.seed_generator
            )
        }

    def params(self):
        """Returns the tensors that a step multiplies by."""
        return {"recurrent_kernel": self.as_factor(self.recurrent_kernel)}

    def step(self, params, constants, projected, states):
        """Returns the output of one step and the list of new states."""
        raise NotImplementedError

    def call(self, inputs, states, training=False):
        if training and self.recurrent_dropout:
            raise ValueError(
                f"recurrent_dropout={self.recurrent_dropout} needs zoo.layers.Recurrent in "
                "training: one step by itself cannot know the mask of its sequence"
            )
        return self.step(self.params(), {}, self.project(inputs, training), list(states))

    def get_initial_state(self, batch_size=None):
        """Returns the states before the first step: zeros, `(batch, size)` each."""
        return [ops.zeros((batch_size, size), self.compute_dtype) for size in self.state_size]

    def drop(self, inputs, training):
        """Drops some of the inputs in training, the same ones at every step."""
        if not training or not self.dropout:
            return inputs
        ones = ops.ones(ops.shape(inputs)[-2:], inputs.dtype)
        return inputs * keras.random.dropout(ones, self.dropout, seed=self.seed_generator)

    def as_value(self, variable):
        """Returns a weight in the compute dtype."""
        return ops.cast(variable, self.compute_dtype)

    def as_row(self, variable):
        """Returns a `(n,)` weight as `(1, n)`, so that axes may come in front."""
        return ops.expand_dims(self.as_value(variable), 0)

    def as_factor(self, variable):
        """Returns a kernel in the dtype of the products."""
        return ops.cast(variable, self.matmul_dtype or self.compute_dtype)

    def get_config(self):
        config = {
            "units": self.units,
            "use_bias": self.use_bias,
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "matmul_dtype": self.matmul_dtype,
            "seed": self.seed,
        }
        for weight in ("kernel", "recurrent", "bias"):
            initializer = getattr(self, f"{weight}_initializer")
            regularizer = getattr(self, f"{weight}_regularizer")
            config[f"{weight}_initializer"] = keras.initializers.serialize(initializer)
            config[f"{weight}_regularizer"] = keras.regularizers.serialize(regularizer)
        return super().get_config() | config


def dropped(state, constants):
    """Returns a state as the products of a step see it."""
    mask = constants.get("state_mask")
    return state if mask is None else state * mask
