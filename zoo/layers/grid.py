"""The Grid LSTM: one block in any number of dimensions, and a grid over the places of a picture."""

from functools import partial
from itertools import product as every_pair

import keras
import numpy as np
from keras import ops

from zoo.arguments import positive_integer
from zoo.cells.grid_lstm import checked_output_form, lstm_of
from zoo.cells.products import product
from zoo.initializers import StackedInitializer
from zoo.layers.loop import walk


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
                a = ops.matmul(before, self.kernels[n]) + self.biases[n]
                if n in self.plain:
                    h[n] = self.activation(a)
                else:
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
        self._plan(*input_shape[1:3])

    def _plan(self, height, width):
        """Finds out which place is which block of which anti-diagonal."""
        self.height, self.width = height, width
        diagonals = height + width - 1
        # Of a diagonal's block in each row: its place, or one after the last where it has none.
        self._place = np.full((diagonals, height), height * width, np.int32)
        for y, x in every_pair(range(height), range(width)):
            self._place[y + x, y] = y * width + x
        rows, columns = np.divmod(np.arange(height * width, dtype=np.int32), width)
        self._block = (rows + columns) * height + rows

    def call(self, x, training=False):
        ways = every_pair((1, -1), (1, -1)) if self.directions == 4 else [(1, 1)]
        outputs = []
        for i, (down, right) in enumerate(ways):
            # A flip there, and back again.
            h = self._walk(i, x[:, ::down, ::right], training)
            outputs.append(h[:, ::down, ::right])
        return ops.concatenate(outputs, axis=-1)

    def _walk(self, way, x, training):
        """Returns h along depth of every place, walked from the upper left corner."""
        batch, places = ops.shape(x)[0], self.height * self.width
        below = ops.matmul(x, self.kernel[way]) + self.bias[way]
        size = below.shape[-1]
        # Places first; then diagonals first, the rows of each beside one another, of a whole batch.
        below = ops.transpose(ops.reshape(below, (batch, places, size)), (1, 0, 2))
        below = ops.concatenate([below, ops.zeros_like(below[:1])], axis=0)
        steps = ops.take(below, self._place, axis=0)
        diagonals = len(self._place)
        steps = ops.reshape(steps, (diagonals, self.height * batch, size))
        is_block = ops.convert_to_tensor(self._place < places)[:, :, None]
        mask = ops.broadcast_to(is_block, (diagonals, self.height, batch))
        mask = ops.reshape(mask, (diagonals, self.height * batch, 1))
        states = [ops.zeros_like(steps[0, :, : self.units]) for _ in range(4 * self.depth)]
        outputs, _ = walk(
            self._step,
            self._params(way),
            steps,
            states,
            self.units,
            mask=mask,
            every_output=True,
            zero_output=True,
            unroll=False,
            training=training,
        )
        outputs = ops.reshape(outputs, (diagonals * self.height, batch, self.units))
        outputs = ops.transpose(ops.take(outputs, self._block, axis=0), (1, 0, 2))
        return ops.reshape(outputs, (batch, self.height, self.width, self.units))

    def _params(self, way):
        layers = range(1 if self.tied else self.depth)
        kernels, biases = self.block_kernel[way], self.block_bias[way]
        return {f"kernel_{i}": kernels[i] for i in layers} | {
            f"bias_{i}": biases[i][None] for i in layers
        }

    def _step(self, params, projected, states):
        """One anti-diagonal: the states of each row are those of its last block."""
        h_depth, m_depth = ops.split(projected, 2, axis=-1) if self.is_lstm else (projected, None)
        new_states = []
        for layer in range(self.depth):
            i = 0 if self.tied else layer
            h_height, m_height, h_width, m_width = states[4 * layer : 4 * layer + 4]
            # The block above was the last one of the row above.
            h_height, m_height = self._from_above(h_height), self._from_above(m_height)
            read = ops.concatenate([h_height, h_width, h_depth], axis=-1)
            sums = product(read, params[f"kernel_{i}"]) + params[f"bias_{i}"]
            cuts = [4 * self.units, 8 * self.units]
            of_height, of_width, of_depth = ops.split(sums, cuts, axis=-1)
            new_states += lstm_of(of_height, m_height, self.output_form)
            new_states += lstm_of(of_width, m_width, self.output_form)
            if self.is_lstm:
                h_depth, m_depth = lstm_of(of_depth, m_depth, self.output_form)
            else:
                h_depth = self.depth_activation(of_depth)
        return h_depth, new_states

    def _from_above(self, state):
        """Returns what the rows above have, and zeros for the first row."""
        row = ops.shape(state)[0] // self.height
        return ops.concatenate([ops.zeros_like(state[:row]), state[: (self.height - 1) * row]], 0)

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
