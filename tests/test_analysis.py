"""What the gates of a network have learned, held against models that are changed by hand."""

import keras
import numpy as np
import pytest
from keras import ops

import zoo
from zoo.analysis import gated, gates, idle_layers, lesion, pruned, traces
from zoo.cells import GRUCell, LSTMCell, PeepholeLSTMCell
from zoo.layers import Bidirectional, Highway, HighwayStack, Recurrent

CLASSES = 4


def randomised(model, scale=0.5):
    """Gives every weight a value of its own, the biases too."""
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * scale)
    return model


def stack_model(gate="transform"):
    x = keras.Input((5,))
    y = HighwayStack(4, gate=gate, activation="tanh", name="stack")(keras.layers.Dense(6)(x))
    return randomised(keras.Model(x, keras.layers.Dense(CLASSES)(y)))


def branching_model():
    """Two branches, each with Highway layers, that meet and go through another one."""
    x = keras.Input((6,))
    one = Highway(keras.layers.Dense(6, activation="tanh"), name="one")(x)
    other = HighwayStack(2, activation="tanh", name="others")(x)
    y = keras.layers.Add()([keras.layers.Multiply()([one, x]), other])
    y = Highway(keras.layers.Dense(6, activation="relu"), gate="carry", name="last")(y)
    return randomised(keras.Model(x, keras.layers.Dense(CLASSES)(y)))


def parallel_model():
    """Two Highway layers side by side, which are called in another order than they are listed."""
    x = keras.Input((6,))
    branches = [Highway(keras.layers.Dense(6, activation="tanh"), name=name)(x) for name in "ab"]
    y = keras.layers.Add()([keras.layers.Dense(6)(branch) for branch in branches])
    return randomised(keras.Model(x, keras.layers.Dense(CLASSES)(y)))


def nested_sequential():
    inner = keras.Sequential(
        [keras.Input((6,)), Highway(keras.layers.Dense(6, activation="tanh"), name="inner")]
    )
    layers = [keras.Input((6,)), inner, HighwayStack(2, name="outer"), keras.layers.Dense(CLASSES)]
    return randomised(keras.Sequential(layers))


def convolutional_model():
    x = keras.Input((8, 8, 3))
    y = Highway(keras.layers.Conv2D(3, 3, padding="same", activation="relu"), name="first")(x)
    y = keras.layers.MaxPooling2D()(y)
    # Of another size, so that something else than its input is carried.
    second = keras.layers.Conv2D(6, 3, 2, padding="same", activation="relu")
    y = Highway(second, shortcut="pad", name="second")(y)
    return randomised(
        keras.Model(x, keras.layers.Dense(CLASSES)(keras.layers.GlobalAveragePooling2D()(y)))
    )


