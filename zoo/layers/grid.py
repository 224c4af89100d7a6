"""The Grid LSTM: one block in any number of dimensions, and a grid over the places of a picture."""

from functools import partial
from itertools import product as every_pair

import keras
import numpy as np
from keras import ops

from zoo.arguments import positive_integer
from zoo.cells.grid_lstm import checked_output_form, lstm_of, together
from zoo.initializers import StackedInitializer


def open_forget_gates(shape, dtype=None, *, units):
    """Initial biases: 1 for the forget gate of each dimension with a memory, 0 for all others.

    Such a dimension has 4 units of them, a plain one, which comes last, fewer.
    """
    bias = np.zeros(shape)
    for start in range(0, shape[-1] - 4 * units + 1, 4 * units):
        bias[..., start + units : start + 2 * units] = 1
    return ops.convert_to_tensor(bias, dtype)


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
            self.biases.append(
                self.add_weight(
                    name=f"bias_{n}",
                    shape=(size,),
                    initializer=partial(open_forget_gates, units=self.units),
                )
            )

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
                if n in self.plain:
                    h[n] = self.activation(ops.matmul(before, self.kernels[n]) + self.biases[n])
                else:
                    a = ops.matmul(before, together([self.kernels[n]])) + together([self.biases[n]])
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


