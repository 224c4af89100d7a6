"""What grows with the number of steps under Recurrent and keras.layers.RNN, and what does not.

    python benchmarks/recurrent_growth.py [--cells lstm] [--output docs/figures]

For a training step of each cell, batch 32, 128 features, 256 units: the nodes of its graph, the
time until the end of the first call less that of a later one, and the memory that it takes, each
in a fresh process. Graph and first call should not grow with the steps; memory has to. Writes
`recurrent_growth.csv`. Linux only.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import tensorflow as tf
import typer
from recurrent_speed import CELLS, FEATURES, keras_calls, layers_of, seconds, write
from rich.progress import track

BATCH = 32


def peak_memory() -> float:
    """Returns the largest memory that this process ever had, in MiB."""
    # Not getrusage: there a new process starts with the peak of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(cell: str, label: str, steps: int) -> dict[str, Any]:
    """Returns the row of one cell, layer and number of steps."""
    layer = layers_of(cell)[label]
    # What the first of all graphs takes is TensorFlow's own.
    keras_calls(layers_of(cell)[label], tf.zeros((BATCH, 8, FEATURES)), False)["train"]()
    x = tf.random.normal((BATCH, steps, FEATURES))
    before = peak_memory()
    started = time.perf_counter()
    calls = keras_calls(layer, x, False)
    calls["train"]()
    first = time.perf_counter() - started
    graph = calls["train_graph"]().as_graph_def()
    memory = peak_memory() - before
    return {
        "cell": cell,
        "layer": label,
        "steps": steps,
        "nodes": len(graph.node) + sum(len(f.node_def) for f in graph.library.function),
        "first_call_s": first - seconds(calls["train"]),
        "memory_mib": memory,
    }


def main(
    names: Annotated[list[str] | None, typer.Option("--cells", help="All by default.")] = None,
    steps: Annotated[list[int] | None, typer.Option(help="50, and 512 to 4096.")] = None,
    output: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/figures"),
) -> None:
    """Measure, print the table and write it beside the other figures."""
    rows = []
    wanted = [
        (cell, label, count)
        for cell in names or CELLS
        for label in ("zoo", "RNN, zoo cell")
        for count in steps or (50, 512, 1024, 2048, 4096)
    ]
    for key in track(wanted, "measurements"):
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            rows.append(fresh.submit(measure, *key).result())
        write(rows, output / "recurrent_growth.csv")
    print("| cell | layer | steps | nodes | first call, s | memory, MiB | a step, MiB |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['cell']} | {row['layer']} | {row['steps']} | {row['nodes']} "
            f"| {row['first_call_s']:.1f} | {row['memory_mib']:.0f} "
            f"| {row['memory_mib'] / row['steps']:.2f} |"
        )


if __name__ == "__main__":
    typer.run(main)
