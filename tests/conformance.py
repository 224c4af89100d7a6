"""The table of the zoo's layers, and what tests of any layer need.

A new layer joins by being listed in LAYERS: tests/test_conformance.py then holds it to what every
layer must do, and tests/test_backends.py compares its outputs on TensorFlow, JAX and PyTorch.
"""

from functools import partial

import keras
import numpy as np
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
from zoo.layers import CRF, Bidirectional, Highway, HighwayStack, Recurrent

# name -> (class of the cell, its sizes, its other arguments)
CELLS = {
    "elman": (ElmanCell, (4,), {}),
    "elman_sigmoid": (ElmanCell, (4,), {"activation": "sigmoid"}),
    "elman_linear": (ElmanCell, (4,), {"activation": "linear"}),
    "elman_no_bias": (ElmanCell, (4,), {"use_bias": False}),
    "jordan": (JordanCell, (4, 3), {}),
    "jordan_sigmoid": (
        JordanCell,
        (4, 3),
        {"activation": "sigmoid", "output_activation": "sigmoid", "use_bias": False},
    ),
    "jordan_decay": (JordanCell, (4, 3), {"decay": 0.6, "output_activation": "linear"}),
    "jordan_taught": (JordanCell, (4, 3), {"teacher_forcing": True}),
    "jordan_taught_decay": (JordanCell, (4, 3), {"teacher_forcing": True, "decay": 0.6}),
    "lstm": (LSTMCell, (4,), {}),
    "lstm_sigmoid": (LSTMCell, (4,), {"activation": "sigmoid"}),
    "lstm_linear": (LSTMCell, (4,), {"activation": "linear", "output_activation": "linear"}),
    "lstm_no_bias": (LSTMCell, (4,), {"use_bias": False, "output_activation": "sigmoid"}),
    "peephole": (PeepholeLSTMCell, (4,), {}),
    "peephole_linear": (
        PeepholeLSTMCell,
        (4,),
        {"activation": "sigmoid", "output_activation": "linear", "use_bias": False},
    ),
    "gru": (GRUCell, (4,), {}),
    "gru_sigmoid": (GRUCell, (4,), {"activation": "sigmoid", "use_bias": False}),
    "gru_after": (GRUCell, (4,), {"reset_after": True}),
    "gru_after_linear": (
        GRUCell,
        (4,),
        {"reset_after": True, "activation": "linear", "use_bias": False},
    ),
    "highway": (RecurrentHighwayCell, (4,), {}),
    "highway_depth_1": (RecurrentHighwayCell, (4,), {"depth": 1, "activation": "sigmoid"}),
    "highway_no_bias": (RecurrentHighwayCell, (4,), {"depth": 2, "use_bias": False}),
    "grid": (GridLSTMCell, (4,), {}),
    "grid_depth_1": (GridLSTMCell, (4,), {"depth": 1}),
    "grid_untied": (
        GridLSTMCell,
        (4,),
        {"depth": 3, "tied": False, "priority": "depth", "output_form": "o*tanh(m)"},
    ),
    "grid_time_last": (GridLSTMCell, (4,), {"priority": "time", "use_bias": False}),
    "grid_plain_depth": (GridLSTMCell, (4,), {"tied": False, "depth_activation": "tanh"}),
}

# One a class, in the form that most use.
PLAIN_CELLS = ("elman", "jordan", "lstm", "peephole", "gru", "highway", "grid")


def make_cell(name, **options):
    make, sizes, own_options = CELLS[name]
    return make(*sizes, **own_options, **options)


def random_cell(name, features, **options):
    cell = make_cell(name, **options)
    cell.build((None, features))
    return randomize(cell)


def recurrent(name, **options):
    return Recurrent(make_cell(name), **options)


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
    **{
        f"recurrent_{name}": (partial(recurrent, name, return_sequences=True), (4, 6))
        for name in (*PLAIN_CELLS, "jordan_taught_decay", "gru_after")
    },
    "recurrent_deep": (
        lambda: Recurrent([LSTMCell(5), JordanCell(4, 3), GRUCell(6)], return_sequences=True),
        (4, 6),
    ),
    "recurrent_last_output": (lambda: recurrent("peephole", go_backwards=True), (4, 6)),
    "bidirectional": (
        lambda: Bidirectional(PeepholeLSTMCell(4), return_sequences=True),
        (4, 6),
    ),
    "bidirectional_sum": (lambda: Bidirectional(JordanCell(4, 3), merge_mode="sum"), (4, 6)),
    "highway_recurrent": (
        lambda: Highway(Bidirectional(GRUCell(3), return_sequences=True)),
        (4, 6),
    ),
    "crf": (lambda: CRF(3), (4, 6)),
}

# Layers that compute in float32 under every dtype policy.
FULL_PRECISION = (CRF,)


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