def sentence_model():
    words = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 8, mask_zero=True)(words)
    for i in range(2):
        walk = Bidirectional(LSTMCell(4), return_sequences=True)
        x = Highway(walk, name=f"recurrent_{i}")(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return randomised(keras.Model(words, keras.layers.Dense(CLASSES)(x)))


def examples_of(model, count=37):
    rng = np.random.default_rng(1)
    shape = [size or 7 for size in model.input_shape[1:]]
    if model.inputs[0].dtype == "int32":
        inputs = rng.integers(1, 9, (count, *shape))
        # Of lengths of their own, so that the mask matters.
        inputs *= np.arange(shape[0]) < rng.integers(1, shape[0] + 1, (count, 1))
    else:
        inputs = rng.normal(size=(count, *shape)).astype("float32")
    return inputs, rng.integers(0, CLASSES, count)


def closed(model):
    """Yields each Highway layer's name and the model while that layer carries all."""
    inner = [
        below
        for layer in model.layers
        for below in (layer.layers if isinstance(layer, keras.Model) else [layer])
    ]
    for layer in inner:
        if isinstance(layer, HighwayStack):
            for i in range(layer.depth):
                with layer.switched_off(i):
                    yield f"{layer.name}[{i}]"
        elif isinstance(layer, Highway):
            bias = layer.gate_logits.bias
            saved = ops.convert_to_numpy(bias)
            bias.assign(np.full(bias.shape, -1e9 if layer.gate == "transform" else 1e9))
            yield layer.name
            bias.assign(saved)


MODELS = {
    "stack": stack_model,
    "carry": lambda: stack_model("carry"),
    "branches": branching_model,
    "parallel": parallel_model,
    "nested": nested_sequential,
    "convolutional": convolutional_model,
    "sentences": sentence_model,
}


def scores(model, inputs, targets):
    """Loss and accuracy by NumPy in float64."""
    logits = model.predict(inputs, verbose=0).astype("float64")
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return (
        -log_p[np.arange(len(targets)), targets].mean(),
        (logits.argmax(axis=1) == targets).mean(),
    )


@pytest.mark.parametrize("name", MODELS)
def test_lesion_is_what_closed_gates_give(name, monkeypatch):
    # Several batches, the last of them smaller.
    monkeypatch.setattr("zoo.analysis.lesions.AT_ONCE", 1500)
    model = MODELS[name]()
    inputs, targets = examples_of(model)
    found = lesion(model, inputs, targets)
    expected = {layer: scores(model, inputs, targets) for layer in closed(model)}
    assert sorted(found.layers) == sorted(expected)
    for layer, loss, accuracy in zip(found.layers, found.loss, found.accuracy, strict=True):
        assert (loss, accuracy) == pytest.approx(expected[layer], abs=1e-5), layer
    whole = scores(model, inputs, targets)
    assert (found.whole_loss, found.whole_accuracy) == pytest.approx(whole, abs=1e-5)
    # No lesion does nothing: the test would not see one that is left out.
    assert (abs(found.loss - found.whole_loss) > 1e-4).all()


def test_lesion_of_chosen_layers():
    model = stack_model()
    inputs, targets = examples_of(model)
    every = lesion(model, inputs, targets)
    some = lesion(model, inputs, targets, layers=[-1, 1])
    assert some.layers == ["stack[3]", "stack[1]"]
    np.testing.assert_allclose(some.loss, every.loss[[3, 1]], rtol=1e-6)
    np.testing.assert_array_equal(some.accuracy, every.accuracy[[3, 1]])


def test_lesions_of_long_sentences_are_of_fewer_at_once(monkeypatch):
    model = sentence_model()
    inputs, targets = examples_of(model)
    sizes, batches = [], gated.batches

    def noted(inputs, size, *rest):
        sizes.append(size)
        return batches(inputs, size, *rest)

    monkeypatch.setattr(gated, "batches", noted)
    monkeypatch.setattr("zoo.analysis.lesions.AT_ONCE", 7 * 8 * 3 * 5)
    lesion(model, inputs, targets)
    # Words by units, three times over: whole, and without each of the two layers.
    assert sizes == [5]


def test_lesion_leaves_the_model_alone():
    model = stack_model()
    inputs, targets = examples_of(model)
    before = model.predict(inputs, verbose=0)
    lesion(model, inputs, targets)
    gates(model, inputs)
    np.testing.assert_array_equal(model.predict(inputs, verbose=0), before)


def test_idle_are_layers_that_cost_less_than_the_tolerance():
    model = stack_model()
    stack = model.get_layer("stack")
    bias = ops.convert_to_numpy(stack.gate_bias)
    bias[[0, 2]] = -1e9
    stack.gate_bias.assign(bias)
    inputs, _ = examples_of(model)
    # What the model itself says is right, so that every layer but the closed ones costs something.
    targets = model.predict(inputs, verbose=0).argmax(axis=1)
    found = lesion(model, inputs, targets)
    assert found.whole_accuracy == 1
    assert set(found.idle(1e-9)) >= {0, 2}
    np.testing.assert_array_equal(found.accuracy[[0, 2]], 1)


def numpy_gates(model, inputs):
    """T of each layer of `stack_model`, in float64 from its weights."""
    stack = model.get_layer("stack")
    kernels, b, gate_kernels, d = (
        ops.convert_to_numpy(weight).astype("float64")
        for weight in (stack.kernel, stack.bias, stack.gate_kernel, stack.gate_bias)
    )
    kernel, bias = (ops.convert_to_numpy(weight) for weight in model.layers[1].weights)
    x, opened = inputs @ kernel + bias, []
    for layer in range(stack.depth):
        g = 1 / (1 + np.exp(-(x @ gate_kernels[layer] + d[layer])))
        t = g if stack.gate == "transform" else 1 - g
        opened.append(t)
        x = np.tanh(x @ kernels[layer] + b[layer]) * t + x * (1 - t)
    return np.array(opened), d if stack.gate == "transform" else -d


@pytest.mark.parametrize("gate", ["transform", "carry"])
def test_gates_of_a_stack(gate, monkeypatch):
    monkeypatch.setattr("zoo.analysis.activity.BATCH", 16)
    model = stack_model(gate)
    inputs, targets = examples_of(model)
    found = gates(model, inputs)
    expected, bias = numpy_gates(model, inputs)
    assert found.layers == [f"stack[{i}]" for i in range(4)]
    np.testing.assert_allclose(np.array(found.activity), expected, atol=1e-6)
    np.testing.assert_allclose(np.array(found.bias), bias, atol=1e-6)
    np.testing.assert_allclose(found.mean_activity, expected.mean(axis=(1, 2)), atol=1e-6)
    np.testing.assert_allclose(found.mean_bias, bias.mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found.effective_depth, expected.mean(axis=2).sum(axis=0), atol=1e-5)
    for layer, by_class in enumerate(found.by_class(targets, CLASSES + 1)):
        for c in range(CLASSES):
            mean = expected[layer][targets == c].mean(axis=0)
            np.testing.assert_allclose(by_class[c], mean, atol=1e-6)
        assert np.isnan(by_class[CLASSES]).all()


def test_gates_of_parallel_branches_keep_their_names():
    model = parallel_model()
    inputs, _ = examples_of(model)
    found = gates(model, inputs)
    assert sorted(found.layers) == ["a", "b"]
    for name, bias, activity in zip(found.layers, found.bias, found.activity, strict=True):
        kernel, d = map(ops.convert_to_numpy, model.get_layer(name).gate_logits.weights)
        np.testing.assert_allclose(bias, d, atol=1e-6)
        np.testing.assert_allclose(activity, 1 / (1 + np.exp(-(inputs @ kernel + d))), atol=1e-5)


def test_bias_that_is_no_number_for_each_unit_is_not_known():
    gate = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3), keras.layers.Dense(6)])
    x = keras.Input((6,))
    layer = Highway(keras.layers.Dense(6), gate_layer=gate, name="own")
    found = gates(keras.Model(x, layer(x)), np.ones((2, 6)))
    assert np.isnan(found.mean_bias).all()


