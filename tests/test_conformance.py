"""What every layer of the zoo must do, run over the table of tests/conformance.py."""

import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from conformance import FULL_PRECISION, LAYERS, random_input, random_layer, random_model, value

every_layer = pytest.mark.parametrize(("make", "shape"), LAYERS.values(), ids=LAYERS)


def names(layer):
    # Not the paths: Keras rebuilds a wrapped layer outside of the scope of its wrapper.
    return [variable.name for variable in layer.weights]


@every_layer
def test_config_round_trip(make, shape):
    layer, x = random_layer(make, shape), random_input(shape)
    config = json.dumps(keras.layers.serialize(layer))
    twin = keras.layers.deserialize(json.loads(config))
    assert json.dumps(keras.layers.serialize(twin)) == config
    twin(x)
    assert names(twin) == names(layer)
    twin.set_weights(layer.get_weights())
    np.testing.assert_array_equal(value(twin(x)), value(layer(x)))


@every_layer
def test_every_argument_is_in_the_config(make, shape):
    layer = make()
    arguments = set(inspect.signature(type(layer)).parameters) - {"kwargs"}
    assert arguments <= layer.get_config().keys()


@every_layer
def test_save_and_load(make, shape, tmp_path):
    model, x = random_model(make, shape), random_input(shape)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert names(loaded) == names(model)
    np.testing.assert_array_equal(value(loaded(x)), value(model(x)))


@every_layer
def test_variables_have_names_of_their_own(make, shape):
    # A checkpoint's key is the path: two variables of one path could not both be stored.
    paths = [variable.path for variable in random_model(make, shape).weights]
    assert len(paths) == len(set(paths)) > 0


@every_layer
def test_saved_model_export(make, shape, tmp_path):
    model = random_model(make, shape)
    model.export(tmp_path, verbose=False)
    x = random_input(shape)
    exported = tf.saved_model.load(tmp_path)
    np.testing.assert_allclose(exported.serve(x), value(model(x)), atol=1e-5)


@pytest.fixture
def mixed_bfloat16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@every_layer
def test_mixed_precision(make, shape, mixed_bfloat16):
    mixed = random_layer(make, shape)
    assert {variable.dtype for variable in mixed.weights} == {"float32"}
    keras.config.set_dtype_policy("float32")
    full = random_layer(make, shape)
    x = random_input(shape)
    y = mixed(x)
    expected = "float32" if isinstance(mixed, FULL_PRECISION) else "bfloat16"
    assert keras.backend.standardize_dtype(y.dtype) == expected
    np.testing.assert_allclose(value(y).astype("float32"), value(full(x)), atol=0.1)


@every_layer
def test_symbolic_shape_and_dtype_are_the_true_ones(make, shape):
    layer = random_layer(make, shape)
    symbolic, y = layer(keras.Input(shape)), layer(random_input(shape))
    assert symbolic.shape == (None, *y.shape[1:])
    assert layer.compute_output_shape((2, *shape)) == tuple(y.shape)
    assert symbolic.dtype == keras.backend.standardize_dtype(y.dtype)


@every_layer
def test_all_axes_but_the_last_may_be_unknown(make, shape):
    model = random_model(make, (*(None for _ in shape[1:]), shape[-1]))
    layer = random_layer(make, shape)
    x = random_input(shape)
    np.testing.assert_allclose(model.predict_on_batch(x), value(layer(x)), atol=1e-6)


@every_layer
def test_every_weight_is_trained(make, shape):
    layer = random_layer(make, shape)
    x = random_input(shape)
    with tf.GradientTape() as tape:
        y = layer(x)
        loss = keras.ops.sum(y * random_input(y.shape[1:], seed=2))
    assert layer.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in layer.trainable_variables])
    for variable, gradient in zip(layer.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.abs(value(gradient)).max() > 1e-6, variable.path


@every_layer
def test_one_input_does_not_touch_another_of_the_batch(make, shape):
    layer = random_layer(make, shape)
    x = random_input(shape)
    np.testing.assert_allclose(value(layer(x))[:1], value(layer(x[:1])), atol=1e-6)
