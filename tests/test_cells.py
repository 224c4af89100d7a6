"""Every cell against its equations, its gradients, and the cells of Keras and PyTorch."""

import inspect
import os
from functools import partial

import keras
import numpy as np
import pytest
import references
import tensorflow as tf
from conformance import CELLS, PLAIN_CELLS, make_cell, random_cell, random_input, randomize, value
from keras import layers

from zoo.cells import (
    ElmanCell,
    GridLSTMCell,
    GRUCell,
    JordanCell,
    LSTMCell,
    PeepholeLSTMCell,
    RecurrentHighwayCell,
)
from zoo.layers import Recurrent

FEATURES = 5
STEPS = 4

every_cell = pytest.mark.parametrize("name", CELLS)
plain_cells = pytest.mark.parametrize("name", PLAIN_CELLS)
both_drivers = pytest.mark.parametrize("driver", [Recurrent, layers.RNN], ids=["zoo", "keras"])

REFERENCES = {
    ElmanCell: references.elman,
    JordanCell: references.jordan,
    LSTMCell: references.lstm,
    PeepholeLSTMCell: references.lstm,
    GRUCell: references.gru,
    RecurrentHighwayCell: references.recurrent_highway,
    GridLSTMCell: references.grid_lstm,
}


def reference(name):
    """The reference of a cell of the table: a function of weights by name, x and states."""
    make, _, options = CELLS[name]
    step = references.taught_jordan if options.get("teacher_forcing") else REFERENCES[make]
    known = inspect.signature(step).parameters
    return partial(step, **{key: options[key] for key in options if key in known})


def weights_of(cell):
    return {weight.name: value(weight).astype("float64") for weight in cell.weights}


def random_states(cell, seed=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(2, size)) for size in cell.state_size]


def first_states(weights, cell):
    """The states that a cell starts from: zeros, but for an output that Jordan's has learned."""
    first = 0 if getattr(cell, "teacher_forcing", False) else weights.get("initial_output", 0)
    return [np.broadcast_to(first, (2, size)) for size in cell.state_size]


# The equations


@every_cell
@both_drivers
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_cell_is_the_reference(name, driver, dtype, tolerance):
    cell = random_cell(name, FEATURES, dtype=dtype)
    layer = driver(cell, return_sequences=True, return_state=True, dtype=dtype)
    x, states = random_input((STEPS, FEATURES)), random_states(cell)
    step = partial(reference(name), weights_of(cell))
    expected, expected_states = references.run_reference(step, x, states)
    assert np.abs(np.diff(expected, axis=1)).max() > 0.01
    output, *last = layer(x.astype(dtype), initial_state=[state.astype(dtype) for state in states])
    np.testing.assert_allclose(value(output), expected, atol=tolerance)
    for one, other in zip(last, expected_states, strict=True):
        np.testing.assert_allclose(value(one), other, atol=tolerance)


@every_cell
@both_drivers
def test_cell_starts_from_its_own_states(name, driver):
    cell = random_cell(name, FEATURES)
    x, weights = random_input((STEPS, FEATURES)), weights_of(cell)
    states = first_states(weights, cell)
    expected, _ = references.run_reference(partial(reference(name), weights), x, states)
    output = driver(cell, return_sequences=True)(x)
    np.testing.assert_allclose(value(output), expected, atol=1e-5)


@every_cell
def test_the_four_parts_are_the_call(name):
    cell = random_cell(name, FEATURES)
    x, states = random_input((FEATURES,)), cell.get_initial_state(2)
    assert [tuple(state.shape) for state in states] == [(2, size) for size in cell.state_size]
    output, new_states = cell(x, states)
    assert tuple(output.shape) == (2, cell.output_size)
    again, same_states = cell.step(cell.params(), cell.constants(2), cell.project(x), states)
    for one, other in zip([output, *new_states], [again, *same_states], strict=True):
        np.testing.assert_allclose(value(one), value(other), atol=1e-6)


