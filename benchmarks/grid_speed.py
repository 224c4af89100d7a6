"""Milliseconds of a Grid LSTM beside the same network in single Keras layers.

    python benchmarks/grid_speed.py [--dimensions 2] [--rounds 5]

In two dimensions, time and depth, a training step of `Recurrent(GridLSTMCell(depth=6))` beside
`keras.layers.RNN` over a cell of Keras's Dense layers. In three, a picture walked along its
anti-diagonals beside one cell after another. Both of a pair have the same weights and must give the
same outputs. They take turns; a figure is the quickest of the rounds. Close other programs first.
One cell after another is a graph of 784 of them, which takes minutes to make.
"""

import os
import time
from collections.abc import Callable
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import typer
from keras import ops

from zoo.cells import GridLSTMCell
from zoo.layers import GridLSTM3D, GridLSTMBlock, Recurrent
from zoo.loading import hardware


class DenseGridCell(keras.layers.Layer):
    """Grid LSTM along time and depth as Keras users write it: a Dense layer for each gate."""

    def __init__(self, units: int, depth: int):
        super().__init__()
        self.units, self.depth = units, depth
        self.state_size = [units] * (2 * depth)
        self.below = keras.layers.Dense(2 * units)
        sigmoid, tanh = "sigmoid", "tanh"
        self.gates = {
            name: [keras.layers.Dense(units, activation) for activation in (sigmoid,) * 2 + (tanh,)]
            + [keras.layers.Dense(units, sigmoid)]
            for name in ("time", "depth")
        }

    def build(self, input_shape):
        self.below.build(input_shape)
        for layer in (*self.gates["time"], *self.gates["depth"]):
            layer.build((None, 2 * self.units))

    def call(self, x, states):
        h_depth, m_depth = ops.split(self.below(x), 2, axis=-1)
        after = []
        for layer in range(self.depth):
            h, m = states[2 * layer : 2 * layer + 2]
            both = ops.concatenate([h, h_depth], axis=-1)
            h, m = self._lstm("time", both, m)
            h_depth, m_depth = self._lstm("depth", both, m_depth)
            after += [h, m]
        return h_depth, after

    def _lstm(self, name, both, m):
        i, f, c, o = (gate(both) for gate in self.gates[name])
        m = f * m + i * c
        return ops.tanh(o * m), m


def in_time_and_depth(batch: int, steps: int, units: int, depth: int) -> dict[str, Callable]:
    """Returns a training step of each of the two networks along time and depth."""
    x = tf.random.normal((batch, steps, units), seed=1)
    cell = GridLSTMCell(units, depth=depth)
    ours = Recurrent(cell, return_sequences=True)
    theirs = keras.layers.RNN(DenseGridCell(units, depth), return_sequences=True)
    ours.build(x.shape)
    theirs(x)
    other = theirs.cell
    other.below.set_weights([cell.kernel, cell.bias])
    for name in ("time", "depth"):
        kernel = np.split(np.array(getattr(cell, f"{name}_kernel")[0]), 4, axis=-1)
        bias = np.split(np.array(getattr(cell, f"{name}_bias")[0]), 4, axis=-1)
        for gate, *weights in zip(other.gates[name], kernel, bias, strict=True):
            gate.set_weights(weights)
    np.testing.assert_allclose(ours(x), theirs(x), atol=1e-5)
    return {"the zoo": training_step(ours, x), "Keras layers": training_step(theirs, x)}


def over_a_picture(batch: int, side: int, units: int) -> dict[str, Callable]:
    """Returns a training step of each of the two walks over a picture."""
    x = tf.random.normal((batch, side, side, 4), seed=1)
    ours = GridLSTM3D(units)
    ours.build(x.shape)
    block = GridLSTMBlock(units, dimensions=3)
    block.build([(None, units)] * 6)
    for n in range(3):
        part = slice(4 * units * n, 4 * units * (n + 1))
        block.kernels[n].assign(ours.block_kernel[0, 0][:, part])
        block.biases[n].assign(ours.block_bias[0, 0][part])

    def one_by_one(x, training=False):
        below = ops.matmul(x, ours.kernel[0]) + ours.bias[0]
        h_below, m_below = ops.split(below, 2, axis=-1)
        nothing = ops.zeros_like(h_below[:, 0, 0])
        above = [(nothing, nothing)] * side
        rows = []
        for i in range(side):
            left, row = (nothing, nothing), []
            for j in range(side):
                h_up, m_up = above[j]
                h_left, m_left = left
                states = [h_up, h_left, h_below[:, i, j], m_up, m_left, m_below[:, i, j]]
                h_up, h_left, h, m_up, m_left, _ = block(states)
                above[j], left = (h_up, m_up), (h_left, m_left)
                row.append(h)
            rows.append(ops.stack(row, axis=1))
        return ops.stack(rows, axis=1)

    np.testing.assert_allclose(ours(x[:2]), one_by_one(x[:2]), atol=1e-5)
    weights = [ours.kernel, ours.bias, *block.trainable_variables]
    return {
        "anti-diagonals": training_step(ours, x),
        "one by one": training_step(one_by_one, x, weights),
        "anti-diagonals, outputs alone": tf.function(lambda: ours(x)),
        "one by one, outputs alone": tf.function(lambda: one_by_one(x)),
    }


def training_step(network: Any, x: Any, weights: Any = None) -> Callable:
    """Returns a function that computes the gradients of a network's weights."""
    weights = network.trainable_variables if weights is None else weights

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(x, training=True) ** 2)
        return tape.gradient(loss, weights)

    return step


def quickest(calls: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Returns the milliseconds of the quickest call of each, after one that does not count."""
    took = dict.fromkeys(calls, float("inf"))
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            took[name] = min(took[name], 1000 * (time.perf_counter() - start))
    return took


def main(
    dimensions: Annotated[
        int | None, typer.Option(min=2, max=3, help="2 or 3, these alone.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Measure and print."""
    typer.echo(f"{hardware()}, tensorflow {tf.__version__}")
    sizes = {
        2: ("time x depth 6, batch 32, 50 steps, 128 units", in_time_and_depth, (32, 50, 128, 6)),
        3: ("28 x 28 places, batch 32, 32 units", over_a_picture, (32, 28, 32)),
    }
    for number, (what, make, size) in sizes.items():
        if dimensions in (None, number):
            typer.echo(what)
            for name, milliseconds in quickest(make(*size), rounds).items():
                typer.echo(f"  {name}: {milliseconds:.0f} ms")


if __name__ == "__main__":
    typer.run(main)
