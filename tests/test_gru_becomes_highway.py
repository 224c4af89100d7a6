"""A GRU turns into a Highway network, step by step: docs/gru_becomes_highway.md."""

import keras
import numpy as np
import pytest
from conformance import value

from zoo.cells import GRUCell, RecurrentHighwayCell
from zoo.layers import HighwayStack, Recurrent

DEPTH, UNITS, BATCH = 6, 5, 4
OPEN = 1e9  # as the logit of a gate: exactly 1


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def random_cell(seed, reset_gate=True, inputs=3):
    """A GRU cell whose weights are all different."""
    cell = GRUCell(UNITS, name=f"layer_{seed}")
    cell.build((None, inputs))
    rng = np.random.default_rng(seed)
    kernel, recurrent_kernel, bias = (rng.normal(scale=0.7, size=w.shape) for w in cell.weights)
    if not reset_gate:
        bias[UNITS : 2 * UNITS] = OPEN
    cell.set_weights([kernel, recurrent_kernel, bias])
    return cell


def parts(weight):
    """A weight's columns for z, r and h."""
    return np.split(value(weight), 3, axis=-1)


def first_state(seed=100):
    return np.random.default_rng(seed).normal(size=(BATCH, UNITS)).astype("float32")


def without_input(cells, a):
    """The states after each of the cells, none of which has an input."""
    states = []
    for cell in cells:
        nothing = cell.project(np.zeros((BATCH, cell.kernel.shape[0]), "float32"))
        _, [a] = cell.step(cell.params(), {}, nothing, [a])
        states.append(a)
    return states


def close(one, other):
    np.testing.assert_allclose(value(one), value(other), atol=1e-6)


def gru_without_input(cell, a, steps):
    """Equations of step 1, in float64."""
    (u_z, u_r, u_h), (b_z, b_r, b_h) = parts(cell.recurrent_kernel), parts(cell.bias)
    for _ in range(steps):
        z = sigmoid(a @ u_z + b_z)
        r = sigmoid(a @ u_r + b_r)
        g = np.tanh((r * a) @ u_h + b_h)
        a = z * a + (1 - z) * g
    return a


def test_1_without_input_the_state_is_all_that_a_step_sees():
    cell, a = random_cell(0), first_state()
    last = without_input([cell] * DEPTH, a)[-1]
    close(last, gru_without_input(cell, a.astype("float64"), DEPTH))

    # The weights on the input are not used any more.
    _, *others = cell.get_weights()
    cell.set_weights([np.full(cell.kernel.shape, 7.0), *others])
    close(last, without_input([cell] * DEPTH, a)[-1])


def test_1_with_an_input_it_is_another_thing():
    cell, a = random_cell(0), first_state()
    x = np.ones((BATCH, DEPTH, 3), "float32")
    with_input = Recurrent(cell)(x, initial_state=[a])
    assert np.abs(value(with_input) - value(without_input([cell] * DEPTH, a)[-1])).max() > 0.1


def test_2_without_outputs_only_the_last_state_is_read():
    cell, a = random_cell(0), first_state()
    nothing = np.zeros((BATCH, DEPTH, 3), "float32")
    states = without_input([cell] * DEPTH, a)
    every = Recurrent(cell, return_sequences=True)(nothing, initial_state=[a])
    last = Recurrent(cell)(nothing, initial_state=[a])
    close(every, np.stack([value(state) for state in states], axis=1))
    close(last, states[-1])


def test_3_without_reset_gate_the_candidate_sees_the_whole_state():
    cell, a = random_cell(0, reset_gate=False), first_state()
    (u_z, _, u_h), (b_z, _, b_h) = parts(cell.recurrent_kernel), parts(cell.bias)
    expected = a.astype("float64")
    for _ in range(DEPTH):
        z = sigmoid(expected @ u_z + b_z)
        expected = z * expected + (1 - z) * np.tanh(expected @ u_h + b_h)
    last = without_input([cell] * DEPTH, a)[-1]
    close(last, expected)
    with_reset_gate = without_input([random_cell(0)] * DEPTH, a)[-1]
    assert np.abs(value(last) - value(with_reset_gate)).max() > 0.1


def test_4_tied_weights_are_a_stack_of_equal_layers():
    cell, a = random_cell(0, reset_gate=False), first_state()
    close(without_input([cell] * DEPTH, a)[-1], highway([cell] * DEPTH, "carry")(a))


def highway(cells, gate):
    """The Highway stack whose layers are GRU cells without an input and without a reset gate."""
    u_z, _, u_h = np.split(np.stack([value(c.recurrent_kernel) for c in cells]), 3, axis=-1)
    b_z, _, b_h = np.split(np.stack([value(c.bias) for c in cells]), 3, axis=-1)
    sign = -1 if gate == "transform" else 1
    stack = HighwayStack(len(cells), activation="tanh", gate=gate)
    stack.build((None, UNITS))
    stack.set_weights([u_h, b_h, sign * u_z, sign * b_z])
    return stack


@pytest.mark.parametrize("gate", ["carry", "transform"])
def test_4_and_5_untied_weights_and_the_gate_turned_round(gate):
    cells = [random_cell(seed, reset_gate=False) for seed in range(DEPTH)]
    a = first_state()
    last = without_input(cells, a)[-1]
    close(last, highway(cells, gate)(a))
    assert np.abs(value(last) - a).max() > 0.1


def test_5_the_transform_gate_is_one_minus_z():
    cell, a = random_cell(0, reset_gate=False), first_state()
    (u_z, _, u_h), (b_z, _, b_h) = parts(cell.recurrent_kernel), parts(cell.bias)
    t = sigmoid(a @ -u_z - b_z)
    np.testing.assert_allclose(t, 1 - sigmoid(a @ u_z + b_z), atol=1e-6)
    close(without_input([cell], a)[-1], np.tanh(a @ u_h + b_h) * t + a * (1 - t))


def test_one_layer_at_each_step_of_time_is_the_recurrent_highway_cell():
    gru = random_cell(0, reset_gate=False)
    highway_cell = RecurrentHighwayCell(UNITS, depth=1)
    highway_cell.build((None, 3))
    (w_z, _, w_h), (u_z, _, u_h) = parts(gru.kernel), parts(gru.recurrent_kernel)
    b_z, _, b_h = parts(gru.bias)
    highway_cell.set_weights(
        [
            np.concatenate([w_h, -w_z], axis=-1),
            np.concatenate([u_h, -u_z], axis=-1)[None],
            np.concatenate([b_h, -b_z], axis=-1)[None],
        ]
    )
    x = np.random.default_rng(1).normal(size=(BATCH, DEPTH, 3)).astype("float32")
    start = keras.ops.convert_to_tensor(first_state())
    close(
        Recurrent(gru)(x, initial_state=[start]),
        Recurrent(highway_cell)(x, initial_state=[start]),
    )
