"""The drivers against keras.layers.RNN and Bidirectional, and what they have besides."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from conformance import (
    PLAIN_CELLS,
    make_cell,
    random_cell,
    random_input,
    randomize,
    recurrent,
    value,
)
from keras import layers

from zoo.cells import ElmanCell, GRUCell, JordanCell, LSTMCell, PeepholeLSTMCell
from zoo.layers import Bidirectional, Recurrent, tensorflow_loop

FEATURES = 5
STEPS = 7

# Every kind of mask, one a sequence: nothing, padding on either side, gaps, everything.
MASK = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 1, 1],
        [0, 1, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    bool,
)
BATCH = len(MASK)

plain_cells = pytest.mark.parametrize("name", PLAIN_CELLS)
two_cells = pytest.mark.parametrize("name", ["lstm", "jordan"])
masked_or_not = pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
both = partial(pytest.mark.parametrize, argvalues=[False, True])


def sequences(steps=STEPS):
    return np.random.default_rng(1).normal(size=(BATCH, steps, FEATURES)).astype("float32")


def flat(results):
    """Outputs and states of a layer, in whatever form, as a list of arrays."""
    return [value(tensor) for tensor in tf.nest.flatten(results)]


def assert_same(ours, theirs, tolerance=1e-5):
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance)


def random_states(sizes, seed=3):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(BATCH, size)).astype("float32") for size in sizes]


def gradients_of(layer, x, cells, **call):
    """Of a loss that sees every output and state, by weight."""
    with tf.GradientTape() as tape:
        results = tf.nest.flatten(layer(x, training=True, **call))
        loss = sum(tf.reduce_sum(tf.sin(i + 1.0) * tf.sin(y)) for i, y in enumerate(results))
        loss += sum(tf.reduce_sum(y**2) for y in results)
    return tape.gradient(loss, [weight.value for cell in cells for weight in cell.weights])


# Options of Recurrent: the same cell under keras.layers.RNN


@two_cells
@masked_or_not
@both("return_sequences")
@both("go_backwards")
@both("zero_output_for_mask")
def test_options_are_those_of_keras(
    name, mask, return_sequences, go_backwards, zero_output_for_mask
):
    cell = random_cell(name, FEATURES)
    options = {
        "return_sequences": return_sequences,
        "return_state": True,
        "go_backwards": go_backwards,
        "zero_output_for_mask": zero_output_for_mask,
    }
    call = {"mask": mask, "initial_state": random_states(cell.state_size)}
    x = sequences()
    expected = layers.RNN(cell, **options)(x, **call)
    assert_same(Recurrent(cell, **options)(x, **call), expected)
    # Keras itself mixes up the mask of a reversed sequence where it unrolls.
    assert_same(Recurrent(cell, unroll=True, **options)(x, **call), expected)


@two_cells
@masked_or_not
@both("go_backwards")
def test_gradients_are_those_of_keras(name, mask, go_backwards):
    cell = random_cell(name, FEATURES)
    x = sequences()
    options = {"return_sequences": True, "return_state": True, "go_backwards": go_backwards}
    theirs, *ours = (
        gradients_of(layer, x, [cell], mask=mask)
        for layer in (
            layers.RNN(cell, **options),
            Recurrent(cell, **options),
            Recurrent(cell, unroll=True, **options),
        )
    )
    for gradients in ours:
        assert_same(gradients, theirs, 1e-4)


@two_cells
@both("return_sequences")
@both("return_state")
def test_what_is_returned(name, return_sequences, return_state):
    cell = random_cell(name, FEATURES)
    options = {"return_sequences": return_sequences, "return_state": return_state}
    x = sequences()
    ours, theirs = Recurrent(cell, **options)(x), layers.RNN(cell, **options)(x)
    assert isinstance(ours, (list, tuple)) == return_state
    assert_same(ours, theirs)
    if return_state:
        assert len(ours) == 1 + len(cell.state_size)


@pytest.mark.parametrize(
    ("width", "dtype", "spaced_width"),
    [
        (512, "float32", 528),
        (1000, "float32", 1000),
        (1024, "float32", 1040),
        (512, "bfloat16", 512),
        (1024, "bfloat16", 1056),
    ],
)
def test_rows_do_not_lie_a_power_of_two_apart(width, dtype, spaced_width):
    spaced = tensorflow_loop.spaced(tf.ones((2, 3, width), dtype))
    assert spaced.shape == (2, 3, spaced_width)
    assert value(keras.ops.sum(spaced[0, 0], -1, keepdims=True)) == width


@pytest.mark.parametrize("shape", [(), (512,), (1, 512), (3, 1, 512)])
def test_what_is_no_kernel_is_not_spaced(shape):
    assert tensorflow_loop.spaced(tf.ones(shape)).shape == shape


@pytest.mark.parametrize("name", [*PLAIN_CELLS, "grid_untied"])
def test_spaced_kernels_give_the_same(monkeypatch, name):
    """Wherever a width would make products slow, columns of zeros are put behind the kernel's."""

    def outputs_and_gradients(line):
        monkeypatch.setattr("zoo.layers.tensorflow_loop.CACHE_LINE", line)
        layer = Recurrent(random_cell(name, FEATURES), return_sequences=True, return_state=True)
        x = sequences()
        return layer(x, mask=MASK), gradients_of(layer, x, layer.cells, mask=MASK)

    # A float is 4 bytes: every width is a multiple of it.
    monkeypatch.setattr("zoo.layers.tensorflow_loop.SLOW_STRIDE", 4)
    plain, wide = (outputs_and_gradients(line) for line in (0, 12))
    assert_same(plain, wide, tolerance=1e-6)


