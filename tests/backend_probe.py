"""Runs the zoo on the backend that KERAS_BACKEND names, and writes what came out.

tests/test_backends.py runs `main` in a fresh process a backend, and compares.
"""

from pathlib import Path

import keras
import numpy as np
from conformance import (
    LAYERS,
    PLAIN_CELLS,
    make_cell,
    random_cell,
    random_input,
    random_layer,
    randomize,
    value,
)
from keras import layers

import zoo
from zoo.layers import Bidirectional, Highway, HighwayStack, Recurrent
from zoo.models.classifying import compile_classifier


def layer_outputs():
    """Every layer of the table: its name -> its output."""
    return {
        name: value(random_layer(make, shape)(random_input(shape)))
        for name, (make, shape) in LAYERS.items()
    }


def switched_off_outputs():
    """A compiled model before, while and after a layer is switched off."""
    model = keras.Sequential([keras.Input((4,)), HighwayStack(3)])
    stack = randomize(model).layers[0]
    x = random_input((4,))
    outputs = {"before": model.predict(x, verbose=0)}
    with stack.switched_off(1):
        outputs["off"] = model.predict(x, verbose=0)
    outputs["after"] = model.predict(x, verbose=0)
    return outputs


def masked_outputs():
    """A sequence with a masked step in the middle, and the sequence without that step."""
    model = keras.Sequential(
        [
            keras.Input((None, 4)),
            layers.Masking(9.0),
            HighwayStack(2),
            Highway(layers.LSTM(4, return_sequences=True)),
        ]
    )
    randomize(model)
    x = random_input((4, 4))
    return {
        "gap": model.predict_on_batch(np.insert(x, 2, 9.0, axis=1)),
        "no_gap": model.predict_on_batch(x),
    }


def recurrent_outputs():
    """What the table does not show of the drivers: masks, both directions, states, streaming."""
    x, mask = random_input((7, 6)), np.arange(14).reshape(2, 7) % 3 > 0
    results = {}
    for name in PLAIN_CELLS:
        options = {"return_sequences": True, "return_state": True}
        layer = Recurrent(random_cell(name, 6), go_backwards=True, **options)
        results[f"{name} backwards"] = layer(x, mask=mask)
        layer = Recurrent(random_cell(name, 6), stateful=True, **options)
        results[f"{name} stateful"] = [y for part in (x[:, :3], x[:, 3:]) for y in layer(part)]
        output, states = Recurrent(random_cell(name, 6)).step(x[:, 0])
        results[f"{name} step"] = [output, *states]
        both = Bidirectional(make_cell(name), **options)
        both.build(x.shape)
        results[f"{name} both"] = randomize(both)(x, mask=mask)
    return {f"{key} {i}": value(y) for key, ys in results.items() for i, y in enumerate(ys)}


def moves_of(model, x, y):
    """How far a step of plain gradient descent moves each weight, which shows its gradient."""
    before = [np.array(value(variable)) for variable in model.weights]
    model.fit(x, y, verbose=0)
    return {
        f"{i} {variable.name}": value(variable) - before[i]
        for i, variable in enumerate(model.weights)
    }


def moves_of_one_step():
    model = randomize(zoo.build("highway_classifier", depth=3, units=6, input_shape=(4, 4)))
    compile_classifier(model, keras.optimizers.SGD(1.0))
    pictures = np.random.default_rng(3).integers(0, 256, (8, 4, 4), dtype=np.uint8)
    return moves_of(model, pictures, np.arange(8))


def moves_of_a_recurrent_step():
    model = keras.Sequential(
        [
            keras.Input((None, 6)),
            layers.Masking(9.0),
            Bidirectional(make_cell("peephole"), return_sequences=True),
            Recurrent([make_cell("highway"), make_cell("jordan"), make_cell("gru")]),
        ]
    )
    randomize(model).compile(keras.optimizers.SGD(1.0), "mse")
    x = np.insert(random_input((5, 6)), 2, 9.0, axis=1)
    return moves_of(model, x, 10 * random_input((4,), seed=2))


def main(folder, sha256):
    """Writes one .npz a function above, and one of the checkpoint's logits, to `folder`."""
    folder = Path(folder)
    backend = keras.backend.backend()
    model = zoo.load(folder / "checkpoint", sha256=sha256)
    logits = model.predict(np.load(folder / "pictures.npy"), verbose=0)
    np.savez(folder / f"{backend}-checkpoint.npz", logits=logits)
    for function in (
        layer_outputs,
        switched_off_outputs,
        masked_outputs,
        recurrent_outputs,
        moves_of_one_step,
        moves_of_a_recurrent_step,
    ):
        np.savez(folder / f"{backend}-{function.__name__}.npz", **function())
