"""Highway layers against their equations, and what is special to them."""

import itertools

import keras
import numpy as np
import pytest
import references
import tensorflow as tf
from conformance import random_input, randomize, value
from keras import layers

from zoo.layers import Highway, HighwayStack

GATES = ("transform", "carry")
UNITS = 4

both_gates = pytest.mark.parametrize("gate", GATES)


def random_stack(depth=3, activation="tanh", gate="transform", **options):
    layer = HighwayStack(depth, activation=activation, gate=gate, **options)
    layer.build((None, UNITS))
    return randomize(layer)


def without(layer, *off):
    """The weights of a stack that never had the layers `off`."""
    return [np.delete(weight, off, axis=0) for weight in layer.get_weights()]


# HighwayStack: the equations


@both_gates
@pytest.mark.parametrize("shape", [(UNITS,), (3, UNITS)], ids=["vectors", "sequences"])
@pytest.mark.parametrize("activation", references.ACTIVATIONS)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_stack_is_the_reference(gate, shape, activation, dtype, tolerance):
    layer = random_stack(activation=activation, gate=gate, dtype=dtype)
    x = random_input(shape)
    expected = references.highway_stack(x, *layer.get_weights(), activation, gate)
    assert np.abs(expected - x).max() > 0.1
    np.testing.assert_allclose(value(layer(x)), expected, atol=tolerance)