@plain_cells
def test_any_length(name):
    cell = random_cell(name, FEATURES)
    ours, theirs = (driver(cell, return_sequences=True) for driver in (Recurrent, layers.RNN))
    unknown = tf.function(ours, input_signature=[tf.TensorSpec((None, None, FEATURES))])
    for steps in (1, 2, 3, 7, 33):
        expected = theirs(sequences(steps))
        assert_same(ours(sequences(steps)), expected)
        assert_same(unknown(sequences(steps)), expected)


@pytest.mark.parametrize("batch", [1, 33])
@pytest.mark.parametrize("kind", ["jordan", "both directions"])
def test_a_batch_of_any_size(kind, batch):
    options = {"return_sequences": True, "return_state": True}
    if kind == "jordan":
        cell = random_cell("jordan", FEATURES)
        ours, theirs = (driver(cell, **options) for driver in (Recurrent, layers.RNN))
    else:
        ours, theirs = directions(make_cell("gru"), **options)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(batch, STEPS, FEATURES)).astype("float32")
    mask = rng.random((batch, STEPS)) < 0.7

    def run(layer, x, mask):
        return [*layer(x, mask=mask), *gradients_of(layer, x, [layer], mask=mask)]

    expected = run(theirs, x, mask)
    assert_same(run(ours, x, mask), expected, 1e-3)
    shapes = [tf.TensorSpec((None, STEPS, FEATURES)), tf.TensorSpec((None, STEPS), tf.bool)]
    unknown = tf.function(partial(run, ours), input_signature=shapes)
    assert_same(unknown(x, mask), expected, 1e-3)


def test_one_model_takes_sequences_of_all_lengths():
    cell = random_cell("peephole", FEATURES)
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, Recurrent(cell, return_sequences=True)(inputs))
    assert model.output_shape == (None, None, 4)
    for steps in (1, 2, 7, 33):
        x = sequences(steps)
        expected = value(layers.RNN(cell, return_sequences=True)(x))
        np.testing.assert_allclose(model.predict_on_batch(x), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "masked"), [("jordan", False), ("peephole", True)])
def test_a_step_of_training_is_that_of_keras(name, masked):
    x = sequences()
    target = np.random.default_rng(2).normal(size=(BATCH, STEPS, make_cell(name).output_size))
    x[~MASK] = 9.0
    trained = []
    for driver in (Recurrent, layers.RNN):
        cell = random_cell(name, FEATURES)
        before = cell.get_weights()
        model = keras.Sequential([keras.Input((None, FEATURES))])
        if masked:
            model.add(layers.Masking(9.0))
        model.add(driver(cell, return_sequences=True))
        model.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
        model.train_on_batch(x, target)
        trained.append(cell.get_weights())
    assert_same(*trained)
    moves = [np.abs(a - b).max() for a, b in zip(*trained[:1], before, strict=True)]
    assert min(moves) > 1e-4