@plain_cells
def test_step_broadcasts_over_leading_axes(name):
    # What lets one loop walk two directions, or a depth of layers, as one batched product.
    cells = [randomize(random_cell(name, FEATURES), seed) for seed in (1, 2)]
    x = random_input((FEATURES,))
    one_by_one = [cell(x, cell.get_initial_state(2)) for cell in cells]
    params = [cell.params() for cell in cells]
    stacked = {key: keras.ops.stack([one[key] for one in params]) for key in params[0]}
    projected = keras.ops.stack([cell.project(x) for cell in cells])
    states = [
        keras.ops.stack(pair)
        for pair in zip(*(cell.get_initial_state(2) for cell in cells), strict=True)
    ]
    output, _ = cells[0].step(stacked, cells[0].constants(2), projected, states)
    for i, (expected, _) in enumerate(one_by_one):
        np.testing.assert_allclose(value(output[i]), value(expected), atol=1e-6)


# The gradients

GAP = np.array([[True, True, False, True], [False, True, True, False]])


WALKS = {
    "forward": ({"return_sequences": True}, None, "given"),
    "backwards_masked": ({"return_sequences": True, "go_backwards": True}, GAP, "given"),
    "last_masked": ({}, GAP, "own"),
}


@every_cell
@pytest.mark.parametrize("walk", WALKS)
def test_gradients(name, walk):
    assert_gradients(name, *WALKS[walk])


@pytest.mark.parametrize("name", [*PLAIN_CELLS, "gru_after"])
def test_gradients_in_a_graph(name):
    assert_gradients(name, *WALKS["forward"], compiled=tf.function)


@plain_cells
def test_gradients_outside_of_training(name):
    # Where the zoo's own gradient of a loop is not at work.
    assert_gradients(name, *WALKS["backwards_masked"], training=False)


def assert_gradients(name, options, mask, start, compiled=lambda function: function, training=True):
    cell = random_cell(name, FEATURES, dtype="float64")
    layer = Recurrent(cell, return_state=True, dtype="float64", **options)
    x = random_input((STEPS, FEATURES)).astype("float64")
    states = random_states(cell) if start == "given" else []
    names = [weight.name for weight in cell.weights]
    rng = np.random.default_rng(5)
    towards = rng.normal(size=(2, STEPS, cell.output_size))
    towards_states = [rng.normal(size=(2, size)) for size in cell.state_size]
    sequences, backwards = options.get("return_sequences"), options.get("go_backwards", False)
    if not sequences:
        towards = towards[:, 0]

    def loss(x, *arguments):
        weights = dict(zip(names, arguments[len(states) :], strict=True))
        initial = arguments[: len(states)] or first_states(weights, cell)
        outputs, last = references.run_reference(
            partial(reference(name), weights), x, initial, mask, reverse=backwards
        )
        total = np.sum(towards * (outputs if sequences else outputs[:, -1]))
        return total + sum(np.sum(a * b) for a, b in zip(towards_states, last, strict=True))

    numeric = references.numeric_gradients(loss, [x, *states, *cell.get_weights()])

    def exact(x, *states):
        with tf.GradientTape() as tape:
            tape.watch([x, *states])
            given = {"initial_state": list(states) or None, "mask": mask}
            output, *last = layer(x, training=training, **given)
            total = tf.reduce_sum(towards * output)
            total += sum(tf.reduce_sum(a * b) for a, b in zip(towards_states, last, strict=True))
        sources = [x, *states, *(weight.value for weight in cell.weights)]
        return tape.gradient(total, sources, unconnected_gradients="zero")

    gradients = compiled(exact)(*(tf.constant(argument) for argument in [x, *states]))
    for i, (one, other) in enumerate(zip(gradients, numeric, strict=True)):
        np.testing.assert_allclose(
            value(one), other, rtol=1e-6, atol=1e-7, err_msg=["x", *states, *names][i]
        )
    seen = numeric[: 1 + len(states) * cell.step_reads_state]
    assert all(np.abs(gradient).max() > 1e-3 for gradient in seen)


# How a cell starts

GATES = {"elman": 1, "lstm": 4, "peephole": 4, "gru": 3, "gru_after": 3, "highway": 2}


@pytest.mark.parametrize("name", GATES)
def test_recurrent_kernel_starts_orthogonal_and_kernel_as_glorot_has_it(name):
    keras.utils.set_random_seed(0)
    make, _, options = CELLS[name]
    cell = make(40, **options)
    cell.build((None, 30))
    recurrent_kernel = value(cell.recurrent_kernel).reshape(-1, 40, 40 * GATES[name])
    assert len(recurrent_kernel) == (3 if name == "highway" else 1)
    for kernel in recurrent_kernel:
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(40), atol=1e-5)
    assert cell.kernel.shape == (30, 40 * GATES[name])
    limit = np.sqrt(6 / (30 + 40 * GATES[name]))
    assert 0.98 * limit < np.abs(value(cell.kernel)).max() <= limit
    if name == "highway":
        assert not np.allclose(recurrent_kernel[0], recurrent_kernel[1])


