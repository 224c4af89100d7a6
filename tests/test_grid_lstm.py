"""The Grid LSTM block in one, two and three dimensions, and what it equals."""

import keras
import numpy as np
import pytest
import references
from conformance import random_input, randomize, value
from keras import layers

from zoo.cells import GridLSTMCell
from zoo.layers import GridLSTM3D, GridLSTMBlock, Recurrent

UNITS = 4
FORMS = ("tanh(o*m)", "o*tanh(m)")


def random_block(dimensions, dtype="float64", **options):
    block = GridLSTMBlock(UNITS, dimensions, dtype=dtype, **options)
    count = dimensions + len(block.remembering)
    block.build([(None, UNITS)] * count)
    return randomize(block)


def random_states(block, seed=1):
    rng = np.random.default_rng(seed)
    count = block.dimensions + len(block.remembering)
    return [rng.normal(size=(3, UNITS)) for _ in range(count)]


def reference(block, states, kernels=None, biases=None):
    """The states after a block, by NumPy."""
    kernels = kernels or [value(kernel) for kernel in block.kernels]
    biases = biases or [value(bias) for bias in block.biases]
    count = block.dimensions
    hs, ms = references.grid_lstm_block(
        states[:count],
        dict(zip(block.remembering, states[count:], strict=True)),
        kernels,
        biases,
        priority=block.priority,
        plain=block.plain,
        activation="tanh",
        output_form=block.output_form,
    )
    return [*hs, *(ms[n] for n in block.remembering)]


SHAPES = [
    (1, {}),
    (2, {}),
    (2, {"priority": [1]}),
    (2, {"priority": 0}),
    (2, {"plain": [1], "priority": [1]}),
    (3, {}),
    (3, {"priority": [2]}),
    (3, {"priority": [2, 0]}),
    (3, {"plain": [0, 2]}),
    (3, {"plain": [1], "priority": [0]}),
]
every_shape = pytest.mark.parametrize(("dimensions", "options"), SHAPES)
both_forms = pytest.mark.parametrize("output_form", FORMS)


@every_shape
@both_forms
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
def test_block_is_the_reference(dimensions, options, output_form, dtype, tolerance):
    block = random_block(dimensions, dtype, activation="tanh", output_form=output_form, **options)
    states = random_states(block)
    found = block([state.astype(dtype) for state in states])
    for one, expected in zip(found, reference(block, states), strict=True):
        np.testing.assert_allclose(value(one), expected, atol=tolerance)


@every_shape
@both_forms
def test_gradients_of_a_block(dimensions, options, output_form):
    import tensorflow as tf

    block = random_block(dimensions, activation="tanh", output_form=output_form, **options)
    states = random_states(block)
    rng = np.random.default_rng(2)
    directions = [rng.normal(size=state.shape) for state in states]
    weights = [value(weight) for weight in (*block.kernels, *block.biases)]

    def loss(*arguments):
        given, found = arguments[: len(states)], arguments[len(states) :]
        after = reference(block, given, list(found[:dimensions]), list(found[dimensions:]))
        return sum(np.sum(d * one) for d, one in zip(directions, after, strict=True))

    numeric = references.numeric_gradients(loss, [*states, *weights])
    inputs = [tf.Variable(state) for state in states]
    with tf.GradientTape() as tape:
        after = block([one.value() for one in inputs])
        output = sum(tf.reduce_sum(d * one) for d, one in zip(directions, after, strict=True))
    variables = [*inputs, *(w.value for w in (*block.kernels, *block.biases))]
    for one, expected in zip(tape.gradient(output, variables), numeric, strict=True):
        np.testing.assert_allclose(one, expected, atol=1e-6)


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_plain_depth_that_hands_on_is_a_stack_of_lstms(depth):
    """h' = o tanh(m'), depth plain, last and the identity of the new h: keras.layers.LSTM."""
    cell = GridLSTMCell(
        UNITS,
        depth,
        tied=False,
        priority="depth",
        depth_activation="linear",
        output_form="o*tanh(m)",
    )
    grid = Recurrent(cell, return_sequences=True)
    stack = keras.Sequential(
        [
            keras.Input((7, UNITS)),
            *(layers.LSTM(UNITS, return_sequences=True) for _ in range(depth)),
        ]
    )
    x = random_input((7, UNITS))
    grid(x)
    randomize(stack)
    # The input goes on as it is, and so does V [h_time; h_depth] = h_time.
    cell.kernel.assign(np.eye(UNITS))
    cell.depth_kernel.assign(np.broadcast_to(np.eye(2 * UNITS, UNITS), cell.depth_kernel.shape))
    kernels = []
    for layer in stack.layers:
        from_below, from_time, _ = layer.get_weights()
        kernels.append(np.concatenate([from_time, from_below]))
    cell.time_kernel.assign(np.stack(kernels))
    cell.time_bias.assign(np.stack([layer.get_weights()[2] for layer in stack.layers]))
    expected = value(stack(x))
    assert np.abs(expected).max() > 0.05
    np.testing.assert_allclose(value(grid(x)), expected, atol=1e-6)