# Masks


def lengths_to_mask(lengths):
    return np.arange(STEPS) < np.array(lengths)[:, None]


@two_cells
@both("go_backwards")
def test_padded_sequences_are_as_good_as_short_ones(name, go_backwards):
    layer = Recurrent(random_cell(name, FEATURES), go_backwards=go_backwards, return_state=True)
    x, lengths = sequences(), [7, 1, 4, 6, 2]
    padded = layer(x, mask=lengths_to_mask(lengths))
    for i, length in enumerate(lengths):
        short = layer(x[i : i + 1, :length])
        assert_same([y[i : i + 1] for y in padded], short, 1e-6)


@two_cells
def test_a_mask_comes_from_the_layer_before(name):
    cell = make_cell(name)
    ids = np.array([[3, 1, 2, 0, 0], [0, 4, 0, 2, 1]])
    embedding = layers.Embedding(5, FEATURES, mask_zero=True)
    model = randomize(
        keras.Sequential([keras.Input((None,)), embedding, Recurrent(cell, return_sequences=True)])
    )
    expected = layers.RNN(cell, return_sequences=True)(value(embedding(ids)), mask=ids != 0)
    np.testing.assert_allclose(model.predict_on_batch(ids), value(expected), atol=1e-5)

    x = value(embedding(ids)).copy()
    x[ids == 0] = 9.0
    masking = keras.Sequential([keras.Input((5, FEATURES)), layers.Masking(9.0), *model.layers[1:]])
    np.testing.assert_allclose(value(masking(x)), value(expected), atol=1e-5)


@pytest.mark.parametrize("make", [Recurrent, Bidirectional])
def test_a_mask_from_the_layer_before_beside_states(make):
    """Keras names a mask otherwise where a call has more tensors than one."""
    ids = np.array([[3, 1, 2, 0, 0], [0, 4, 0, 2, 1]])
    embedding = layers.Embedding(5, FEATURES, mask_zero=True)
    layer = make(random_cell("gru", FEATURES))
    given = [state[:2] for state in random_states(layer.state_size)]
    x = embedding(ids)
    expected = value(layer(value(x), initial_state=given, mask=ids != 0))
    np.testing.assert_allclose(value(layer(x, initial_state=given)), expected, atol=1e-6)
    assert np.abs(value(layer(value(x), initial_state=given)) - expected).max() > 1e-3
    inputs = [keras.Input((5,)), *(keras.Input((size,)) for size in layer.state_size)]
    model = keras.Model(inputs, layer(embedding(inputs[0]), initial_state=inputs[1:]))
    np.testing.assert_allclose(model.predict_on_batch([ids, *given]), expected, atol=1e-6)


def test_a_mask_goes_to_the_layer_after():
    ids = np.array([[3, 1, 2, 0, 0]])
    inputs = keras.Input((None,))
    x = layers.Embedding(5, FEATURES, mask_zero=True)(inputs)
    for layer in (recurrent("gru", return_sequences=True), Bidirectional(make_cell("gru"))):
        layer.return_sequences = True
        mask = layer.compute_mask(x, tf.constant(ids != 0))
        np.testing.assert_array_equal(value(mask), ids != 0)
        layer.return_sequences = False
        assert layer.compute_mask(x, tf.constant(ids != 0)) is None


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_a_mask_of_numbers(dtype):
    layer = Recurrent(random_cell("gru", FEATURES))
    x, mask = sequences(), MASK
    assert_same(layer(x, mask=mask.astype(dtype)), layer(x, mask=mask), 0)


def test_masked_inputs_do_not_count_whatever_they_are():
    cell = random_cell("lstm", FEATURES)
    layer = Recurrent(cell, return_sequences=True)
    x, mask = sequences(), MASK
    wild = np.where(mask[..., None], x, 1e6).astype("float32")
    assert_same(layer(wild, mask=mask), layer(x, mask=mask), 0)
    for one, other in zip(
        gradients_of(layer, wild, [cell], mask=mask),
        gradients_of(layer, x, [cell], mask=mask),
        strict=True,
    ):
        np.testing.assert_allclose(value(one), value(other), atol=1e-5)