@pytest.mark.parametrize(
    ("make", "keras_cell"),
    [
        (ElmanCell, layers.SimpleRNNCell),
        (LSTMCell, layers.LSTMCell),
        (
            partial(LSTMCell, unit_forget_bias=False),
            partial(layers.LSTMCell, unit_forget_bias=False),
        ),
        (GRUCell, partial(layers.GRUCell, reset_after=False)),
        (partial(GRUCell, reset_after=True), layers.GRUCell),
    ],
    ids=["elman", "lstm", "lstm_forget_0", "gru", "gru_after"],
)
def test_cell_starts_as_that_of_keras(make, keras_cell):
    starts = []
    for one in (make, keras_cell):
        cell = one(
            4,
            kernel_initializer=keras.initializers.GlorotUniform(seed=1),
            recurrent_initializer=keras.initializers.Orthogonal(seed=2),
        )
        cell.build((None, FEATURES))
        starts.append({weight.name: value(weight) for weight in cell.weights})
    ours, theirs = starts
    assert ours.keys() == theirs.keys()
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


def built(cell):
    cell.build((None, FEATURES))
    return cell


@pytest.mark.parametrize("make", [LSTMCell, PeepholeLSTMCell])
def test_forget_gate_starts_open(make):
    np.testing.assert_array_equal(
        np.split(value(built(make(3)).bias), 4), np.outer([0, 1, 0, 0], np.ones(3))
    )
    assert not value(built(make(3, unit_forget_bias=False)).bias).any()


@pytest.mark.parametrize(("options", "expected"), [({}, -2), ({"gate_bias": -4}, -4)])
def test_transform_gate_of_a_recurrent_highway_starts_closed(options, expected):
    bias = value(built(RecurrentHighwayCell(3, depth=2, **options)).bias)
    np.testing.assert_array_equal(bias, np.tile([0, 0, 0, *[expected] * 3], (2, 1)))


@every_cell
def test_a_cell_without_bias_has_none(name):
    cell = make_cell(name)
    names = {weight.name for weight in built(cell).weights}
    assert cell.use_bias == ("bias" in names)
    if isinstance(cell, JordanCell):
        assert cell.use_bias == ("output_bias" in names)


def test_an_lstm_has_four_times_the_parameters_of_an_elman_network():
    counts = [built(make(7)).count_params() for make in (ElmanCell, LSTMCell)]
    assert counts == [7 * (FEATURES + 7 + 1), 4 * 7 * (FEATURES + 7 + 1)]


@plain_cells
def test_regularizers_reach_their_weights(name):
    kinds = ("kernel", "recurrent", "bias")
    cell = random_cell(name, FEATURES, **{f"{kind}_regularizer": "l2" for kind in kinds})
    layer = Recurrent(cell)
    layer(random_input((STEPS, FEATURES)))
    regularized = {"kernel", "recurrent_kernel", "bias"}
    total = sum(np.sum(w**2) for name, w in weights_of(cell).items() if name in regularized)
    # Those of a Jordan network's output layer, and of a grid's two dimensions.
    more = ("output_kernel", "output_bias", *(f"{d}_{w}" for d in ("time", "depth") for w in kinds))
    total += sum(np.sum(w**2) for name, w in weights_of(cell).items() if name in more)
    np.testing.assert_allclose(sum(value(loss) for loss in layer.losses), 0.01 * total, rtol=1e-5)


# bfloat16 products


@plain_cells
def test_products_in_bfloat16(name):
    exact = random_cell(name, FEATURES)
    rough = random_cell(name, FEATURES, matmul_dtype="bfloat16")
    x = random_input((STEPS, FEATURES))
    with tf.GradientTape() as tape:
        output = Recurrent(rough, return_sequences=True)(x, training=True)
        loss = tf.reduce_sum(output * output)
    difference = np.abs(value(output) - value(Recurrent(exact, return_sequences=True)(x))).max()
    assert 1e-5 < difference < 0.05
    assert {weight.dtype for weight in rough.weights} == {"float32"}
    assert keras.backend.standardize_dtype(output.dtype) == "float32"
    for gradient in tape.gradient(loss, [weight.value for weight in rough.weights]):
        assert gradient.dtype == tf.float32
        assert np.abs(value(gradient)).max() > 1e-4


