"""The Jordan network: its output goes back, and in training the true output can stand for it."""

import keras
from keras import ops

from zoo.arguments import fraction, positive_integer
from zoo.cells.cell import Cell, dropped
from zoo.cells.products import product


@keras.saving.register_keras_serializable("zoo")
class JordanCell(Cell):
    r"""Jordan cell: a context c of previous outputs goes back, in place of the hidden layer.

        h = φ(x W + c U + b)
        y = ψ(h V + d)
        c' = decay · c + y        the next step's context; y₋₁ alone without a decay

    The context of the first step is `initial_output`, which is learned.

    Source: Jordan, *Serial Order: A Parallel Distributed Processing Approach*, 1986.

    With `teacher_forcing` the input of a step is `[x ; y₋₁]`, the true previous output beside the
    features, and `y₋₁` takes the place of the network's own output. All contexts are then known
    before the first step, so a sequence is trained without a loop (with a decay the loop stays).
    The weights are those of the free-running form: train one, and set them in the other. The first
    previous output is yours to give: `initial_output`, or zeros.

    Args:
        units: size of the hidden layer h.
        outputs: size of the output y, and of the context.
        activation: φ; a Keras name or function.
        output_activation: ψ, likewise.
        decay: share of the context that outlives a step, from 0 to less than 1.
        teacher_forcing: whether the inputs hold the true previous outputs, as their last columns.
        **kwargs: as for every `Cell`.

    Weights: `kernel` W `(features, units)`, `recurrent_kernel` U `(outputs, units)`, `bias` b
    `(units,)`, `output_kernel` V `(units, outputs)`, `output_bias` d `(outputs,)`,
    `initial_output` `(outputs,)`, not trained with teacher forcing. State `(batch, outputs)`: c;
    with teacher forcing the context of the last step.

    Raises:
        ValueError: if `units` or `outputs` is not a positive integer, `decay` is not in [0, 1), or
            the inputs of a teacher-forced cell are not wider than its outputs.
    """

    def __init__(
        self,
        units,
        outputs,
        activation="tanh",
        output_activation="softmax",
        decay=0.0,
        teacher_forcing=False,
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.outputs = positive_integer("outputs", outputs)
        self.activation = keras.activations.get(activation)
        self.output_activation = keras.activations.get(output_activation)
        self.decay = fraction("decay", decay)
        self.teacher_forcing = teacher_forcing
        self.state_size = [self.outputs]
        self.output_size = self.outputs
        self.step_reads_state = not teacher_forcing or self.decay > 0
        self.quicker_with_xla = True

    def build(self, input_shape):
        features = input_shape[-1] - (self.outputs if self.teacher_forcing else 0)
        if features < 1:
            raise ValueError(
                f"with teacher forcing the inputs are [features ; {self.outputs} previous "
                f"outputs], got inputs of shape {tuple(input_shape)}"
            )
        self.kernel = self.add_kernel((features, self.units))
        self.recurrent_kernel = self.add_recurrent_kernel((self.outputs, self.units))
        self.bias = self.add_bias((self.units,))
        self.output_kernel = self.add_kernel((self.units, self.outputs), "output_kernel")
        self.output_bias = self.add_bias((self.outputs,), "output_bias")
        self.initial_output = self.add_weight(
            name="initial_output",
            shape=(self.outputs,),
            initializer="zeros",
            trainable=not self.teacher_forcing,
        )

    def project(self, inputs, training=False):
        if not self.teacher_forcing:
            return super().project(inputs, training)
        features, previous = ops.split(inputs, [self.kernel.shape[0]], axis=-1)
        return ops.concatenate([super().project(features, training), previous], axis=-1)

    def params(self):
        params = super().params() | {"output_kernel": self.as_factor(self.output_kernel)}
        return params | ({"output_bias": self.as_row(self.output_bias)} if self.use_bias else {})

    def step(self, params, constants, projected, states):
        context = states[0]
        if self.teacher_forcing:
            projected, previous = ops.split(projected, [self.units], axis=-1)
            context = self.decay * context + previous
        seen = product(dropped(context, constants), params["recurrent_kernel"])
        h = self.activation(projected + seen)
        y = product(h, params["output_kernel"]) + params.get("output_bias", 0)
        y = self.output_activation(y)
        return y, [context if self.teacher_forcing else self.decay * context + y]

    def get_initial_state(self, batch_size=None):
        if self.teacher_forcing:
            return super().get_initial_state(batch_size)
        return [ops.tile(self.as_row(self.initial_output), (batch_size, 1))]

    def get_config(self):
        return super().get_config() | {
            "outputs": self.outputs,
            "activation": keras.activations.serialize(self.activation),
            "output_activation": keras.activations.serialize(self.output_activation),
            "decay": self.decay,
            "teacher_forcing": self.teacher_forcing,
        }