# States


@two_cells
@both("go_backwards")
def test_stateful(name, go_backwards):
    cell = random_cell(name, FEATURES)
    x = sequences()
    options = {"return_sequences": True, "go_backwards": go_backwards}
    ours = Recurrent(cell, stateful=True, **options)
    theirs = layers.RNN(cell, stateful=True, **options)
    once = value(ours(x))
    np.testing.assert_allclose(once, value(theirs(x)), atol=1e-5)
    again = value(ours(x))
    np.testing.assert_allclose(again, value(theirs(x)), atol=1e-5)
    assert np.abs(again - once).max() > 0.01
    # Keras's own reset makes zeros of what Jordan's has learned.
    ours.reset_state()
    np.testing.assert_allclose(value(ours(x)), once, atol=1e-6)


@plain_cells
def test_stateful_walks_a_sequence_in_parts(name):
    cell = random_cell(name, FEATURES)
    x = sequences()
    layer = Recurrent(cell, stateful=True, return_sequences=True)
    parts = [value(layer(part)) for part in (x[:, :3], x[:, 3:4], x[:, 4:])]
    whole = Recurrent(cell, return_sequences=True)(x)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), value(whole), atol=1e-6)


def test_stateful_predict():
    cell = random_cell("jordan", FEATURES)
    inputs = keras.Input(batch_shape=(BATCH, 3, FEATURES))
    layer = Recurrent(cell, stateful=True, return_sequences=True)
    model = keras.Model(inputs, layer(inputs))
    layer.reset_state()
    x = sequences(6)
    parts = [model.predict_on_batch(part) for part in (x[:, :3], x[:, 3:])]
    whole = Recurrent(cell, return_sequences=True)(x)
    np.testing.assert_allclose(np.concatenate(parts, axis=1), value(whole), atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(model.predict_on_batch(x[:, :3]), parts[0], atol=1e-6)


def test_reset_follows_what_was_learned():
    cell = random_cell("jordan", FEATURES)
    layer = Recurrent(cell, stateful=True)
    x = sequences()
    layer(x)
    cell.initial_output.assign([1.0, -2.0, 3.0])
    layer.reset_state()
    assert_same(layer(x), Recurrent(cell)(x), 1e-6)


@plain_cells
def test_states_of_one_part_start_the_next(name):
    layer = Recurrent(random_cell(name, FEATURES), return_sequences=True, return_state=True)
    x = sequences()
    whole, *last = layer(x)
    first, *states = layer(x[:, :4])
    second, *last_of_second = layer(x[:, 4:], initial_state=states)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), value(whole), atol=1e-6)
    assert_same(last_of_second, last, 1e-6)


def test_initial_state_of_a_functional_model():
    cell = random_cell("lstm", FEATURES)
    inputs, states = keras.Input((None, FEATURES)), [keras.Input((4,)), keras.Input((4,))]
    model = keras.Model([inputs, *states], Recurrent(cell)(inputs, initial_state=states))
    x, given = sequences(), random_states([4, 4])
    expected = layers.RNN(cell)(x, initial_state=given)
    np.testing.assert_allclose(model.predict_on_batch([x, *given]), value(expected), atol=1e-5)


@plain_cells
def test_streaming_is_the_sequence(name):
    layer = Recurrent(random_cell(name, FEATURES), return_sequences=True, return_state=True)
    x = sequences()
    expected, *last = layer(x)
    states, outputs = None, []
    for t in range(STEPS):
        output, states = layer.step(x[:, t], states)
        outputs.append(value(output))
    np.testing.assert_allclose(np.stack(outputs, axis=1), value(expected), atol=1e-6)
    assert_same(states, last, 1e-6)


@pytest.mark.parametrize("made_once", [False, True])
def test_streaming_through_a_stack(made_once):
    layer = deep()
    x = sequences()
    layer(x)
    params = layer.params() if made_once else None
    states, outputs = None, []
    for t in range(STEPS):
        output, states = layer.step(x[:, t], states, params)
        outputs.append(value(output))
    whole, *last = layer(x)
    np.testing.assert_allclose(np.stack(outputs, axis=1), value(whole), atol=1e-6)
    assert_same(states, last, 1e-6)