# Jordan's two forms


@both_drivers
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_teacher_forcing_with_its_own_outputs_is_the_free_network(driver, decay):
    free = random_cell("jordan", FEATURES, decay=decay)
    x = random_input((STEPS, FEATURES))
    y = value(driver(free, return_sequences=True)(x))
    taught = JordanCell(4, 3, decay=decay, teacher_forcing=True)
    taught.build((None, FEATURES + 3))
    taught.set_weights(free.get_weights())
    first = np.broadcast_to(value(free.initial_output), (2, 1, 3))
    previous = np.concatenate([first, y[:, :-1]], axis=1)
    again = driver(taught, return_sequences=True)(np.concatenate([x, previous], axis=-1))
    np.testing.assert_allclose(value(again), y, atol=1e-6)


def test_taught_network_does_not_see_what_comes_later():
    cell = random_cell("jordan_taught", FEATURES)
    layer = Recurrent(cell, return_sequences=True)
    x = random_input((STEPS, FEATURES))
    changed = x.copy()
    changed[:, 2:] += 1
    before, after = value(layer(x)), value(layer(changed))
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    assert np.abs(after[:, 2:] - before[:, 2:]).max() > 0.01


# The courses' worked examples


def one_by_one(cell, xs):
    """Outputs and last states as lists, for a cell that is built, of one sequence."""
    layer = Recurrent(cell, return_sequences=True, return_state=True)
    outputs, *states = layer(np.array([xs], "float32"))
    return value(outputs)[0].tolist(), [value(state)[0].tolist() for state in states]


@pytest.mark.parametrize(
    ("inputs", "hidden", "output"),
    [
        ([1, 1, 2], [2, 6, 16], [4, 12, 32]),
        ([1, 2, 1], [2, 8, 18], [4, 16, 36]),
    ],
)
def test_order_matters_to_an_elman_network(inputs, hidden, output):
    cell = ElmanCell(2, activation="linear", use_bias=False)
    cell.build((None, 2))
    cell.set_weights([np.ones((2, 2)), np.ones((2, 2))])
    outputs, _ = one_by_one(cell, [[x, x] for x in inputs])
    assert outputs == [[h, h] for h in hidden]
    assert (np.array(outputs) @ np.ones((2, 2))).tolist() == [[y, y] for y in output]


@pytest.mark.parametrize(
    ("feedback", "inputs", "expected"),
    [
        (np.eye(2), [1, 1, 2], [4, 12, 32]),
        (np.eye(2), [1, 2, 1], [4, 16, 36]),
        (np.ones((2, 2)), [1, 1, 2], [4, 20, 88]),
    ],
    ids=["identity", "identity_reordered", "ones"],
)
def test_a_jordan_network_feeds_back_its_output(feedback, inputs, expected):
    cell = JordanCell(2, 2, activation="linear", output_activation="linear", use_bias=False)
    cell.build((None, 2))
    ones = np.ones((2, 2))
    weights = {"kernel": ones, "recurrent_kernel": feedback, "output_kernel": ones}
    for weight in cell.weights:
        weight.assign(weights.get(weight.name, np.zeros(weight.shape)))
    outputs, _ = one_by_one(cell, [[x, x] for x in inputs])
    assert outputs == [[y, y] for y in expected]


@pytest.mark.parametrize("make", [LSTMCell, PeepholeLSTMCell])
def test_an_lstm_writes_keeps_reads_and_forgets(make):
    cell = make(1, activation="linear", output_activation="linear")
    cell.build((None, 3))
    for weight in cell.weights:
        weight.assign(np.zeros(weight.shape))
    # Columns i, f, g, o: x2 writes and, negative, forgets; x1 is what is written; x3 reads.
    cell.kernel.assign([[0, 0, 1, 0], [100, 100, 0, 0], [0, 0, 0, 100]])
    cell.bias.assign([-10, 10, 0, -10])
    layer, memory, outputs, states = Recurrent(cell), [], [], None
    for x in [(3, 1, 0), (4, 1, 0), (2, 0, 0), (1, 0, 1), (3, -1, 0)]:
        output, states = layer.step(np.array([x], "float32"), states)
        memory.append(value(states[1]).item())
        outputs.append(value(output).item())
    np.testing.assert_allclose(memory, [3, 7, 7, 7, 0], atol=2e-3)
    np.testing.assert_allclose(outputs, [0, 0, 0, 7, 0], atol=2e-3)