@pytest.mark.parametrize("count", [5, 16, 21])
def test_gates_of_a_single_layer(count, monkeypatch):
    monkeypatch.setattr("zoo.analysis.activity.BATCH", 8)
    x = keras.Input((6,))
    layer = Highway(keras.layers.Dense(6), name="only")
    model = randomised(keras.Model(x, layer(x)))
    inputs, _ = examples_of(model, count)
    [activity] = gates(model, inputs).activity
    logits = ops.convert_to_numpy(layer.gate_logits(inputs))
    np.testing.assert_allclose(activity, 1 / (1 + np.exp(-logits)), atol=1e-5)


def test_gates_are_the_mean_over_words_and_not_over_padding():
    model = sentence_model()
    inputs, _ = examples_of(model)
    together = gates(model, inputs)
    for i in (0, 3, 11):
        alone = gates(model, inputs[i : i + 1, : np.count_nonzero(inputs[i])])
        for one, all_of_them in zip(alone.activity, together.activity, strict=True):
            np.testing.assert_allclose(one[0], all_of_them[i], atol=1e-5)


@pytest.mark.parametrize("cell", [LSTMCell, GRUCell])
@pytest.mark.parametrize("driver", ["forward", "backwards", "deep", "deep backwards", "both ways"])
def test_traces_step_by_step(cell, driver):
    arguments = {"reset_after": True} if cell is GRUCell and "deep" in driver else {}
    cells = [cell(5, **arguments) for _ in range(2 if "deep" in driver else 1)]
    if driver == "both ways":
        layer = Bidirectional(cells[0], name="layer")
    else:
        layer = Recurrent(cells, go_backwards="backwards" in driver, name="layer")
    words = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(9, 4, mask_zero=True)(words)
    model = randomised(keras.Model(words, layer(x)))
    inputs, _ = examples_of(model, 6)
    found = traces(model, inputs)
    names = ["layer[0]", "layer[1]"] if "deep" in driver else ["layer"]
    if driver == "both ways":
        names = ["layer/forward", "layer/backward"]
    assert list(found) == names
    vectors = ops.convert_to_numpy(model.layers[1](inputs))
    for row, numbers in enumerate(inputs):
        length = np.count_nonzero(numbers)
        seen = vectors[row, :length]
        for name, one in zip(names, layer.cells, strict=True):
            back = "backwards" in driver or name.endswith("backward")
            steps, seen_next = one_by_one(one, seen[::-1] if back else seen)
            for gate, values in steps.items():
                values = values[::-1] if back else values
                np.testing.assert_allclose(found[name][gate][row, :length], values, atol=1e-5)
                assert np.isnan(found[name][gate][row, length:]).all()
            if "deep" in driver:
                seen = seen_next[::-1] if back else seen_next