def test_steps_go_by_the_params_they_are_given():
    layer = Recurrent(random_cell("gru", FEATURES))
    x, before = random_input((FEATURES,)), [random_states([4])[0][:2]]
    with pytest.raises(ValueError, match=r"params: .* has no weights before"):
        layer.params()
    first, _ = layer.step(x, before)
    [params] = layer.params()
    other = [{name: 2 * tensor for name, tensor in params.items()}]
    second, _ = layer.step(x, before, other)
    assert np.abs(value(first) - value(second)).max() > 1e-3
    np.testing.assert_array_equal(value(layer.step(x, before, [params])[0]), value(first))


def test_streaming_alone_builds_the_layer():
    output, states = recurrent("lstm").step(random_input((FEATURES,)))
    assert tuple(output.shape) == (2, 4)
    assert len(states) == 2


# A list of cells


def deep(**options):
    options = {"return_sequences": True, "return_state": True} | options
    layer = Recurrent([LSTMCell(6), JordanCell(4, 3), GRUCell(2)], **options)
    layer.build((None, STEPS, FEATURES))
    return randomize(layer)


@masked_or_not
@both("return_sequences")
def test_a_list_of_cells_is_a_stack_of_layers(mask, return_sequences):
    layer = deep(return_sequences=return_sequences)
    y = x = sequences()
    states = []
    for i, cell in enumerate(layer.cells):
        options = {"return_sequences": return_sequences or i < 2, "return_state": True}
        y, *last = Recurrent(cell, **options)(y, mask=mask)
        states += last
    assert_same(layer(x, mask=mask), [y, *states])


def test_gradients_of_a_stack():
    layer, x = deep(), sequences()
    keras_layers = [
        layers.RNN(cell, return_sequences=True, return_state=True) for cell in layer.cells
    ]

    def chain(y, training):
        states = []
        for one in keras_layers:
            y, *last = one(y, training=training)
            states += last
        return [y, *states]

    assert_same(gradients_of(layer, x, layer.cells), gradients_of(chain, x, layer.cells), 1e-4)


def test_states_of_a_stack_are_a_flat_list():
    layer, x = deep(), sequences()
    whole, *last = layer(x)
    first, *states = layer(x[:, :4])
    assert [tuple(state.shape) for state in states] == [(BATCH, n) for n in (6, 6, 3, 2)]
    second, *last_of_second = layer(x[:, 4:], initial_state=states)
    np.testing.assert_allclose(np.concatenate([first, second], axis=1), value(whole), atol=1e-6)
    assert_same(last_of_second, last, 1e-6)


def test_stateful_stack():
    plain = deep(return_state=False)
    layer = Recurrent(plain.cells, return_sequences=True, stateful=True)
    x = sequences()
    parts = [value(layer(part)) for part in (x[:, :3], x[:, 3:])]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), value(plain(x)), atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(value(layer(x[:, :3])), parts[0], atol=1e-6)


# Both directions


def directions(cell, **options):
    """Bidirectional of the zoo and of Keras, of the same random weights."""
    shape = (BATCH if options.get("stateful") else None, STEPS, FEATURES)
    ours = Bidirectional(cell, **options)
    ours.build(shape)
    randomize(ours)
    merge_mode = options.pop("merge_mode", "concat")
    theirs = layers.Bidirectional(layers.RNN(cell, **options), merge_mode=merge_mode)
    theirs.build(shape)
    theirs.set_weights(ours.get_weights())
    return ours, theirs


@plain_cells
@masked_or_not
@both("return_sequences")
def test_bidirectional_is_that_of_keras(name, mask, return_sequences):
    ours, theirs = directions(make_cell(name), return_sequences=return_sequences, return_state=True)
    x = sequences()
    expected = theirs(x, mask=mask)
    assert_same(ours(x, mask=mask), expected)
    output = value(expected[0])
    assert np.abs(np.diff(np.split(output, 2, axis=-1), axis=0)).max() > 0.01


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
@pytest.mark.parametrize("options", [{"return_sequences": True}, {"return_state": True}])
def test_merge_modes(merge_mode, options):
    ours, theirs = directions(make_cell("lstm"), merge_mode=merge_mode, **options)
    x = sequences()
    assert_same(ours(x, mask=MASK), theirs(x, mask=MASK))


