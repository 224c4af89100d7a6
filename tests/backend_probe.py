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
from helpers import random_model
from keras import layers

import zoo
from zoo.layers import CRF, Bidirectional, Highway, HighwayStack, Recurrent
from zoo.layers.crf import log_partition, marginals, negative_log_likelihood, viterbi
from zoo.layers.search import beam_search, sample
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


def crf_outputs():
    """The functions on the potentials of a CRF, for whole, padded and single-step sequences."""
    layer = random_layer(lambda: CRF(3), (5, 6))
    x, mask = random_input((5, 6)), np.arange(5) < np.array([[5], [3]])
    tags = np.arange(10).reshape(2, 5) % 3
    results = {}
    for case, (steps, part) in {
        "whole": (5, None),
        "padded": (5, mask),
        "one step": (1, None),
    }.items():
        potentials = layer(x[:, :steps], mask=part)
        scores = layer(x[:, :steps], mask=part, training=True)
        results |= {
            f"{case} log_partition": log_partition(potentials),
            f"{case} log_partition in training": log_partition(scores),
            f"{case} loss": negative_log_likelihood(tags[:, :steps], potentials),
            f"{case} loss in training": negative_log_likelihood(tags[:, :steps], scores),
            f"{case} viterbi": viterbi(potentials),
            f"{case} marginals": marginals(potentials),
        }
    return {name: value(result) for name, result in results.items()}


def labeller_outputs():
    """A slot filler and a tagger: what they make of sentences, and what their pipelines find."""
    texts = ["leave Taipei on November 2nd", "", "北京 on"]
    results = {}
    for builder, config in {
        "slot_filler": {"intents": ["a", "b"], "window": [1, 2], "cell": "jordan"},
        "tagger": {"depth": 2, "highway": True, "trigram_units": 3},
    }.items():
        config |= {"labels": ["O", "B-x", "I-x"], "vocabulary": ["on", "leave"], "units": 4}
        model = random_model(builder, character_filters=3, **config)
        outputs = model(zoo.preprocessor(model).encode(texts), training=False)
        results |= {f"{builder} {name}": value(output) for name, output in outputs.items()}
        answers = zoo.pipeline(model)(texts)
        tags = [config["labels"].index(tag) for answer in answers for tag in answer["tags"]]
        scores = [token["score"] for answer in answers for token in answer["tokens"]]
        results |= {f"{builder} tags": np.array(tags), f"{builder} scores": np.array(scores)}
    return results


def search_outputs():
    """What is searched for and drawn, greedily, with a network of random weights."""
    rng = np.random.default_rng(31)
    embeddings, kernel, readout = (
        keras.ops.convert_to_tensor(rng.normal(size=shape), "float32")
        for shape in ((6, 4), (4, 4), (4, 6))
    )
    states = [keras.ops.convert_to_tensor(rng.normal(size=(3, 4)), "float32")]

    def step(symbols, states, memory=()):
        h = keras.ops.take(embeddings, symbols, axis=0) + keras.ops.matmul(states[0], kernel)
        h = keras.ops.tanh(h)
        return keras.ops.matmul(h, 2 * readout), [h]

    found = beam_search(step, states, batch_size=3, beam=4, max_length=6)
    wide = beam_search(step, states, batch_size=3, beam=10, max_length=2)
    first = np.full(3, 2, np.int32)
    drawn = [
        sample(step, states, batch_size=3, first=first, max_length=6, **options)
        for options in ({"temperature": 0.0}, {"top_k": 1, "seed": 1})
    ]
    results = {"beam": found, "wide": wide, "greedy": drawn[0], "the likeliest": drawn[1]}
    return {
        f"{key} {i}": value(part) for key, parts in results.items() for i, part in enumerate(parts)
    }


def writer_outputs():
    """Logits of texts that are given, and what the pipelines write, the language model greedily."""
    results = {}
    sizes = {"target_vocabulary": [*"abcdef "], "cell": "gru", "units": 4, "embedding_units": 4}
    for name, model, texts, options in (
        (
            "translator",
            zoo.build("encoder_decoder", source_vocabulary=[*"xyz"], attention="additive", **sizes),
            ["xyzzy", "", "z"],
            {"beam": 3, "n_best": 3},
        ),
        ("text", zoo.build("language_model", **sizes), ["abc", ""], {"temperature": 0.0}),
    ):
        # Weights so large that nothing is nearly as likely as something else.
        for variable in randomize(model, seed=6).weights:
            variable.assign(2 * variable)
        inputs, _ = zoo.preprocessor(model).encode(texts, ["fade", "a cab", ""][: len(texts)])
        results[f"{name} logits"] = value(model(inputs, training=False))
        answers = zoo.pipeline(model)(texts, max_length=8, **options)
        written = [one for answer in answers for one in answer.get("alternatives", [answer])]
        results[f"{name} log_probs"] = np.array([one["log_prob"] for one in written])
        results[f"{name} outputs"] = np.array(
            [[ord(letter) for letter in one["output"].ljust(8)] for one in written]
        )
    return results


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


def moves_of_a_crf_step():
    model = keras.Sequential(
        [
            keras.Input((None, 6)),
            layers.Masking(9.0),
            Recurrent(make_cell("elman"), return_sequences=True),
            CRF(3),
        ]
    )
    randomize(model).compile(keras.optimizers.SGD(1.0), negative_log_likelihood)
    x, y = random_input((5, 6)), np.arange(10).reshape(2, 5) % 3
    x[1, 3:], y[1, 3:] = 9.0, -1
    return moves_of(model, x, y)


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
        crf_outputs,
        labeller_outputs,
        search_outputs,
        writer_outputs,
        moves_of_one_step,
        moves_of_a_recurrent_step,
        moves_of_a_crf_step,
    ):
        np.savez(folder / f"{backend}-{function.__name__}.npz", **function())
