"""Runs the zoo on the backend that KERAS_BACKEND names, and writes what came out.

tests/test_backends.py runs `main` in a fresh process a backend, and compares.
"""

from pathlib import Path

import keras
import numpy as np
from conformance import LAYERS, random_input, random_layer, randomize, value
from keras import layers

import zoo
from zoo.layers import Highway, HighwayStack
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


def moves_of_one_step():
    """Plain gradient descent, so that how far a weight has moved shows its gradient."""
    model = randomize(zoo.build("highway_classifier", depth=3, units=6, input_shape=(4, 4)))
    compile_classifier(model, keras.optimizers.SGD(1.0))
    before = {variable.path: np.array(value(variable)) for variable in model.weights}
    pictures = np.random.default_rng(3).integers(0, 256, (8, 4, 4), dtype=np.uint8)
    model.fit(pictures, np.arange(8), verbose=0)
    return {variable.path: value(variable) - before[variable.path] for variable in model.weights}


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
        moves_of_one_step,
    ):
        np.savez(folder / f"{backend}-{function.__name__}.npz", **function())
