"""How long `zoo.pipeline` takes for one input, and for 32 in one call, of every checkpoint.

    python benchmarks/latency.py [NAME…] [--rounds 200] [--output docs/figures/latency.csv]

Inputs are pictures, sentences or texts of the test split that the checkpoint was scored on, others
in every call; a language model, which goes on for as long as it is asked to, is left out. Each
figure is the median of `--rounds` calls after 20 that are not counted. Loading is not in it. A
checkpoint that is measured again takes its row's place; `python -m training.release` then brings
the figures into the tables. Close other programs first.
"""

import csv
import os
import statistics
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import typer

import zoo
from zoo.loading import hardware

BATCH = 32
WARM_UP = 20
COLUMNS = ("checkpoint", "revision", "one_ms", "batch_ms", "hardware", "backend")


def median_ms(answer: Callable[[Any], Any], calls: Sequence[Any], rounds: int) -> float:
    """Returns the median milliseconds of `answer` on the calls' inputs, taken in turn."""
    took = []
    for inputs in islice(cycle(calls), WARM_UP + rounds):
        start = time.perf_counter()
        answer(inputs)
        took.append(time.perf_counter() - start)
    return 1000 * statistics.median(took[WARM_UP:])


def measure(name: str, rounds: int) -> dict[str, Any]:
    """Returns the row of a checkpoint."""
    info = zoo.info(name)
    inputs, _ = zoo.data.load(info["dataset"]["name"], info["dataset"]["test_split"])
    pipe = zoo.pipeline(name)
    backend = keras.backend.backend()
    of_words = isinstance(inputs[0], list)

    def answer(raw: Any) -> Any:
        return pipe(words=raw) if of_words else pipe(raw)

    batches = [inputs[i : i + BATCH] for i in range(0, len(inputs) - BATCH + 1, BATCH)]
    return {
        "checkpoint": name,
        "revision": info["revision"],
        "one_ms": f"{median_ms(answer, inputs, rounds):.2f}",
        "batch_ms": f"{median_ms(answer, batches, rounds):.2f}",
        "hardware": hardware(),
        "backend": f"{backend} {version(backend)}",
    }


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Checkpoints [all].")] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 200,
    output: Path = Path("docs/figures/latency.csv"),
) -> None:
    """Measure checkpoints and write their rows."""
    rows = {}
    if output.exists():
        with output.open(newline="") as file:
            rows = {row["checkpoint"]: row for row in csv.DictReader(file)}
    every = [name for name in zoo.list_models() if zoo.info(name)["task"] != "language-modelling"]
    for name in names or every:
        rows[name] = measure(name, rounds)
        typer.echo(f"{name}: {rows[name]['one_ms']} ms, {BATCH} in {rows[name]['batch_ms']} ms")
    with output.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name] for name in sorted(rows))


if __name__ == "__main__":
    typer.run(main)
