"""The Grid LSTM along time and depth: gates decide what is kept from layer to layer too."""

import keras
from keras import ops

from zoo.arguments import positive_integer
from zoo.cells.cell import Cell, dropped
from zoo.cells.products import product
from zoo.initializers import StackedInitializer

OUTPUT_FORMS = ("tanh(o*m)", "o*tanh(m)")
PRIORITIES = ("time", "depth")


def together(weights):
    """Returns the kernels of several LSTMs, or their biases, as those of one.

    Args:
        weights: `(..., 4 units)` each, for the gates i, f, the candidate c and the gate o.

    Returns:
        `(..., 4 count units)`, for the gates i of all, f of all, o of all, and all candidates: what
        is computed alike stands side by side.
    """
    parts = [ops.split(one, 4, axis=-1) for one in weights]
    return ops.concatenate([part[gate] for gate in (0, 1, 3, 2) for part in parts], axis=-1)


def lstm_of(a, m, output_form):
    """Returns h' and m' of one dimension of a Grid LSTM, or of several side by side.

    Args:
        a: W H + b, `(..., 4 size)`, in the order of `together`.
        m: the memories, `(..., size)`.
        output_form: "tanh(o*m)" or "o*tanh(m)".
    """
    gates, candidate = ops.split(a, [3 * m.shape[-1]], axis=-1)
    i, f, o = ops.split(ops.sigmoid(gates), 3, axis=-1)
    m = f * m + i * ops.tanh(candidate)
    return (ops.tanh(o * m) if output_form == "tanh(o*m)" else o * ops.tanh(m)), m


def checked_output_form(output_form):
    """Returns an output form, or raises a ValueError that names those there are."""
    if output_form not in OUTPUT_FORMS:
        raise ValueError(f"output_form must be one of {OUTPUT_FORMS}, got {output_form!r}")
    return output_form


def _product(x, kernel):
    """Returns `x @ kernel`, the rows of all layers as one product where they share the kernel."""
    if len(kernel.shape) == len(x.shape):
        return product(x, kernel)
    rows = product(ops.reshape(x, (-1, x.shape[-1])), kernel)
    return ops.reshape(rows, (*ops.shape(x)[:-1], kernel.shape[-1]))


