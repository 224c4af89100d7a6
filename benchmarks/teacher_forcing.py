"""Training a Jordan network without a loop: teacher forcing beside the free-running form.

    python benchmarks/teacher_forcing.py [--steps 512] [--output docs/figures]

With the true previous outputs in its input, no step of a Jordan network waits for the one before,
so a sequence is trained as one large product. This times a training step (forward, cross-entropy
at every step, gradients of all weights; no optimizer) of the teacher-forced and the free-running
form with the same weights, and of an Elman network with a softmax layer, which has no such way out:
batch 32, 128 features, 256 units, 64 outputs. They take turns within one process, `--rounds` times;
ratios are within a round. Writes `teacher_forcing.csv`. Close other programs first.
"""

import os
import statistics
from pathlib import Path
from typing import Annotated

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import keras
import numpy as np
import tensorflow as tf
import typer
from recurrent_speed import seconds, write

from zoo.cells import ElmanCell, JordanCell
from zoo.layers import Recurrent

BATCH, FEATURES, UNITS, OUTPUTS = 32, 128, 256, 64


def training_step(network, variables, inputs, labels):
    """Returns a function that takes one training step."""

    @tf.function(jit_compile=False)
    def train(inputs, labels):
        with tf.GradientTape() as tape:
            outputs = network(inputs, training=True)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, outputs))
        return loss, tape.gradient(loss, variables)

    return lambda: train(inputs, labels)


def compare(steps: int, rounds: int) -> list[dict[str, str | int | float]]:
    """Returns the rows of one length."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(BATCH, steps, FEATURES)), tf.float32)
    labels = tf.constant(rng.integers(0, OUTPUTS, (BATCH, steps)))

    forced = Recurrent(JordanCell(UNITS, OUTPUTS, teacher_forcing=True), return_sequences=True)
    free = Recurrent(JordanCell(UNITS, OUTPUTS), return_sequences=True)
    plain = keras.layers.RNN(JordanCell(UNITS, OUTPUTS), return_sequences=True)
    elman = keras.Sequential(
        [
            Recurrent(ElmanCell(UNITS), return_sequences=True),
            keras.layers.Dense(OUTPUTS, activation="softmax"),
        ]
    )
    for layer in (free, plain, elman):
        layer.build((None, None, FEATURES))
    forced.build((None, None, FEATURES + OUTPUTS))
    for layer in (forced, plain):
        layer.set_weights(free.get_weights())

    # Told what the free-running form answers, the teacher-forced one answers the same.
    answers = free(x)
    previous = tf.concat([tf.zeros((BATCH, 1, OUTPUTS)), answers[:, :-1]], axis=1)
    np.testing.assert_allclose(forced(tf.concat([x, previous], -1)), answers, atol=1e-5)

    previous = tf.pad(tf.one_hot(labels[:, :-1], OUTPUTS), [(0, 0), (1, 0), (0, 0)])
    networks = {
        "jordan, teacher forcing": (forced, tf.concat([x, previous], -1)),
        "jordan, free-running": (free, x),
        "elman and softmax layer": (elman, x),
        "jordan, free-running, keras.layers.RNN": (plain, x),
    }
    calls = {
        name: training_step(network, network.trainable_variables, inputs, labels)
        for name, (network, inputs) in networks.items()
    }
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(seconds(call))
    forced_times = times["jordan, teacher forcing"]
    return [
        {
            "steps": steps,
            "network": name,
            "ms": 1e3 * statistics.median(spent),
            "times forced": statistics.median(
                a / b for a, b in zip(spent, forced_times, strict=True)
            ),
        }
        for name, spent in times.items()
    ]


def main(
    steps: Annotated[list[int] | None, typer.Option(help="Lengths; 50 and 512.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    output: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/figures"),
) -> None:
    """Measure, print the table and write it beside the other figures."""
    rows = [row for count in steps or (50, 512) for row in compare(count, rounds)]
    write(rows, output / "teacher_forcing.csv")
    print("| steps | network | training step, ms | times teacher forcing |\n|---|---|---|---|")
    for row in rows:
        line = f"{row['ms']:.1f} | {row['times forced']:.2f}"
        print(f"| {row['steps']} | {row['network']} | {line} |")


if __name__ == "__main__":
    typer.run(main)