def test_memory_along_depth_is_carried_unchanged():
    """With f = 1 and i = 0 every layer hands on the m that it read, to the last bit."""
    block = random_block(2, "float32")
    bias = value(block.biases[1])
    bias[:UNITS], bias[UNITS : 2 * UNITS] = -1e4, 1e4
    block.biases[1].assign(bias)
    states = [state.astype("float32") for state in random_states(block)]
    carried = states[3]
    for _ in range(40):
        states = block(states)
        # Along time every layer has states of its own.
        fresh = random_states(block, seed=9)
        states = [fresh[0].astype("float32"), states[1], fresh[2].astype("float32"), states[3]]
    np.testing.assert_array_equal(value(states[3]), carried)


def test_course_draws_one_lstm_over_both_memories():
    """The memory [c; a], gates from [h; b], h' = o tanh(c'): the block of two dimensions."""
    block = random_block(2, output_form="o*tanh(m)")
    h, b, c, a = random_states(block)
    # One LSTM of 2 UNITS whose gates hold those of time, then those of depth.
    by_gate = [np.split(value(kernel), 4, axis=1) for kernel in block.kernels]
    biases = [np.split(value(bias), 4) for bias in block.biases]
    weights = [np.concatenate([one[gate] for one in by_gate], axis=1) for gate in range(4)]
    offsets = [np.concatenate([one[gate] for one in biases]) for gate in range(4)]
    i, f, z, o = (
        np.concatenate([h, b], axis=1) @ w + d for w, d in zip(weights, offsets, strict=True)
    )
    memory = references.sigmoid(f) * np.concatenate([c, a], axis=1)
    memory = memory + references.sigmoid(i) * np.tanh(z)
    output = references.sigmoid(o) * np.tanh(memory)
    expected = [*np.split(output, 2, axis=1), *np.split(memory, 2, axis=1)]
    for one, other in zip(block([h, b, c, a]), expected, strict=True):
        np.testing.assert_allclose(value(one), other, atol=1e-12)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("priority", [None, "time", "depth"])
def test_cell_is_made_of_blocks(tied, priority):
    """A step of the cell is a column of blocks of two dimensions."""
    cell = GridLSTMCell(UNITS, 3, tied=tied, priority=priority, dtype="float64")
    x = np.random.default_rng(0).normal(size=(3, 5))
    cell.build((None, 5))
    randomize(cell)
    rng = np.random.default_rng(4)
    states = [rng.normal(size=(3, UNITS)) for _ in range(6)]
    output, after = cell(x, states)
    below = x @ value(cell.kernel) + value(cell.bias)
    h_depth, m_depth = np.split(below, 2, axis=1)
    order = {None: (), "time": (0,), "depth": (1,)}[priority]
    for layer in range(3):
        block = random_block(2, priority=order)
        i = 0 if tied else layer
        for n, name in enumerate(("time", "depth")):
            block.kernels[n].assign(value(getattr(cell, f"{name}_kernel"))[i])
            block.biases[n].assign(value(getattr(cell, f"{name}_bias"))[i])
        h, m = states[2 * layer : 2 * layer + 2]
        h, h_depth, m, m_depth = block([h, h_depth, m, m_depth])
        np.testing.assert_allclose(value(after[2 * layer]), value(h), atol=1e-12)
        np.testing.assert_allclose(value(after[2 * layer + 1]), value(m), atol=1e-12)
    np.testing.assert_allclose(value(output), value(h_depth), atol=1e-12)