# To and from Keras

KERAS = {
    "elman": (ElmanCell, layers.SimpleRNN, layers.SimpleRNNCell, {"activation": "relu"}),
    "elman_no_bias": (ElmanCell, layers.SimpleRNN, layers.SimpleRNNCell, {"use_bias": False}),
    "lstm": (LSTMCell, layers.LSTM, layers.LSTMCell, {}),
    # Keras has one activation in both of an LSTM's places.
    "lstm_relu": (LSTMCell, layers.LSTM, layers.LSTMCell, {"activation": "relu"}),
    "lstm_no_bias": (
        LSTMCell,
        layers.LSTM,
        layers.LSTMCell,
        {"use_bias": False, "recurrent_activation": "hard_sigmoid"},
    ),
    "gru": (GRUCell, layers.GRU, layers.GRUCell, {"reset_after": False}),
    "gru_after": (GRUCell, layers.GRU, layers.GRUCell, {"reset_after": True}),
    "gru_no_bias": (
        GRUCell,
        layers.GRU,
        layers.GRUCell,
        {"use_bias": False, "activation": "sigmoid", "recurrent_activation": "hard_sigmoid"},
    ),
}


@pytest.mark.parametrize(("make", "layer", "cell", "options"), KERAS.values(), ids=KERAS)
@pytest.mark.parametrize("whole_layer", [True, False], ids=["layer", "cell"])
def test_to_and_from_keras(make, layer, cell, options, whole_layer):
    x = random_input((STEPS, FEATURES))
    theirs = (layer if whole_layer else cell)(4, **options)
    theirs.build((None, STEPS, FEATURES) if whole_layer else (None, FEATURES))
    randomize(theirs)
    expected = value((theirs if whole_layer else layers.RNN(theirs))(x))
    ours = make.from_keras(theirs)
    assert type(ours) is make
    np.testing.assert_allclose(value(Recurrent(ours)(x)), expected, atol=1e-5)
    back = ours.to_keras()
    assert type(back) is cell
    np.testing.assert_allclose(value(layers.RNN(back)(x)), expected, atol=1e-5)
    for one, other in zip(back.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_keras_has_no_cell_for():
    cell = random_cell("lstm_no_bias", FEATURES)
    with pytest.raises(ValueError, match="output_activation"):
        cell.to_keras()


@pytest.mark.parametrize("convert", ["from_keras", "from_torch"])
@pytest.mark.parametrize("make", [ElmanCell, LSTMCell, GRUCell])
def test_conversion_of_something_else(make, convert):
    with pytest.raises(ValueError, match="Dense"):
        getattr(make, convert)(layers.Dense(3))


@pytest.mark.parametrize(
    ("make", "keras_cell"),
    [
        (ElmanCell, layers.SimpleRNNCell),
        (LSTMCell, layers.LSTMCell),
        (GRUCell, layers.GRUCell),
    ],
)
def test_conversion_before_there_are_weights(make, keras_cell):
    ours = make.from_keras(keras_cell(3, dropout=0.25))
    back = ours.to_keras()
    assert (type(ours), ours.built, ours.units, ours.dropout) == (make, False, 3, 0.25)
    assert (type(back), back.built, back.units, back.dropout) == (keras_cell, False, 3, 0.25)


@pytest.mark.parametrize("make", [ElmanCell, LSTMCell, GRUCell])
def test_torch_has_weights_from_the_start(torch, make):
    with pytest.raises(ValueError, match="built"):
        make(3).to_torch()


# To and from PyTorch


@pytest.fixture
def torch():
    if os.environ.get("ZOO_REQUIRE_BACKENDS"):
        import torch

        return torch
    return pytest.importorskip("torch", reason="torch is not installed: make backends")


TORCH = {
    "elman": (ElmanCell, "RNN", {}),
    "elman_relu": (ElmanCell, "RNN", {"nonlinearity": "relu"}),
    "elman_no_bias": (ElmanCell, "RNN", {"bias": False}),
    "lstm": (LSTMCell, "LSTM", {}),
    "lstm_no_bias": (LSTMCell, "LSTM", {"bias": False}),
    "gru": (GRUCell, "GRU", {}),
    "gru_no_bias": (GRUCell, "GRU", {"bias": False}),
}


def run_torch(torch, module, x):
    """All outputs of a module of one layer, or of a cell stepped by hand."""
    with torch.no_grad():
        x = torch.from_numpy(x)
        if isinstance(module, torch.nn.RNNBase):
            batch_first = module.batch_first
            y = module(x if batch_first else x.transpose(0, 1))[0]
            return (y if batch_first else y.transpose(0, 1)).numpy()
        state, outputs = None, []
        for t in range(x.shape[1]):
            state = module(x[:, t], state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
        return torch.stack(outputs, dim=1).numpy()


@pytest.mark.parametrize(("make", "kind", "options"), TORCH.values(), ids=TORCH)
@pytest.mark.parametrize("form", ["time_first", "batch_first", "cell"])
def test_to_and_from_torch(torch, make, kind, options, form):
    torch.manual_seed(0)
    x = random_input((STEPS, FEATURES))
    module = getattr(torch.nn, f"{kind}Cell" if form == "cell" else kind)
    if form == "batch_first":
        options = options | {"batch_first": True}
    theirs = module(FEATURES, 4, **options)
    expected = run_torch(torch, theirs, x)
    ours = make.from_torch(theirs)
    np.testing.assert_allclose(
        value(Recurrent(ours, return_sequences=True)(x)), expected, atol=1e-5
    )
    back = ours.to_torch()
    assert type(back) is getattr(torch.nn, kind)
    assert back.batch_first
    np.testing.assert_allclose(run_torch(torch, back, x), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru_after"])
def test_random_weights_to_torch(torch, name):
    cell = random_cell(name, FEATURES)
    x = random_input((STEPS, FEATURES))
    expected = value(Recurrent(cell, return_sequences=True)(x))
    np.testing.assert_allclose(run_torch(torch, cell.to_torch(), x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("elman_sigmoid", "activation.*sigmoid"),
        ("lstm_sigmoid", "activation.*sigmoid"),
        ("lstm_no_bias", "output_activation"),
        ("gru", "reset_after"),
        ("gru_after_linear", "activation.*linear"),
    ],
)
def test_what_torch_has_no_module_for(torch, name, message):
    with pytest.raises(ValueError, match=message):
        random_cell(name, FEATURES).to_torch()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_layers": 2}, "num_layers"), ({"bidirectional": True}, "bidirectional")],
)
def test_torch_modules_of_one_layer_and_direction_only(torch, options, message):
    for make, kind in ((ElmanCell, "RNN"), (LSTMCell, "LSTM"), (GRUCell, "GRU")):
        with pytest.raises(ValueError, match=message):
            make.from_torch(getattr(torch.nn, kind)(FEATURES, 4, **options))


def test_torch_lstm_with_a_projection(torch):
    with pytest.raises(ValueError, match="proj_size"):
        LSTMCell.from_torch(torch.nn.LSTM(FEATURES, 4, proj_size=2))


# Bad input


@plain_cells
@pytest.mark.parametrize("units", [0, -1, 2.5, True, "3", None])
def test_units_must_be_a_positive_integer(name, units):
    make, sizes, _ = CELLS[name]
    with pytest.raises(ValueError, match=f"units must be a positive integer, got {units!r}"):
        make(units, *sizes[1:])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JordanCell(4, 0), "outputs .*got 0"),
        (lambda: RecurrentHighwayCell(4, depth=0), "depth .*got 0"),
        (lambda: ElmanCell(4, dropout=1.5), "dropout .*got 1.5"),
        (lambda: LSTMCell(4, recurrent_dropout=-0.1), "recurrent_dropout .*got -0.1"),
    ],
)
def test_bad_argument(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("features", [2, 3])
def test_teacher_forcing_needs_an_input_wider_than_the_outputs(features):
    cell = JordanCell(4, 3, teacher_forcing=True)
    with pytest.raises(ValueError, match=rf"teacher.forcing.*\(.*{features}\)"):
        Recurrent(cell)(random_input((STEPS, features)))


@plain_cells
def test_recurrent_dropout_needs_the_driver(name):
    layer = layers.RNN(random_cell(name, FEATURES, recurrent_dropout=0.5))
    x = random_input((STEPS, FEATURES))
    layer(x, training=False)
    with pytest.raises(ValueError, match="recurrent_dropout"):
        layer(x, training=True)