@both_gates
@pytest.mark.parametrize("shape", [(UNITS,), (2, UNITS)], ids=["vectors", "sequences"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_gradients_of_a_stack(gate, shape, activation):
    layer = random_stack(2, activation=activation, gate=gate, dtype="float64")
    x, direction = random_input(shape).astype("float64"), random_input(shape, seed=2)

    def loss(x, *weights):
        return np.sum(direction * references.highway_stack(x, *weights, activation, gate))

    numeric = references.numeric_gradients(loss, [x, *layer.get_weights()])
    with tf.GradientTape() as tape:
        inputs = tf.Variable(x)
        output = tf.reduce_sum(direction * layer(inputs.value()))
    exact = tape.gradient(output, [inputs, *(weight.value for weight in layer.weights)])
    for one, other in zip(exact, numeric, strict=True):
        assert np.abs(other).max() > 1e-3
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_carry_gate_is_one_minus_the_transform_gate():
    transform, carry = random_stack(), random_stack(gate="carry")
    kernel, bias, gate_kernel, gate_bias = transform.get_weights()
    carry.set_weights([kernel, bias, -gate_kernel, -gate_bias])
    x = random_input((UNITS,))
    np.testing.assert_allclose(value(carry(x)), value(transform(x)), atol=1e-6)


@pytest.mark.parametrize(("gate", "shut"), [("transform", -1), ("carry", 1)])
def test_shut_gates_leave_the_identity_and_open_ones_a_plain_network(gate, shut):
    layer = random_stack(gate=gate)
    kernel, bias, gate_kernel, gate_bias = layer.get_weights()
    x = random_input((UNITS,))

    layer.set_weights([kernel, bias, gate_kernel, gate_bias + 1000 * shut])
    np.testing.assert_array_equal(value(layer(x)), x)

    layer.set_weights([kernel, bias, gate_kernel, gate_bias - 1000 * shut])
    plain = x
    for w, b in zip(kernel, bias, strict=True):
        plain = np.tanh(plain @ w + b)
    np.testing.assert_allclose(value(layer(x)), plain, atol=1e-5)


@both_gates
def test_stack_is_a_chain_of_wrappers(gate):
    stack = random_stack(gate=gate)
    chain = [Highway(layers.Dense(UNITS, activation="tanh"), gate=gate) for _ in range(3)]
    x = y = random_input((UNITS,))
    for i, one in enumerate(chain):
        one.build(x.shape)
        kernel, bias, gate_kernel, gate_bias = (weight[i] for weight in stack.get_weights())
        one.transform.set_weights([kernel, bias])
        one.gate_logits.set_weights([gate_kernel, gate_bias])
        y = one(y)
    np.testing.assert_allclose(value(stack(x)), value(y), atol=1e-6)


# HighwayStack: how it starts


@pytest.mark.parametrize(
    ("initializer", "seed", "deviation"),
    [
        ("GlorotUniform", None, np.sqrt(1 / 64)),
        ("GlorotUniform", 7, np.sqrt(1 / 64)),
        ("HeNormal", 7, np.sqrt(2 / 64)),
    ],
)
def test_each_layer_is_initialised_by_itself(initializer, seed, deviation):
    keras.utils.set_random_seed(0)
    initializer = getattr(keras.initializers, initializer)(seed=seed)
    layer = HighwayStack(4, kernel_initializer=initializer)
    layer.build((None, 64))
    slices = [*value(layer.kernel), *value(layer.gate_kernel)]
    assert len(slices) == 8
    np.testing.assert_allclose([part.std() for part in slices], deviation, rtol=0.06)
    # Any two layers, and the transform and the gate of one, are independent draws.
    for one, other in itertools.combinations(slices, 2):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


def test_layers_are_distinct_where_the_seed_is_a_generator():
    initializer = keras.initializers.GlorotUniform(seed=keras.random.SeedGenerator(7))
    layer = HighwayStack(3, kernel_initializer=initializer)
    layer.build((None, UNITS))
    slices = [*value(layer.kernel), *value(layer.gate_kernel)]
    for one, other in itertools.combinations(slices, 2):
        assert not np.array_equal(one, other)


def test_seed_gives_the_same_stack_again():
    def kernels(seed):
        initializer = keras.initializers.GlorotUniform(seed=seed)
        layer = HighwayStack(2, kernel_initializer=initializer)
        layer.build((None, UNITS))
        return np.stack([layer.kernel, layer.gate_kernel])

    np.testing.assert_array_equal(kernels(7), kernels(7))
    assert not np.array_equal(kernels(7), kernels(8))


@pytest.mark.parametrize(
    ("gate", "gate_bias", "expected"),
    [("transform", None, -3), ("carry", None, 3), ("transform", -1.5, -1.5), ("carry", 0, 0)],
)
def test_gate_starts_from_its_bias(gate, gate_bias, expected):
    stack = HighwayStack(2, gate=gate, gate_bias=gate_bias)
    wrapper = Highway(layers.Dense(UNITS), gate=gate, gate_bias=gate_bias)
    for layer, bias in [(stack, "gate_bias"), (wrapper, "gate_logits")]:
        layer.build((None, UNITS))
        weight = getattr(layer, bias)
        np.testing.assert_array_equal(value(getattr(weight, "bias", weight)), expected)
    np.testing.assert_array_equal(value(stack.bias), 0)


def test_config_restores_what_was_given():
    stack = HighwayStack(
        5,
        activation="tanh",
        gate="carry",
        gate_bias=1.5,
        kernel_initializer=keras.initializers.HeNormal(seed=7),
    )
    again = HighwayStack.from_config(stack.get_config())
    assert (again.depth, again.activation, again.gate) == (5, keras.activations.tanh, "carry")
    wrapper = Highway(layers.Dense(UNITS, activation="relu"), gate="carry", gate_bias=1.5)
    rewrapped = Highway.from_config(wrapper.get_config())
    assert (rewrapped.transform.activation, rewrapped.gate) == (keras.activations.relu, "carry")
    for layer in (stack, again, rewrapped):
        layer.build((None, UNITS))
    # The seed makes the whole start of a stack comparable: initializer and gate bias.
    for one, other in zip(stack.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(value(again.gate_bias), 1.5)
    np.testing.assert_array_equal(value(rewrapped.gate_logits.bias), 1.5)


# HighwayStack: layers switched off


@both_gates
@pytest.mark.parametrize(
    ("off", "removed"),
    [((), []), ((0,), [0]), ((1,), [1]), ((-1,), [2]), ((0, 2), [0, 2]), ((-1, 1, 2), [1, 2])],
)
def test_layer_switched_off_is_as_good_as_gone(gate, off, removed):
    layer = random_stack(gate=gate)
    x, weights = random_input((UNITS,)), layer.get_weights()
    with layer.switched_off(*off):
        y = value(layer(x))
    expected = references.highway_stack(x, *without(layer, *removed), "tanh", gate)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for before, after in zip(weights, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)


@both_gates
@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_stack_with_all_layers_off_is_exactly_the_identity(gate, dtype):
    # Weights this large would let any rounding between x and H(x) be seen.
    layer = random_stack(activation="linear", gate=gate, dtype=dtype)
    layer.kernel.assign(10 * layer.kernel)
    x = random_input((UNITS,))
    with layer.switched_off(0, 1, 2):
        y = layer(x)
    np.testing.assert_array_equal(value(y), value(keras.ops.cast(x, layer.compute_dtype)))


def test_compiled_predict_follows_without_a_new_trace():
    traces = []

    def activation(a):
        traces.append(a)
        return keras.ops.tanh(a)

    model = keras.Sequential([keras.Input((UNITS,)), HighwayStack(3, activation=activation)])
    layer = randomize(model.layers[0])
    x = random_input((UNITS,))
    outputs = [model.predict(x, verbose=0)]
    before = len(traces)
    with layer.switched_off(1):
        outputs.append(model.predict(x, verbose=0))
    outputs.append(model.predict(x, verbose=0))
    assert len(traces) == before > 0
    for y, off in zip(outputs, [(), (1,), ()], strict=True):
        expected = references.highway_stack(x, *without(layer, *off), "tanh", "transform")
        np.testing.assert_allclose(y, expected, atol=1e-5)


@both_gates
def test_switched_off_can_be_nested(gate):
    layer = random_stack(gate=gate)
    x = random_input((UNITS,))
    expected = {
        off: references.highway_stack(x, *without(layer, *off), "tanh", gate)
        for off in [(), (0,), (0, 2)]
    }
    with layer.switched_off(0):
        with layer.switched_off(0, 2):
            np.testing.assert_allclose(value(layer(x)), expected[0, 2], atol=1e-5)
        np.testing.assert_allclose(value(layer(x)), expected[(0,)], atol=1e-5)
    np.testing.assert_allclose(value(layer(x)), expected[()], atol=1e-5)


def test_layers_come_back_after_an_exception():
    layer = random_stack()
    weights = layer.get_weights()

    def fail():
        assert not np.array_equal(layer.get_weights()[3], weights[3])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), layer.switched_off(1):
        fail()
    for before, after in zip(weights, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.parametrize("index", [3, -4, 1.0, True, "1", None])
def test_index_of_no_layer(index):
    layer = random_stack()
    weights = layer.get_weights()
    with pytest.raises(ValueError, match="integers from -3 to 2"), layer.switched_off(0, index):
        pass
    np.testing.assert_array_equal(layer.get_weights()[3], weights[3])


def test_switched_off_before_the_first_call():
    with pytest.raises(ValueError, match="needs a stack that is built"):
        HighwayStack(2).switched_off(0).__enter__()


# HighwayStack: what it refuses


@pytest.mark.parametrize("depth", [0, -1, 2.5, True, "3", None])
def test_depth_must_be_a_positive_integer(depth):
    with pytest.raises(ValueError, match="depth must be a positive integer"):
        HighwayStack(depth)


@pytest.mark.parametrize(
    "make",
    [lambda gate: HighwayStack(2, gate=gate), lambda gate: Highway(layers.Dense(2), gate=gate)],
)
@pytest.mark.parametrize("gate", ["open", "Carry", None])
def test_unknown_gate(make, gate):
    with pytest.raises(ValueError, match=r"gate must be one of \('transform', 'carry'\), got"):
        make(gate)


def test_stack_needs_to_know_the_last_axis():
    with pytest.raises(ValueError, match=r"last axis is known, got \(None, 5, None\)"):
        HighwayStack(2)(keras.Input((5, None)))


# Highway: any transform


@both_gates
@pytest.mark.parametrize("shape", [(UNITS,), (3, UNITS)], ids=["vectors", "sequences"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_wrapped_dense_is_the_reference(gate, shape, activation):
    layer = Highway(
        layers.Dense(UNITS, activation=activation, dtype="float64"), gate=gate, dtype="float64"
    )
    layer.build((None, *shape))
    randomize(layer)
    x = random_input(shape).astype("float64")
    kernel, bias = layer.transform.get_weights()
    gate_kernel, gate_bias = layer.gate_logits.get_weights()
    h = references.ACTIVATIONS[activation](x @ kernel + bias)
    expected = references.highway(x, h, x @ gate_kernel + gate_bias, gate)
    np.testing.assert_allclose(value(layer(x)), expected, atol=1e-12)


@both_gates
@pytest.mark.parametrize(
    ("transform", "own_gate", "shape", "gate_class", "gate_kernel"),
    [
        (
            lambda: layers.Conv1D(3, 2, padding="same", activation="relu"),
            None,
            (5, 3),
            layers.Conv1D,
            (2, 3, 3),
        ),
        (
            lambda: layers.Conv2D(3, (2, 3), padding="same", use_bias=False),
            None,
            (4, 5, 3),
            layers.Conv2D,
            (2, 3, 3, 3),
        ),
        (lambda: layers.LSTM(4, return_sequences=True), None, (5, 4), layers.Dense, (4, 4)),
        (
            lambda: layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
            None,
            (5, 4),
            layers.Dense,
            (4, 4),
        ),
        (
            lambda: keras.Sequential([layers.Dense(7, activation="tanh"), layers.Dense(4)]),
            None,
            (4,),
            layers.Dense,
            (4, 4),
        ),
        (
            lambda: layers.Dense(4),
            lambda: layers.Conv1D(4, 3, padding="causal"),
            (5, 4),
            layers.Conv1D,
            (3, 4, 4),
        ),
    ],
    ids=["conv1d", "conv2d", "lstm", "bidirectional", "sequential", "own_gate"],
)
def test_any_transform(gate, transform, own_gate, shape, gate_class, gate_kernel):
    layer = Highway(transform(), gate=gate, gate_layer=own_gate and own_gate())
    layer.build((None, *shape))
    randomize(layer)
    assert type(layer.gate_logits) is gate_class
    assert layer.gate_logits.kernel.shape == gate_kernel
    x = random_input(shape)
    expected = references.highway(x, value(layer.transform(x)), value(layer.gate_logits(x)), gate)
    np.testing.assert_allclose(value(layer(x)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("inner", "outer"), [("float32", "mixed_bfloat16"), ("mixed_bfloat16", "float32")]
)
def test_dtype_is_that_of_the_wrapper_whatever_is_wrapped(inner, outer):
    layer = Highway(layers.Dense(UNITS, dtype=inner), dtype=outer)
    y = layer(random_input((UNITS,)))
    assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype


@both_gates
def test_wrapper_starts_close_to_the_identity(gate):
    keras.utils.set_random_seed(0)
    layer = Highway(layers.Dense(32, activation="tanh"), gate=gate)
    x = random_input((50, 32))
    moved = np.abs(value(layer(x)) - x).mean()
    distance = np.abs(value(layer.transform(x)) - x).mean()
    assert 0.02 * distance < moved < 0.2 * distance


def test_gate_does_not_start_with_the_weights_of_a_seeded_transform():
    initializer = keras.initializers.GlorotUniform(seed=7)
    layer = Highway(layers.Conv1D(UNITS, 3, padding="same", kernel_initializer=initializer))
    layer.build((None, 5, UNITS))
    assert not np.array_equal(value(layer.transform.kernel), value(layer.gate_logits.kernel))


def test_gate_has_no_activation_of_its_own():
    layer = Highway(layers.Dense(UNITS, activation="relu"))
    layer.build((None, UNITS))
    randomize(layer)
    assert value(layer.gate_logits(random_input((UNITS,)))).min() < 0


def test_training_reaches_the_transform():
    dropped = keras.Sequential([layers.Dense(UNITS), layers.Dropout(0.5, seed=1)])
    layer = Highway(dropped, gate_bias=0)
    x = random_input((UNITS,))
    still = value(layer(x, training=False))
    np.testing.assert_array_equal(value(layer(x, training=False)), still)
    assert np.abs(value(layer(x, training=True)) - still).max() > 0.1


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (
            lambda: Highway(layers.Dense(5, name="wide")),
            (UNITS,),
            r"transform .*'wide' maps \(None, 4\) to \(None, 5\)",
        ),
        (
            lambda: Highway(layers.Conv1D(UNITS, 3, name="short")),
            (6, UNITS),
            r"transform .*'short' maps \(None, 6, 4\) to \(None, 4, 4\)",
        ),
        (
            lambda: Highway(layers.Conv1D(UNITS, 3, strides=2, padding="same", name="half")),
            (None, UNITS),
            r"transform .*'half' maps \(None, 64, 4\) to \(None, 32, 4\)",
        ),
        (
            # As many places as every second of an even number, but not of an odd one.
            lambda: Highway(layers.Conv1D(UNITS, 2, strides=2, name="pairs"), shortcut="pad"),
            (None, UNITS),
            "shortcut='pad' cannot bring an input of shape",
        ),
        (
            lambda: Highway(layers.LSTM(UNITS, name="last")),
            (6, UNITS),
            r"transform .*'last' maps \(None, 6, 4\) to \(None, 4\)",
        ),
        (
            lambda: Highway(layers.Dense(UNITS), gate_layer=layers.Dense(1, name="one_gate")),
            (UNITS,),
            r"gate .*'one_gate' maps \(None, 4\) to \(None, 1\)",
        ),
    ],
)
def test_shapes_must_match(make, shape, message):
    with pytest.raises(ValueError, match=message):
        make()(keras.Input(shape))


def test_bias_of_a_gate_that_was_given():
    with pytest.raises(ValueError, match="gate_bias is for the default gate"):
        Highway(layers.Dense(UNITS), gate_layer=layers.Dense(UNITS), gate_bias=-1)


# Masks

MASKED = 9.0


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "make",
    [
        lambda policy: [
            Highway(layers.LSTM(UNITS, return_sequences=True, dtype=policy), dtype=policy)
        ],
        lambda policy: [
            HighwayStack(2, dtype=policy),
            layers.LSTM(UNITS, return_sequences=True, dtype=policy),
        ],
        lambda policy: [
            Highway(layers.Dense(UNITS, dtype=policy), dtype=policy),
            layers.LSTM(UNITS, return_sequences=True, dtype=policy),
        ],
    ],
    ids=["into the wrapped layer", "past a stack", "past a wrapper"],
)
def test_masked_steps_do_not_count(make, policy):
    model = randomize(
        keras.Sequential(
            [keras.Input((None, UNITS)), layers.Masking(MASKED, dtype=policy), *make(policy)]
        )
    )
    x = random_input((4, UNITS))
    # A masked step in the middle: an LSTM that did see it would go on from another state.
    gap = np.insert(x, 2, MASKED, axis=1)
    kept = np.delete(value(model(gap)).astype("float32"), 2, axis=1)
    np.testing.assert_allclose(kept, value(model(x)).astype("float32"), atol=1e-6)
    unmasked = keras.Sequential(model.layers[1:])
    seen = np.delete(value(unmasked(gap)).astype("float32"), 2, axis=1)
    assert np.abs(seen[:, 2:] - kept[:, 2:]).max() > 0.01


def test_kernel_initializer_may_be_a_function():
    layer = HighwayStack(2, kernel_initializer=lambda shape, dtype=None: keras.random.normal(shape))
    layer.build((None, UNITS))
    drawn = np.concatenate([value(layer.kernel), value(layer.gate_kernel)])
    assert len(np.unique(drawn)) == drawn.size


def test_gate_and_transform_have_paths_of_their_own():
    layer = Highway(layers.Dense(UNITS, name="gate"))
    layer.build((None, UNITS))
    assert len({weight.path for weight in layer.weights}) == 4


# Shortcuts, where H changes the size


def shortened(x, shortcut, steps, channels, projection):
    """x in the shape of H(x), by NumPy."""
    for axis, step in enumerate(steps, 1):
        x = np.take(x, range(0, x.shape[axis], step), axis=axis)
    if shortcut == "project":
        return x @ projection
    if shortcut == "pad":
        wider = np.zeros((*x.shape[:-1], channels))
        wider[..., : x.shape[-1]] = x
        return wider
    return x[..., :: x.shape[-1] // channels]


@both_gates
@pytest.mark.parametrize(
    ("shortcut", "make", "shape", "steps"),
    [
        ("project", lambda: layers.Dense(3, activation="tanh"), (6,), ()),
        ("project", lambda: layers.Dense(9, activation="tanh"), (5, 6), (1,)),
        ("pad", lambda: layers.Dense(9, activation="tanh"), (6,), ()),
        ("pad", lambda: layers.Dense(6, activation="tanh"), (6,), ()),
        ("subsample", lambda: layers.Dense(2, activation="tanh"), (6,), ()),
        ("project", lambda: layers.Conv2D(5, 3, 2, "same"), (7, 8, 6), (2, 2)),
        ("pad", lambda: layers.Conv2D(8, 3, (1, 3), "same"), (4, 7, 6), (1, 3)),
        ("subsample", lambda: layers.Conv1D(3, 3, 2, "same"), (5, 6), (2,)),
        ("subsample", lambda: layers.Conv1D(6, 3, 2, "same"), (5, 6), (2,)),
        ("project", lambda: layers.GRU(4, return_sequences=True), (5, 6), (1,)),
    ],
)
def test_shortcut_brings_x_to_the_size_of_its_transform(gate, shortcut, make, shape, steps):
    layer = Highway(make(), gate=gate, shortcut=shortcut, dtype="float64")
    layer.transform.dtype_policy = "float64"
    x = random_input(shape).astype("float64")
    y = layer(x)
    randomize(layer)
    y = value(layer(x))
    h, logits = value(layer.transform(x)), value(layer.gate_logits(x))
    g = 1 / (1 + np.exp(-logits))
    t = g if gate == "transform" else 1 - g
    projection = None if layer.projection is None else value(layer.projection)
    carried = shortened(x, shortcut, steps, h.shape[-1], projection)
    assert y.shape == h.shape == tuple(layer.compute_output_shape(x.shape))
    np.testing.assert_allclose(y, h * t + carried * (1 - t), atol=1e-6)
    np.testing.assert_allclose(value(layer.carried(x)), carried, atol=1e-6)


@pytest.mark.parametrize(
    ("shortcut", "make", "shape"),
    [
        # Fewer units than there are to be carried; no whole number of times as many; more.
        ("pad", lambda: layers.Dense(4), (6,)),
        ("subsample", lambda: layers.Dense(4), (6,)),
        ("subsample", lambda: layers.Dense(8), (6,)),
        # More places, or none.
        ("project", lambda: layers.UpSampling1D(2), (4, 6)),
        ("project", lambda: layers.LSTM(6), (4, 6)),
        ("pad", lambda: layers.Conv1D(6, 3, padding="valid"), (8, 6)),
    ],
)
def test_shortcut_that_cannot_reach_the_size(shortcut, make, shape):
    with pytest.raises(ValueError, match=f"shortcut='{shortcut}' cannot bring an input of shape"):
        Highway(make(), shortcut=shortcut)(random_input(shape))


@pytest.mark.parametrize("places", [1, 6, 7])
def test_shortcut_over_an_unknown_number_of_places(places):
    layer = Highway(layers.Conv1D(6, 3, 2, padding="same"), shortcut="pad")
    model = keras.Model(x := keras.Input((None, 4)), layer(x))
    randomize(layer)
    inputs = random_input((places, 4))
    known = Highway(layers.Conv1D(6, 3, 2, padding="same"), shortcut="pad")
    known(inputs)
    known.set_weights(layer.get_weights())
    np.testing.assert_allclose(value(model(inputs)), value(known(inputs)), atol=1e-6)


def test_unknown_shortcut():
    with pytest.raises(ValueError, match=r"shortcut must be None or one of .* got 'skip'"):
        Highway(layers.Dense(3), shortcut="skip")


@pytest.mark.parametrize("shortcut", ["project", "pad"])
def test_shortcut_is_saved(shortcut, tmp_path):
    x = keras.Input((5,))
    model = keras.Model(x, Highway(layers.Dense(7), shortcut=shortcut)(x))
    randomize(model.layers[1])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].shortcut == shortcut
    inputs = random_input((5,))
    np.testing.assert_array_equal(value(loaded(inputs)), value(model(inputs)))


def test_places_that_are_left_out_have_no_mask():
    x = keras.Input((8, 3))
    masked = layers.Masking()(x)
    whole = Highway(layers.Conv1D(4, 3, padding="same"), shortcut="pad")(masked)
    fewer = Highway(layers.Conv1D(4, 3, 2, padding="same"), shortcut="pad")(masked)
    assert getattr(whole, "_keras_mask", None) is not None
    assert getattr(fewer, "_keras_mask", None) is None