@keras.saving.register_keras_serializable("zoo")
class GridLSTMCell(Cell):
    r"""Grid LSTM in two dimensions, time and depth: `depth` layers of one step.

    A layer has h and m of its own along time, and reads h and m of the layer below along depth:

        H = [h_time; h_depth]
        h_time′, m_time′ = LSTM(H, m_time; W_time)
        h_depth′, m_depth′ = LSTM(H, m_depth; W_depth)

    where LSTM(H, m; W) is

        i, f, o = σ(Wᵢ H + bᵢ), σ(W_f H + b_f), σ(W_o H + b_o)
        m′ = f ⊙ m + i ⊙ tanh(W_c H + b_c)
        h′ = tanh(o ⊙ m′)

    The h and m that the first layer reads along depth are a linear map of the input, and the last
    layer's h′ along depth is the output.

    Source: Kalchbrenner, Danihelka and Graves, *Grid Long Short-Term Memory*, arXiv:1507.01526,
    equations 1 to 5. Elsewhere h′ = o ⊙ tanh(m′): `output_form="o*tanh(m)"`.

    Args:
        units: size of each h and m.
        depth: number of layers, at least 1.
        tied: whether all layers have the same weights.
        priority: "time" or "depth", the dimension that is computed last and reads the other's new
            h (section 3.2); None for both at once.
        depth_activation: where it is given, depth is no LSTM dimension but a plain layer, h_depth′
            = α(V H + b), with this α (section 3.3).
        output_form: "tanh(o*m)", the paper's, or "o*tanh(m)".
        **kwargs: as for every `Cell`. The recurrent dropout mask is one for all layers.

    Weights, the gates in the order i, f, c, o, and 1 in the place of depth where they are tied:
    `kernel` `(inputs, 2 units)` and `bias` `(2 units,)`, of h and m along depth; `time_kernel` and
    `depth_kernel` `(depth, 2 units, 4 units)`, of [h_time; h_depth]; `time_bias` and `depth_bias`
    `(depth, 4 units)`. The forget gates' biases start at 1. Without an LSTM along depth `kernel`
    and `bias` are of h alone, and V is `depth_kernel`, `(depth, 2 units, units)`.

    States: h and m along time of the first layer, of the second, and so on, `(batch, units)` each.

    Raises:
        ValueError: if `units` or `depth` is not a positive integer, or there is no such priority or
            output form.
    """

    def __init__(
        self,
        units,
        depth=2,
        tied=True,
        priority=None,
        depth_activation=None,
        output_form="tanh(o*m)",
        **kwargs,
    ):
        super().__init__(units, **kwargs)
        self.depth = positive_integer("depth", depth)
        self.tied = bool(tied)
        if priority is not None and priority not in PRIORITIES:
            raise ValueError(f"priority must be None or one of {PRIORITIES}, got {priority!r}")
        self.priority = priority
        self.is_lstm = depth_activation is None
        # That of nothing is the identity.
        self.depth_activation = keras.activations.get(depth_activation)
        self.output_form = checked_output_form(output_form)
        self.state_size = [self.units] * (2 * self.depth)
        self.has_layers = True

    def build(self, input_shape):
        layers = 1 if self.tied else self.depth
        below = 2 * self.units if self.is_lstm else self.units
        self.kernel = self.add_kernel((input_shape[-1], below))
        self.bias = self.add_bias((below,))
        for name, gates in (("time", 4), ("depth", 4 if self.is_lstm else 1)):
            kernel = self.add_weight(
                name=f"{name}_kernel",
                shape=(layers, 2 * self.units, gates * self.units),
                initializer=StackedInitializer(self.recurrent_initializer),
                regularizer=self.recurrent_regularizer,
            )
            initializer = self._initial_bias if gates == 4 else None
            bias = self.add_bias((layers, gates * self.units), f"{name}_bias", initializer)
            setattr(self, f"{name}_kernel", kernel)
            setattr(self, f"{name}_bias", bias)

    def _initial_bias(self, shape, dtype=None):
        layers = shape[0]
        i, f, c, o = (self.bias_initializer((layers, self.units), dtype=dtype) for _ in range(4))
        return ops.concatenate([i, ops.ones_like(f), c, o], axis=-1)

    def project(self, inputs, training=False):
        projected = product(self.drop(inputs, training), self.as_factor(self.kernel))
        return projected + self.as_value(self.bias) if self.use_bias else projected

    def params(self):
        """Returns the weights of a layer, or with a layer axis in front those of all, untied.

        Without a priority both dimensions are one product. A bias is the last row of a kernel and
        multiplies a 1, so that it and its gradient are part of the products, and in their dtype.
        """
        time, depth = (self._with_bias(name) for name in PRIORITIES)
        if self.priority is not None:
            depth = together([depth]) if self.is_lstm else depth
            params = {"time": together([time]), "depth": depth}
        elif self.is_lstm:
            params = {"both": together([time, depth])}
        else:
            params = {"both": ops.concatenate([together([time]), depth], axis=-1)}
        return {name: one[0] if self.tied else one for name, one in params.items()}

    def _with_bias(self, name):
        kernel = self.as_factor(getattr(self, f"{name}_kernel"))
        if not self.use_bias:
            return kernel
        bias = self.as_factor(getattr(self, f"{name}_bias"))
        return ops.concatenate([kernel, bias[:, None]], axis=-2)

    def step(self, params, constants, projected, states):
        h_depth, m_depth = ops.split(projected, 2, axis=-1) if self.is_lstm else (projected, None)
        new_states = []
        for layer in range(self.depth):
            h, m = states[2 * layer : 2 * layer + 2]
            of_layer = params if self.tied else {name: one[layer] for name, one in params.items()}
            h, m, h_depth, m_depth = self.block(of_layer, constants, h, m, h_depth, m_depth)
            new_states += [h, m]
        return h_depth, new_states

    def block(self, params, constants, h, m, h_depth, m_depth):
        """Returns h and m of both dimensions after one layer, or after one layer each of many.

        Args:
            params: of one layer, or as `params` returns them.
            constants: as of `step`.
            h, m, h_depth, m_depth: `(..., batch, units)`, with the layers in front where they are
                many; without an LSTM along depth the last is not read.
        """
        h = dropped(h, constants)
        one = [ops.ones_like(h[..., :1])] if self.use_bias else []

        def sums(name, h, h_depth):
            return _product(ops.concatenate([h, h_depth, *one], axis=-1), params[name])

        def along_depth(a):
            if self.is_lstm:
                return lstm_of(a, m_depth, self.output_form)
            return self.depth_activation(a), None

        if self.priority == "depth":
            h_new, m_new = lstm_of(sums("time", h, h_depth), m, self.output_form)
            return h_new, m_new, *along_depth(sums("depth", h_new, h_depth))
        if self.priority == "time":
            above = along_depth(sums("depth", h, h_depth))
            return *lstm_of(sums("time", h, above[0]), m, self.output_form), *above
        a = sums("both", h, h_depth)
        if not self.is_lstm:
            a, a_depth = ops.split(a, [4 * self.units], axis=-1)
            return *lstm_of(a, m, self.output_form), *along_depth(a_depth)
        both = lstm_of(a, ops.concatenate([m, m_depth], axis=-1), self.output_form)
        (h, h_depth), (m, m_depth) = (ops.split(one, 2, axis=-1) for one in both)
        return h, m, h_depth, m_depth

    def get_config(self):
        return super().get_config() | {
            "depth": self.depth,
            "tied": self.tied,
            "priority": self.priority,
            "depth_activation": None
            if self.is_lstm
            else keras.activations.serialize(self.depth_activation),
            "output_form": self.output_form,
        }