@pytest.mark.parametrize("tied", [True, False])
def test_tied_layers_have_one_set_of_weights(tied):
    cell = GridLSTMCell(UNITS, 6, tied=tied)
    cell.build((None, 5))
    assert cell.time_kernel.shape[0] == cell.depth_bias.shape[0] == (1 if tied else 6)
    bias = value(cell.time_bias).reshape(-1, 4, UNITS)
    np.testing.assert_array_equal(bias.mean(axis=(0, 2)), [0, 1, 0, 0])


def cell_by_cell(layer, weights, x):
    """The grid over a picture from the upper left corner, a block at a time, by NumPy."""
    kernel, bias, block_kernel, block_bias = weights
    batch, height, width, _ = x.shape
    units, output = layer.units, np.zeros((*x.shape[:3], layer.units))
    zeros = np.zeros((batch, units))
    along_height = {(n, -1, k): zeros for n in range(layer.depth) for k in range(width)}
    memories_height = dict(along_height)
    along_width = {(n, k, -1): zeros for n in range(layer.depth) for k in range(height)}
    memories_width = dict(along_width)
    for row in range(height):
        for column in range(width):
            below = x[:, row, column] @ kernel + bias
            h_depth, m_depth = below[:, :units], below[:, units:]
            for n in range(layer.depth):
                i = 0 if layer.tied else n
                cuts = [4 * units, 8 * units]
                (h_height, h_width, h_depth), new = references.grid_lstm_block(
                    [along_height[n, row - 1, column], along_width[n, row, column - 1], h_depth],
                    {
                        0: memories_height[n, row - 1, column],
                        1: memories_width[n, row, column - 1],
                        2: m_depth,
                    },
                    np.split(block_kernel[i], cuts, axis=1),
                    np.split(block_bias[i], cuts),
                    plain=() if layer.is_lstm else (2,),
                    activation="relu",
                    output_form=layer.output_form,
                )
                along_height[n, row, column], memories_height[n, row, column] = h_height, new[0]
                along_width[n, row, column], memories_width[n, row, column] = h_width, new[1]
                m_depth = new[2]
            output[:, row, column] = h_depth
    return output


THREE = {
    "one layer": {},
    "tied": {"depth": 3},
    "untied": {"depth": 2, "tied": False, "output_form": "o*tanh(m)"},
    "plain depth": {"depth": 2, "tied": False, "depth_activation": "relu"},
}


@pytest.mark.parametrize("size", [(3, 5), (5, 2), (1, 4), (4, 1), (1, 1)])
@pytest.mark.parametrize("name", THREE)
def test_diagonals_are_cell_by_cell(name, size):
    layer = GridLSTM3D(3, dtype="float64", **THREE[name])
    x = random_input((*size, 2)).astype("float64")
    layer(x)
    randomize(layer)
    expected = cell_by_cell(layer, [value(w)[0] for w in layer.weights], x)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(value(layer(x)), expected, atol=1e-10)


def test_four_directions_begin_at_the_four_corners():
    layer = GridLSTM3D(3, depth=2, directions=4, dtype="float64")
    x = random_input((3, 4, 2)).astype("float64")
    layer(x)
    randomize(layer)
    expected = []
    for i, (down, right) in enumerate([(1, 1), (1, -1), (-1, 1), (-1, -1)]):
        weights = [value(weight)[i] for weight in layer.weights]
        found = cell_by_cell(layer, weights, x[:, ::down, ::right])
        expected.append(found[:, ::down, ::right])
    np.testing.assert_allclose(value(layer(x)), np.concatenate(expected, axis=-1), atol=1e-10)
    assert layer.compute_output_shape(x.shape) == (2, 3, 4, 12)