def one_by_one(cell, vectors):
    """Gates and outputs by the equations, a step at a time, in float64."""
    w, u, b = (
        ops.convert_to_numpy(weight).astype("float64")
        for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)
    )
    units, sigmoid = cell.units, lambda a: 1 / (1 + np.exp(-a))
    h, c = np.zeros((2, units))
    found, outputs = {name: [] for name in cell.gate_names}, []
    for x in vectors:
        if isinstance(cell, LSTMCell):
            i, f, g, o = np.split(x @ w + h @ u + b, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            gates_now = {"input": sigmoid(i), "forget": sigmoid(f), "output": sigmoid(o)}
            h = sigmoid(o) * np.tanh(c)
        else:
            b_x, b_h = b if cell.reset_after else (b, np.zeros_like(b))
            z, r, a = np.split(x @ w + b_x, 3)
            uz, ur, uh = np.split(h @ u + b_h, 3)
            z, r = sigmoid(z + uz), sigmoid(r + ur)
            g = np.tanh(a + (r * uh if cell.reset_after else (r * h) @ u[:, 2 * units :]))
            gates_now = {"update": z, "reset": r}
            h = z * h + (1 - z) * g
        for name, values in gates_now.items():
            found[name].append(values)
        outputs.append(h)
    return {name: np.array(values) for name, values in found.items()}, np.array(outputs)


def test_traces_of_layers_inside():
    x = keras.Input((5, 3))
    inner = keras.Sequential(
        [keras.Input((5, 3)), Recurrent(LSTMCell(4), return_sequences=True, name="inside")]
    )
    around = Highway(Bidirectional(GRUCell(2), return_sequences=True), name="around")
    y = around(inner(x))
    model = randomised(keras.Model(x, y))
    inputs = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    found = traces(model, inputs)
    assert list(found) == ["inside", "around/forward", "around/backward"]
    steps, outputs = one_by_one(inner.layers[0].cells[0], inputs[1])
    for gate, values in steps.items():
        np.testing.assert_allclose(found["inside"][gate][1], values, atol=1e-5)
    steps, _ = one_by_one(around.transform.cells[0], outputs)
    for gate, values in steps.items():
        np.testing.assert_allclose(found["around/forward"][gate][1], values, atol=1e-5)


def test_traces_of_two_layers_of_one_name():
    x = keras.Input((5, 3))
    parts = [
        keras.Sequential([keras.Input((5, 3)), Recurrent(GRUCell(2), name="same")])
        for _ in range(2)
    ]
    model = keras.Model(x, keras.layers.Add()([part(x) for part in parts]))
    with pytest.raises(ValueError, match="two layers named 'same'"):
        traces(model, np.zeros((1, 5, 3)))


def test_pruned_is_the_model_with_those_gates_closed():
    model = randomised(zoo.build("highway_classifier", depth=6, units=8), 0.1)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 28, 28))
    smaller = pruned(model, [1, -1])
    assert zoo.loading.origin(smaller).arguments["depth"] == 4
    with model.get_layer("highway").switched_off(1, 5):
        expected = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(smaller.predict(pixels, verbose=0), expected, atol=1e-5)