@pytest.mark.parametrize("name", ["jordan", "peephole", "gru"])
@both("masked")
def test_gradients_of_both_directions_are_those_of_keras(name, masked):
    ours, theirs = directions(make_cell(name), return_sequences=True, return_state=True)
    x, mask = sequences(), MASK if masked else None
    assert_same(
        gradients_of(ours, x, [ours], mask=mask), gradients_of(theirs, x, [theirs], mask=mask), 1e-4
    )


def test_both_directions_of_any_length():
    ours, theirs = directions(make_cell("peephole"), return_sequences=True)
    unknown = tf.function(ours, input_signature=[tf.TensorSpec((None, None, FEATURES))])
    for steps in (1, 2, 3, 33):
        expected = theirs(sequences(steps))
        assert_same(ours(sequences(steps)), expected)
        assert_same(unknown(sequences(steps)), expected)


def test_initial_states_of_both_directions():
    ours, theirs = directions(make_cell("lstm"), return_sequences=True, return_state=True)
    x, states = sequences(), random_states([4, 4, 4, 4])
    assert_same(ours(x, initial_state=states), theirs(x, initial_state=states))


def test_stateful_in_both_directions():
    ours, theirs = directions(make_cell("lstm"), stateful=True)
    x = sequences()
    for _ in range(2):
        assert_same(ours(x), theirs(x))
    ours.reset_state()
    theirs.reset_state()
    assert_same(ours(x), theirs(x))


def test_padded_sequences_are_as_good_as_short_ones_in_both_directions():
    ours, _ = directions(make_cell("gru"), return_sequences=True)
    x, lengths = sequences(), [7, 1, 4, 6, 2]
    padded = value(ours(x, mask=lengths_to_mask(lengths)))
    for i, length in enumerate(lengths):
        short = value(ours(x[i : i + 1, :length]))
        np.testing.assert_allclose(padded[i : i + 1, :length], short, atol=1e-6)


def test_the_directions_start_from_weights_of_their_own():
    keras.utils.set_random_seed(0)
    layer = Bidirectional(make_cell("lstm"))
    layer.build((None, STEPS, FEATURES))
    weights = layer.get_weights()
    assert len(weights) == 6
    for one, other in zip(weights[:2], weights[3:5], strict=True):
        assert one.shape == other.shape
        assert not np.array_equal(one, other)


# Dropout


def passes(weight_on_input, weight_on_state, **options):
    """A linear Elman layer that shows its masks: kernels are multiples of the identity."""
    cell = ElmanCell(50, activation="linear", use_bias=False, **options)
    layer = Recurrent(cell, return_sequences=True)
    layer.build((None, STEPS, 50))
    cell.set_weights([weight_on_input * np.eye(50), weight_on_state * np.eye(50)])
    return layer


def test_inputs_are_dropped_alike_at_every_step():
    x = np.ones((20, STEPS, 50), "float32")
    layer = passes(1, 0, dropout=0.25)
    y = value(layer(x, training=True))
    np.testing.assert_array_equal(y, y[:, :1] * np.ones((STEPS, 1)))
    mask = y[:, 0]
    assert set(np.unique(mask.round(4))) == {0, np.float32(4 / 3).round(4)}
    assert 0.2 < (mask == 0).mean() < 0.3
    assert not np.array_equal(mask[0], mask[1])
    assert not np.array_equal(value(layer(x, training=True))[:, 0], mask)
    np.testing.assert_array_equal(value(layer(x, training=False)), x)
    np.testing.assert_array_equal(value(layer(x)), x)


