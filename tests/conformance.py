"""The table of the zoo's layers, and what tests of any layer need.

A new layer joins by being listed in LAYERS: tests/test_conformance.py then holds it to what every
layer must do, and tests/test_backends.py compares its outputs on TensorFlow, JAX and PyTorch.
"""

import keras
import numpy as np
from keras import layers

from zoo.layers import Highway, HighwayStack

# name -> (function that makes the layer, shape of its input without the batch)
LAYERS = {
    "stack": (lambda: HighwayStack(3), (6,)),
    "stack_carry": (lambda: HighwayStack(3, activation="tanh", gate="carry"), (6,)),
    "stack_of_sequences": (lambda: HighwayStack(2, activation="tanh", gate_bias=-1), (4, 6)),
    "highway_dense": (lambda: Highway(layers.Dense(6, activation="relu")), (6,)),
    "highway_dense_carry": (lambda: Highway(layers.Dense(6), gate="carry", gate_bias=2), (6,)),
    "highway_conv1d": (lambda: Highway(layers.Conv1D(6, 3, padding="same")), (4, 6)),
    "highway_conv2d": (lambda: Highway(layers.Conv2D(3, 3, padding="same")), (4, 5, 3)),
    "highway_lstm": (lambda: Highway(layers.LSTM(6, return_sequences=True)), (4, 6)),
    "highway_bidirectional": (
        lambda: Highway(layers.Bidirectional(layers.LSTM(3, return_sequences=True))),
        (4, 6),
    ),
    "highway_own_gate": (
        lambda: Highway(
            layers.Conv1D(6, 3, padding="same", activation="tanh"),
            gate_layer=layers.Dense(6, use_bias=False),
        ),
        (4, 6),
    ),
    "highway_of_highway": (lambda: Highway(Highway(layers.Dense(6, activation="tanh"))), (6,)),
}


def randomize(layer, seed=0):
    """Makes every weight of a built layer or model a draw of its own, biases too."""
    rng = np.random.default_rng(seed)
    for variable in layer.weights:
        variable.assign(rng.normal(scale=0.5, size=variable.shape))
    return layer


def random_input(shape, seed=1):
    return np.random.default_rng(seed).normal(size=(2, *shape)).astype("float32")


def random_layer(make, shape):
    layer = make()
    layer.build((None, *shape))
    return randomize(layer)


def random_model(make, shape):
    return randomize(keras.Sequential([keras.Input(shape, name="x"), make()]))


def value(tensor):
    return keras.ops.convert_to_numpy(tensor)
