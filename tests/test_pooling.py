"""Pooling over time, against NumPy."""

import keras
import numpy as np
import pytest

from zoo.layers import AttentionPooling

X = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
MASK = np.array([[True] * 5, [True, True, False, False, False], [False] * 5])


def random_pooling():
    layer = AttentionPooling(6)
    layer.build(X.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def value(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_steps_are_weighted_by_attention():
    layer = random_pooling()
    kernel, bias, context = (value(weight).astype("float64") for weight in layer.weights)
    found = value(layer(X, mask=MASK))
    for row, count in enumerate((5, 2)):
        x = X[row, :count].astype("float64")
        scores = np.exp(np.tanh(x @ kernel + bias) @ context)
        np.testing.assert_allclose(found[row], scores / scores.sum() @ x, atol=1e-5)
    np.testing.assert_allclose(found[2], X[2].mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found[0], value(layer(X))[0], atol=1e-6)


def test_bad_arguments():
    with pytest.raises(ValueError, match="units must be a positive integer, got 0"):
        AttentionPooling(0)
    with pytest.raises(ValueError, match="expected ndim=3"):
        AttentionPooling(2)(X[0])