@keras.saving.register_keras_serializable("zoo")
class GridLSTM3D(keras.layers.Layer):
    r"""Grid LSTM over the height, the width and the depth of layers above a picture.

    A block at (y, x) of a layer reads h and m of the block above it, of the one on its left, and of
    the same place in the layer below:

        H = [h_height; h_width; h_depth]
        h_n′, m_n′ = LSTM(H, m_n; W_n)         for each of the three

    Source: Kalchbrenner, Danihelka and Graves, *Grid Long Short-Term Memory*, arXiv:1507.01526,
    sections 3 and 4.6. What the lowest layer reads along depth is a linear map of the input.

    No block of an anti-diagonal reads another of the same one, so that all of them take one step
    together: a picture takes height + width - 1 steps.

    Args:
        units: size of each h and m.
        depth: number of layers, at least 1.
        tied: whether all layers have the same weights.
        depth_activation: where it is given, depth has no memory: h_depth′ = α(V H + b), with this
            α; the paper's network for MNIST has "relu".
        directions: 1, from the upper left corner; or 4, one from each corner, each with weights of
            its own.
        output_form: "tanh(o*m)", the paper's, or "o*tanh(m)".
        kernel_initializer: of every W_n and V.

    Input: `(batch, height, width, channels)`, height and width known.

    Output: h along depth of the highest layer, `(batch, height, width, directions * units)`, in the
    order of the corners: upper left, upper right, lower left, lower right.

    Weights, with an axis of the directions in front: `kernel` `(channels, 2 units)` and `bias`, of
    h and m along depth, or of h alone; `block_kernel` `(layers, 3 units, 12 units)` and
    `block_bias` `(layers, 12 units)`, of height, width and depth, each with the gates in the order
    i, f, c, o, or 9 units with a depth without memory. The forget gates' biases start at 1. Where
    layers are tied, `layers` is 1.

    Raises:
        ValueError: if a size is no positive integer, `directions` is neither 1 nor 4, there is no
            such output form, or the input has not four axes or one of an unknown size.
    """

    def __init__(
        self,
        units,
        depth=1,
        tied=True,
        depth_activation=None,
        directions=1,
        output_form="tanh(o*m)",
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.depth = positive_integer("depth", depth)
        self.tied = bool(tied)
        self.is_lstm = depth_activation is None
        # How many of the three dimensions have a memory.
        self.lstms = 3 if self.is_lstm else 2
        self.depth_activation = keras.activations.get(depth_activation)
        if directions not in (1, 4):
            raise ValueError(f"directions must be 1 or 4, got {directions!r}")
        self.directions = directions
        self.output_form = checked_output_form(output_form)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "GridLSTM3D needs an input (batch, height, width, channels) of known sizes, got "
                f"{tuple(input_shape)}"
            )
        units, layers = self.units, 1 if self.tied else self.depth
        below = units * (2 if self.is_lstm else 1)
        sums = 12 * units if self.is_lstm else 9 * units
        each = StackedInitializer(self.kernel_initializer)
        shape = (self.directions, input_shape[-1], below)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=each)
        self.bias = self.add_weight(
            name="bias", shape=(self.directions, below), initializer="zeros"
        )
        self.block_kernel = self.add_weight(
            name="block_kernel",
            shape=(self.directions, layers, 3 * units, sums),
            initializer=StackedInitializer(each),
        )
        self.block_bias = self.add_weight(
            name="block_bias",
            shape=(self.directions, layers, sums),
            initializer=partial(open_forget_gates, units=units),
        )

    def call(self, x):
        height, width = x.shape[1:3]
        rows, columns = np.indices((height, width)).reshape(2, -1)
        # Diagonal after diagonal, each from its highest row.
        walked = np.lexsort((rows, rows + columns))
        places = np.arange(height * width).reshape(height, width)
        ways = every_pair((1, -1), (1, -1)) if self.directions == 4 else [(1, 1)]
        outputs = [
            self._walk(way, x, places[::down, ::right].ravel()[walked])
            for way, (down, right) in enumerate(ways)
        ]
        return ops.concatenate(outputs, axis=-1)

    def _walk(self, way, x, order):
        """Returns h along depth of every place.

        Args:
            way: number of the direction.
            x: the input.
            order: of each block that is walked, the number of its place in the picture.
        """
        batch, (height, width, _) = ops.shape(x)[0], x.shape[1:]
        numbers = np.arange(height + width - 1)
        tops = np.maximum(0, numbers - width + 1)
        sizes = np.minimum(numbers, height - 1) - tops + 1
        below = ops.matmul(x, self.kernel[way]) + self.bias[way]
        below = ops.reshape(below, (batch, height * width, below.shape[-1]))
        below = ops.take(ops.transpose(below, (1, 0, 2)), order, axis=0)
        # Not a slice each: its gradient would be as large as the whole.
        diagonals = ops.split(below, np.cumsum(sizes)[:-1], axis=0) if len(sizes) > 1 else [below]
        kernels = self._kernels(way)
        # Beyond the edges of the picture is nothing.
        edge = ops.zeros((1, batch, self.units), below.dtype)
        states = [([edge[:0]] * 2, [edge[:0]] * 2)] * self.depth
        outputs = []
        for these, moved in zip(diagonals, np.diff(tops, prepend=0), strict=True):
            h, states = self._diagonal(kernels, these, states, edge, moved)
            outputs.append(h)
        outputs = ops.take(ops.concatenate(outputs, axis=0), np.argsort(order), axis=0)
        return ops.reshape(ops.transpose(outputs, (1, 0, 2)), (batch, height, width, self.units))

    def _kernels(self, way):
        """Returns the kernel of each layer, in the order of `together`, its last row the bias."""
        bias = self.block_bias[way][:, None]
        kernels = ops.concatenate([self.block_kernel[way], bias], axis=-2)
        lstms, plain = ops.split(kernels, [4 * self.lstms * self.units], axis=-1)
        gates = together(ops.split(lstms, self.lstms, axis=-1))
        kernels = ops.concatenate([gates, plain], axis=-1)
        return [kernels[0 if self.tied else layer] for layer in range(self.depth)]

    def _diagonal(self, kernels, below, states, edge, moved):
        """Takes all blocks of one anti-diagonal, one layer after the other.

        Args:
            kernels: as `_kernels` returns them.
            below: what the first layer reads along depth, `(rows, batch, n)`, a row a block.
            states: of each layer on the diagonal before, h along height and along width, and m
                likewise, `(rows, batch, units)` each.
            edge: h or m where there is no block, `(1, batch, units)`.
            moved: how many rows further down the first block is than that of the diagonal before.

        Returns:
            h along depth of the last layer, `(rows, batch, units)`, and the states.
        """
        rows = below.shape[0]

        def some(state, first, last):
            """Rows of a state, by a split: a slice's gradient would take longer."""
            last = min(last, state.shape[0])
            whole = first == 0 and last == state.shape[0]
            return state if whole else ops.split(state, [first, last], axis=0)[1]

        def beside(height, width):
            """What is read of the blocks above, and of those on the left."""
            top = [edge] if moved == 0 else []
            bottom = [edge] if moved + rows > width.shape[0] else []
            above = [*top, some(height, max(0, moved - 1), moved - 1 + rows)]
            left = [some(width, moved, moved + rows), *bottom]
            return [ops.concatenate(parts, axis=0) for parts in (above, left)]

        h_depth, *m_depth = ops.split(below, 2, axis=-1) if self.is_lstm else [below]
        one = ops.ones_like(below[..., :1])
        after = []
        for kernel, (h, m) in zip(kernels, states, strict=True):
            read = ops.concatenate([*beside(*h), h_depth, one], axis=-1)
            sums = ops.matmul(ops.reshape(read, (-1, read.shape[-1])), kernel)
            sums = ops.reshape(sums, (rows, -1, sums.shape[-1]))
            m = ops.concatenate([*beside(*m), *m_depth], axis=-1)
            a, plain = ops.split(sums, [4 * m.shape[-1]], axis=-1)
            h, m = lstm_of(a, m, self.output_form)
            h, m = (ops.split(state, self.lstms, axis=-1) for state in (h, m))
            after.append((h[:2], m[:2]))
            m_depth = m[2:]
            h_depth = h[2] if self.is_lstm else self.depth_activation(plain)
        return h_depth, after

    def compute_output_shape(self, input_shape):
        return (*input_shape[:3], self.directions * self.units)

    def get_config(self):
        return super().get_config() | {
            "units": self.units,
            "depth": self.depth,
            "tied": self.tied,
            "depth_activation": None
            if self.is_lstm
            else keras.activations.serialize(self.depth_activation),
            "directions": self.directions,
            "output_form": self.output_form,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