def test_pruned_model_is_saved_and_loaded(tmp_path):
    smaller = pruned(zoo.build("highway_classifier", depth=6, units=8), [0, 2])
    zoo.save(smaller, tmp_path / "smaller")
    loaded = zoo.load(tmp_path / "smaller", trust=True)
    for one, other in zip(smaller.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_idle_layers_can_all_go_at_once():
    model = randomised(zoo.build("highway_classifier", depth=5, units=8), 0.1)
    stack = model.get_layer("highway")
    bias = ops.convert_to_numpy(stack.gate_bias)
    bias[[1, 3]] = -1e9
    stack.gate_bias.assign(bias)
    pixels = np.random.default_rng(0).integers(0, 256, (64, 28, 28))
    targets = model.predict(pixels, verbose=0).argmax(axis=1)
    idle = idle_layers(model, pixels, targets, tolerance=0)
    assert {1, 3} <= set(idle)
    assert lesion(pruned(model, idle), pixels, targets).whole_accuracy == 1


def test_a_loss_of_just_the_tolerance_is_allowed():
    model = randomised(zoo.build("highway_classifier", depth=2, units=8))
    pixels = np.random.default_rng(0).integers(0, 256, (500, 28, 28))
    whole = model.predict(pixels, verbose=0).argmax(axis=1)
    stack = model.get_layer("highway")
    cut = []
    for i in range(2):
        with stack.switched_off(i):
            cut.append(model.predict(pixels, verbose=0).argmax(axis=1))
    wrong = [found != whole for found in cut]
    # One that either layer is needed for, and nine that neither is, two of which are wrong anyway.
    chosen = [*np.flatnonzero(wrong[0] & wrong[1])[:1], *np.flatnonzero(~wrong[0] & ~wrong[1])[:9]]
    targets = whole[chosen]
    targets[-2:] = (targets[-2:] + 1) % 10
    # In float64 0.8 - 0.7 is more than 0.1.
    assert len(idle_layers(model, pixels[chosen], targets, tolerance=0.1)) == 1
    assert idle_layers(model, pixels[chosen], targets, tolerance=0.09) == []


def without_gate():
    return keras.Sequential([keras.Input((5,)), keras.layers.Dense(CLASSES)])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": None}, TypeError, "model must be a Keras model, got None"),
        ({"layers": [4]}, ValueError, "layers must be integers from -4 to 3, got 4"),
        ({"layers": [True]}, ValueError, "got True"),
        ({"layers": ["stack"]}, ValueError, "got 'stack'"),
        ({"layers": 3}, TypeError, "layers must be a list of places, got 3"),
        ({"targets": [0.5] * 37}, TypeError, "targets must be integer class ids, got float64"),
        ({"targets": [0] * 36}, ValueError, r"targets must have the shape \(37,\), got \(36,\)"),
        ({"targets": [4] * 37}, ValueError, "targets must be from 0 to 3, got 4 to 4"),
        ({"inputs": np.zeros((0, 5))}, ValueError, "1 or more"),
    ],
)
def test_lesion_of_bad_input(change, error, message):
    model = stack_model()
    inputs, targets = examples_of(model)
    arguments = {"model": model, "inputs": inputs, "targets": targets} | change
    with pytest.raises(error, match=message):
        lesion(**arguments)


@pytest.mark.parametrize("look", [lambda m, x, y: lesion(m, x, y), lambda m, x, y: gates(m, x)])
def test_model_without_a_gate(look):
    model = without_gate()
    with pytest.raises(ValueError, match="has no Highway layer"):
        look(model, *examples_of(model))


def test_layer_that_is_used_twice():
    x = keras.Input((6,))
    layer = Highway(keras.layers.Dense(6), name="same")
    model = keras.Model(x, keras.layers.Dense(CLASSES)(layer(layer(x))))
    with pytest.raises(ValueError, match="uses the layer 'same' twice"):
        lesion(model, *examples_of(model))


def test_model_without_logits_of_classes():
    x = keras.Input((3, 6))
    model = keras.Model(x, Highway(keras.layers.Dense(6))(x))
    with pytest.raises(ValueError, match=r"logits of classes, \(batch, classes\), got"):
        lesion(model, np.zeros((2, 3, 6)), [0, 1])


def test_traces_of_no_model():
    with pytest.raises(TypeError, match="model must be a Keras model, got None"):
        traces(None, np.zeros((1, 4, 2)))


@pytest.mark.parametrize("cell", [PeepholeLSTMCell(3), None])
def test_traces_of_a_model_without_such_cells(cell):
    x = keras.Input((4, 2))
    layer = Recurrent(cell) if cell else keras.layers.LSTM(3)
    with pytest.raises(ValueError, match="no recurrent layer of LSTM or GRU cells"):
        traces(keras.Model(x, layer(x)), np.zeros((1, 4, 2)))


@pytest.mark.parametrize(
    ("make", "layers", "message"),
    [
        (lambda: zoo.build("highway_classifier", depth=2), [0, 1], "must leave one of the 2"),
        (lambda: zoo.build("highway_classifier", depth=2), [2], "from -2 to 1, got 2"),
        (lambda: zoo.build("mlp_classifier"), [0], "one HighwayStack .* got 0"),
        (stack_model, [0], "was not made by zoo.build"),
    ],
)
def test_pruned_of_bad_input(make, layers, message):
    with pytest.raises(ValueError, match=message):
        pruned(make(), layers)


@pytest.mark.parametrize(
    ("targets", "error", "message"),
    [
        ([0, 1, 2], ValueError, r"targets must have the shape \(37,\), got \(3,\)"),
        ([-1] * 37, ValueError, "targets must be from 0 to 3, got -1 to -1"),
        ([4] * 37, ValueError, "targets must be from 0 to 3, got 4 to 4"),
        ([0.5] * 37, TypeError, "targets must be integer class ids, got float64"),
    ],
)
def test_by_class_of_bad_targets(targets, error, message):
    model = stack_model()
    inputs, _ = examples_of(model)
    with pytest.raises(error, match=message):
        gates(model, inputs).by_class(targets, CLASSES)
