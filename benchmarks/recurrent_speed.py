"""Speed of every cell under Recurrent beside keras.layers, torch.nn and torchrecurrent.

    python benchmarks/recurrent_speed.py [--sizes 32x50] [--cells lstm] [--output docs/figures]

For each cell a training step (forward, mean square of all outputs, gradients of all weights; no
optimizer) and inference, 128 features and 256 units. What is compared takes turns within one
process, `--rounds` times, with the same weights and the same outputs where it can be had; ratios
are within a round. All Keras layers, ours too, run with XLA and without, and the printed table has
the quicker of each; `recurrent_speed.csv` has all. PyTorch and torchrecurrent take part where they
are installed. Close other programs first.
"""

import csv
import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import keras
import numpy as np
import tensorflow as tf
import typer
from rich.progress import track

from zoo import cells
from zoo.layers import Bidirectional, Recurrent

FEATURES, UNITS, OUTPUTS = 128, 256, 128
# Each cell, and Keras's layer of the same equations where there is one.
CELLS: dict[str, tuple[Callable, Callable | None]] = {
    "elman": (cells.ElmanCell, keras.layers.SimpleRNN),
    "jordan": (partial(cells.JordanCell, outputs=OUTPUTS), None),
    "lstm": (cells.LSTMCell, partial(keras.layers.LSTM, use_cudnn=False)),
    "peephole_lstm": (cells.PeepholeLSTMCell, None),
    "gru": (cells.GRUCell, partial(keras.layers.GRU, reset_after=False, use_cudnn=False)),
    "gru reset_after": (
        partial(cells.GRUCell, reset_after=True),
        partial(keras.layers.GRU, use_cudnn=False),
    ),
    "recurrent_highway": (cells.RecurrentHighwayCell, None),
}
BOTH_WAYS = [f"bidirectional {cell}" for cell in ("elman", "lstm", "gru reset_after")]


def layers_of(name: str) -> dict[str, keras.Layer]:
    """Returns the Keras layers that are compared for one cell, with the same weights."""
    cell, built_in = CELLS[name.removeprefix("bidirectional ")]
    both_ways = name in BOTH_WAYS
    driver = Bidirectional if both_ways else Recurrent

    def plain(layer):
        return keras.layers.Bidirectional(layer) if both_ways else layer

    layers = {
        "zoo": driver(cell(UNITS), return_sequences=True),
        "zoo bfloat16": driver(cell(UNITS, matmul_dtype="bfloat16"), return_sequences=True),
        "RNN, zoo cell": plain(keras.layers.RNN(cell(UNITS), return_sequences=True)),
    }
    if built_in:
        layers["Keras layer"] = plain(built_in(UNITS, return_sequences=True))
        its_cell = cell(UNITS)
        its_cell.build((None, FEATURES))
        layers["RNN, Keras cell"] = plain(
            keras.layers.RNN(its_cell.to_keras(), return_sequences=True)
        )
    for layer in layers.values():
        layer.build((None, None, FEATURES))
        layer.set_weights(layers["zoo"].get_weights())
    return layers


def keras_calls(layer: keras.Layer, x: tf.Tensor, jit: bool) -> dict[str, Callable]:
    """Returns functions that take a training step and infer."""

    @tf.function(jit_compile=jit)
    def train(x):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(x, training=True)))
        return loss, tape.gradient(loss, layer.trainable_variables)

    infer = tf.function(layer, jit_compile=jit)
    return {
        "train": lambda: train(x),
        "infer": lambda: infer(x),
        "train_graph": lambda: train.get_concrete_function(x).graph,
    }