def test_states_are_dropped_alike_at_every_step():
    x = np.zeros((20, STEPS, 50), "float32")
    start = [np.ones((20, 50), "float32")]
    layer = passes(0, 1, recurrent_dropout=0.5)
    y = value(layer(x, initial_state=start, training=True))
    mask = y[:, 0]
    assert set(np.unique(mask)) == {0, 2}
    assert 0.4 < (mask == 0).mean() < 0.6
    for t in range(STEPS):
        np.testing.assert_array_equal(y[:, t], mask ** (t + 1))
    assert not np.array_equal(value(layer(x, initial_state=start, training=True))[:, 0], mask)
    np.testing.assert_array_equal(value(layer(x, initial_state=start, training=False)), 1)


@plain_cells
@pytest.mark.parametrize("kind", ["dropout", "recurrent_dropout"])
def test_dropout_is_of_training_and_follows_its_seed(name, kind):
    def dropping(seed):
        cell = random_cell(name, FEATURES, **{kind: 0.5}, seed=seed)
        layer = Recurrent(cell, return_sequences=True)
        return lambda training: value(layer(sequences(), training=training))

    run = dropping(1)
    first, second, still = run(True), run(True), run(False)
    assert np.abs(first - still).max() > 1e-3
    assert np.abs(first - second).max() > 1e-3
    undropped = Recurrent(random_cell(name, FEATURES), return_sequences=True)(sequences())
    np.testing.assert_allclose(still, value(undropped), atol=1e-6)
    np.testing.assert_array_equal(dropping(1)(True), first)
    assert np.abs(dropping(2)(True) - first).max() > 1e-3


def test_the_directions_drop_differently():
    cell = ElmanCell(50, activation="linear", use_bias=False, dropout=0.5)
    layer = Bidirectional(cell, merge_mode=None, return_sequences=True)
    layer.build((None, STEPS, 50))
    layer.set_weights([np.eye(50), np.zeros((50, 50))] * 2)
    x = np.ones((20, STEPS, 50), "float32")
    forward, backward = (value(y) for y in layer(x, training=True))
    for y in (forward, backward):
        assert set(np.unique(y)) == {0, 2}
        np.testing.assert_array_equal(y, y[:, :1] * np.ones((STEPS, 1)))
    assert not np.array_equal(forward, backward)


@pytest.mark.parametrize("kind", ["dropout", "recurrent_dropout"])
def test_dropout_reaches_the_gradient(kind):
    cell = ElmanCell(50, activation="linear", use_bias=False, **{kind: 0.5}, seed=1)
    layer = Recurrent(cell)
    layer.build((None, 2, 50))
    cell.set_weights([np.eye(50), np.eye(50)])
    x = np.ones((1, 2, 50), "float32")
    with tf.GradientTape() as tape:
        inputs = tf.constant(x)
        tape.watch(inputs)
        y = layer(inputs, training=True)
    gradient = value(tape.gradient(y, inputs))[0]
    # y = m x2 + m x1 where inputs are dropped, and x2 + m x1 where the state is.
    expected = value(y)[0] / 2 if kind == "dropout" else value(y)[0] - 1
    np.testing.assert_array_equal(gradient[0], expected)
    assert set(np.unique(expected)) == {0, 2}


# Size of the graph


def nodes(make, steps):
    """Number of nodes of the graph of a step of training, those of its loops too."""
    layer = make()
    layer.build((None, steps, FEATURES))

    def run(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(x, training=True) ** 2)
        return tape.gradient(loss, [weight.value for weight in layer.trainable_weights])

    graph = tf.function(run).get_concrete_function(tf.TensorSpec((2, steps, FEATURES)))
    definition = graph.graph.as_graph_def()
    return len(definition.node) + sum(len(f.node_def) for f in definition.library.function)


@pytest.mark.parametrize(
    "make",
    [
        partial(recurrent, "peephole", return_sequences=True),
        lambda: Bidirectional(make_cell("gru")),
        lambda: Recurrent([LSTMCell(3), JordanCell(4, 3)]),
    ],
    ids=["one", "both_directions", "deep"],
)
def test_graph_does_not_grow_with_the_steps(make):
    # 509 is no multiple of anything, which may cost a few nodes.
    assert nodes(make, 509) <= 1.05 * nodes(make, 64)


# Bad input