@pytest.mark.parametrize("name", THREE)
def test_gradients_of_a_grid(name):
    import tensorflow as tf

    layer = GridLSTM3D(2, dtype="float64", **THREE[name])
    x = random_input((2, 3, 2)).astype("float64")
    layer(x)
    randomize(layer)
    direction = np.random.default_rng(3).normal(size=(2, 2, 3, 2))

    def loss(x, *weights):
        return np.sum(direction * cell_by_cell(layer, [w[0] for w in weights], x))

    numeric = references.numeric_gradients(loss, [x, *map(value, layer.weights)])
    inputs = tf.Variable(x)
    with tf.GradientTape() as tape:
        output = tf.reduce_sum(direction * layer(inputs.value(), training=True))
    variables = [inputs, *(weight.value for weight in layer.weights)]
    for one, expected in zip(tape.gradient(output, variables), numeric, strict=True):
        np.testing.assert_allclose(one, expected, atol=1e-6)


def test_grid_of_a_picture_is_saved_and_learns(tmp_path):
    x = keras.Input((4, 5, 2))
    grid = GridLSTM3D(4, depth=2, tied=False, depth_activation="relu", directions=4)
    model = keras.Model(x, layers.Dense(1)(layers.Flatten()(grid(x))))
    pictures = np.random.default_rng(0).normal(size=(32, 4, 5, 2)).astype("float32")
    # What the last corner holds times what the first does.
    targets = pictures[:, 0, 0, 0] * pictures[:, -1, -1, 1]
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(pictures, targets, epochs=30, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.3 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(value(loaded(pictures)), value(model(pictures)), atol=1e-6)


def test_block_is_saved_as_it_is(tmp_path):
    inputs = [keras.Input((UNITS,)) for _ in range(5)]
    block = GridLSTMBlock(UNITS, 3, plain=[1], priority=[2], output_form="o*tanh(m)")
    model = keras.Model(inputs, block(inputs))
    randomize(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    states = random_states(block)
    for one, other in zip(loaded(states), model(states), strict=True):
        np.testing.assert_array_equal(value(one), value(other))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GridLSTMBlock(4, 0), "dimensions must be a positive integer, got 0"),
        (lambda: GridLSTMBlock(0), "units must be a positive integer, got 0"),
        (lambda: GridLSTMBlock(4, priority=[2]), r"priority must hold .* from 0 to 1.* got \[2\]"),
        (lambda: GridLSTMBlock(4, priority=-1), "priority must hold .* got -1"),
        (lambda: GridLSTMBlock(4, plain=[0, 0]), r"plain must hold .* got \[0, 0\]"),
        (lambda: GridLSTMBlock(4, output_form="tanh"), "output_form must be one of .* got 'tanh'"),
        (lambda: GridLSTMCell(4, depth=None, tied=False), "depth must be a positive .* got None"),
        (lambda: GridLSTMCell(4, depth=0), "depth must be a positive integer, got 0"),
        (lambda: GridLSTMCell(4, priority="space"), "priority must be None or .* got 'space'"),
        (lambda: GridLSTM3D(4, directions=2), "directions must be 1 or 4, got 2"),
        (lambda: GridLSTM3D(4, depth=0), "depth must be a positive integer, got 0"),
        (lambda: GridLSTM3D(4)(np.zeros((1, 2, 3))), "needs an input .* got"),
        (lambda: GridLSTM3D(4)(keras.Input((None, 2, 3))), "of known sizes, got"),
        (lambda: GridLSTMCell(4, output_form="h"), "output_form must be one of .* got 'h'"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_states_of_the_wrong_number(count):
    with pytest.raises(ValueError, match="states must be 2 of h and 2 of m, of size 4 each"):
        random_block(2)([np.zeros((1, UNITS))] * count)
    with pytest.raises(ValueError, match="states must be"):
        random_block(2)([np.zeros((1, UNITS + 1))] * 4)