def torch_module(name: str, cell: cells.Cell):
    """Returns the PyTorch module of the same equations, or None where there is none."""
    import torch

    kinds = {"elman": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru reset_after": torch.nn.GRU}
    if name in kinds:
        return cell.to_torch()
    if name in BOTH_WAYS:
        kind = kinds[name.removeprefix("bidirectional ")]
        return kind(FEATURES, UNITS, batch_first=True, bidirectional=True)
    if name == "peephole_lstm" and importlib.util.find_spec("torchrecurrent"):
        import torchrecurrent

        return torchrecurrent.PeepholeLSTM(FEATURES, UNITS, batch_first=True)
    return None


def torch_calls(module, x: np.ndarray) -> dict[str, Callable]:
    """Returns functions that take a training step and infer with a PyTorch module."""
    import torch

    x = torch.from_numpy(x)

    def train():
        module.zero_grad()
        module(x)[0].square().mean().backward()

    def infer():
        with torch.inference_mode():
            return module(x)[0]

    return {"train": train, "infer": infer}


def seconds(call: Callable) -> float:
    """Returns the median time of some calls, after one that is not counted."""
    call()
    times: list[float] = []
    while sum(times) < 0.2:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def compare(name: str, batch: int, steps: int, rounds: int) -> list[dict[str, Any]]:
    """Returns the rows of one cell: a training step and inference of all that are compared."""
    x = np.random.default_rng(0).normal(size=(batch, steps, FEATURES)).astype(np.float32)
    layers = layers_of(name)
    contenders = {
        label + ", XLA" * jit: keras_calls(layer, tf.constant(x), jit)
        for label, layer in layers.items()
        for jit in ((False,) if "bfloat16" in label else (False, True))
    }
    if importlib.util.find_spec("torch") and (module := torch_module(name, layers["zoo"].cells[0])):
        contenders["torch"] = torch_calls(module, x)
    expected = contenders["zoo"]["infer"]()
    for label, calls in contenders.items():
        same = label != "torch" or name not in ("peephole_lstm", *BOTH_WAYS)
        if same and "bfloat16" not in label:
            np.testing.assert_allclose(calls["infer"](), expected, atol=1e-3, err_msg=label)
    rows = []
    for what in ("train", "infer"):
        times: dict[str, list[float]] = {label: [] for label in contenders}
        for _ in range(rounds):
            for label, calls in contenders.items():
                times[label].append(seconds(calls[what]))
        for label in contenders:
            row = {"batch": batch, "steps": steps, "cell": name, "what": what, "layer": label}
            row["ms"] = 1e3 * statistics.median(times[label])
            for base in ("zoo", "zoo, XLA", "zoo bfloat16"):
                pairs = zip(times[label], times[base], strict=True)
                row[f"times {base}"] = statistics.median(a / b for a, b in pairs)
            rows.append(row)
    return rows


def print_table(rows: list[dict[str, Any]]) -> None:
    """Prints how many times as long as ours theirs takes, the quicker of XLA and not of each."""
    print(
        "\n| batch × steps | cell | | Recurrent, ms | keras.layers.RNN | Keras's layer | PyTorch ",
        end="",
    )
    print(f"| RNN against bfloat16 products |\n{'|---' * 8}|")
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for row in rows:
        key = f"{row['batch']} × {row['steps']}", row["cell"], row["what"]
        groups.setdefault(key, []).append(row)
    for key, group in groups.items():

        def quickest(*labels, group=group):
            return min(
                (row for row in group if row["layer"].startswith(labels)),
                key=lambda row: row["ms"],
                default=None,
            )

        ours = min((r for r in group if r["layer"] in ("zoo", "zoo, XLA")), key=lambda r: r["ms"])
        theirs = [quickest("RNN"), quickest("Keras layer"), quickest("torch")]
        times = f"times {ours['layer']}"
        line = [*key, f"{ours['ms']:.1f}{' (XLA)' if 'XLA' in times else ''}"]
        line += [f"{row[times]:.2f}" if row else "–" for row in theirs]
        print("|", " | ".join([*line, f"{theirs[0]['times zoo bfloat16']:.2f}"]), "|")


def write(rows: list[dict[str, Any]], path: Path) -> None:
    """Writes a table."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            short = {k: f"{v:.4g}" for k, v in row.items() if isinstance(v, float)}
            writer.writerow(row | short)


def main(
    sizes: Annotated[list[str] | None, typer.Option(help="Batch and steps, as 32x50.")] = None,
    names: Annotated[list[str] | None, typer.Option("--cells", help="All by default.")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    output: Annotated[Path, typer.Option(help="Folder of the tables.")] = Path("docs/figures"),
) -> None:
    """Measure, print the table and write it beside the other figures."""
    rows: list[dict[str, Any]] = []
    for size in sizes or ["32x50", "1x50", "32x512"]:
        batch, steps = map(int, size.split("x"))
        for name in track(names or [*CELLS, *BOTH_WAYS], size):
            rows += compare(name, batch, steps, rounds)
            write(rows, output / "recurrent_speed.csv")
    print_table(rows)


if __name__ == "__main__":
    typer.run(main)