@pytest.mark.parametrize("make", [Recurrent, Bidirectional])
@pytest.mark.parametrize(
    ("shape", "call", "message"),
    [
        ((FEATURES,), {}, r"\(2, 5\)"),
        ((STEPS, 2, FEATURES), {}, r"\(2, 7, 2, 5\)"),
        ((0, FEATURES), {}, r"\(2, 0, 5\)"),
        ((STEPS, FEATURES), {"mask": np.ones((2, STEPS + 1), bool)}, r"mask.*\(2, 8\)"),
        ((STEPS, FEATURES), {"mask": np.ones((3, STEPS), bool)}, r"mask.*\(3, 7\)"),
        ((STEPS, FEATURES), {"mask": np.ones(STEPS, bool)}, r"mask.*\(7,\)"),
        ((STEPS, FEATURES), {"initial_state": [np.ones((2, 4))]}, r"initial_state.*\[\(2, 4\)\]"),
        (
            (STEPS, FEATURES),
            {"initial_state": [np.ones((2, 4))] * 5},
            r"initial_state.*(\(2, 4\), ){4}",
        ),
        (
            (STEPS, FEATURES),
            {"initial_state": [np.ones((2, 5))] * 4},
            r"initial_state.*\(2, 5\)|initial_state.*\b4\b",
        ),
    ],
    ids=[
        "rank_2",
        "rank_4",
        "length_0",
        "long_mask",
        "tall_mask",
        "flat_mask",
        "few_states",
        "many_states",
        "wide_states",
    ],
)
def test_bad_call(make, shape, call, message):
    layer = make(make_cell("lstm"))
    with pytest.raises(ValueError, match=message):
        layer(random_input(shape), **call)


@pytest.mark.parametrize("shape", [(2, 5), (3, 4), (4,)])
def test_state_of_the_wrong_shape(shape):
    layer = recurrent("elman")
    message = rf"initial_state.*\({', '.join(map(str, shape))},?\)"
    with pytest.raises(ValueError, match=message):
        layer(sequences(), initial_state=[np.ones(shape, "float32")])


@pytest.mark.parametrize(
    ("shape", "states", "message"),
    [
        ((STEPS, FEATURES), None, r"\(2, 7, 5\)"),
        ((FEATURES,), [np.ones((2, 4), "float32")], r"^states must .*\[\(2, 4\)\]"),
        ((FEATURES,), [np.ones((2, 3), "float32")] * 2, r"^states must .*\(2, 3\)"),
    ],
)
def test_bad_step(shape, states, message):
    with pytest.raises(ValueError, match=message):
        recurrent("lstm").step(random_input(shape), states)


@pytest.mark.parametrize("make", [Recurrent, Bidirectional])
def test_a_cell_of_another_dtype(make):
    with pytest.raises(ValueError, match=r"dtype of '.*' must be bfloat16, .* got float32"):
        make(make_cell("gru"), dtype="mixed_bfloat16")


@pytest.mark.parametrize("make", [Recurrent, Bidirectional])
def test_stateful_needs_a_known_batch(make):
    with pytest.raises(ValueError, match="stateful"):
        make(make_cell("gru"), stateful=True)(keras.Input((STEPS, FEATURES)))


@pytest.mark.parametrize("make", [Recurrent, Bidirectional])
def test_stateful_with_another_batch(make):
    layer = make(make_cell("gru"), stateful=True)
    x = sequences()
    layer(x)
    with pytest.raises(ValueError, match=r"stateful.*\b1\b"):
        layer(x[:1])


def test_unroll_needs_a_known_length():
    unknown = [tf.TensorSpec((None, None, FEATURES))]
    with pytest.raises(ValueError, match=r"unroll.*\(None, None, 5\)"):
        tf.function(recurrent("gru", unroll=True), input_signature=unknown)(sequences())


def test_unknown_merge_mode():
    with pytest.raises(ValueError, match=r"merge_mode .*got 'max'"):
        Bidirectional(make_cell("gru"), merge_mode="max")


@pytest.mark.parametrize("cell", [None, [], layers.Dense(3), [PeepholeLSTMCell(3), 4]])
def test_something_else_as_a_cell(cell):
    with pytest.raises(ValueError, match="cell"):
        Recurrent(cell)
