"""Seconds of a lesion of every layer in one pass, beside one `evaluate` a layer.

    python benchmarks/lesion.py [--checkpoint highway_mnist_50] [--rounds 3]

The 10,000 test digits, each layer of the Highway stack removed in turn, both ways: by
`zoo.analysis.lesion`, and by `model.evaluate` with the layer switched off, in batches of 32, as
Keras has them, and of 1,024. They take turns; a figure is the median of the rounds, and the losses
must agree. Close other programs first.
"""

import os
import statistics
import time
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import typer

import zoo
from zoo.analysis import lesion
from zoo.analysis.examples import examples_of
from zoo.loading import hardware

BATCHES = (32, 1024)


def one_by_one(model: Any, stack: Any, examples: tuple[Any, Any], batch_size: int) -> np.ndarray:
    """Returns the loss without each layer of a stack, by `evaluate`."""
    losses = []
    for layer in range(stack.depth):
        with stack.switched_off(layer):
            losses.append(model.evaluate(*examples, batch_size=batch_size, verbose=0)[0])
    return np.array(losses)


def main(
    checkpoint: Annotated[str, typer.Option(help="A Highway network for pictures.")] = (
        "highway_mnist_50"
    ),
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    """Measure and print."""
    model = zoo.load(checkpoint)
    examples = examples_of(model, "test")
    stack = model.get_layer("highway")
    took: dict[str, list[float]] = {}
    for _ in range(rounds):
        start = time.perf_counter()
        found = lesion(model, *examples).loss
        took.setdefault("lesion", []).append(time.perf_counter() - start)
        for size in BATCHES:
            start = time.perf_counter()
            losses = one_by_one(model, stack, examples, size)
            took.setdefault(f"evaluate, batches of {size}", []).append(time.perf_counter() - start)
            np.testing.assert_allclose(found, losses, rtol=1e-4)
    whole = statistics.median(took["lesion"])
    typer.echo(f"{checkpoint}, {stack.depth} layers, {hardware()}")
    for name, seconds in took.items():
        median = statistics.median(seconds)
        typer.echo(f"{name}: {median:.1f} s, {median / whole:.1f} times")


if __name__ == "__main__":
    typer.run(main)
