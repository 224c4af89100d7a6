"""The same training by one process, by two, by four, and by two of which one is killed.

    python -m benchmarks.many_workers [--kills 3]

`highway_10` of `short_trainings.py`, on JAX's backend: one process, then Ray's workers on this
machine. The loss of each epoch is compared with that of the one process. In float32 it differs by
what rounding grows to: a sum over 64 rows and over 64 more is not that over 128, and each step goes
on from the one before. In float64, where rounding has no time to grow, what is left would be a
mistake. In the last run a worker, drawn at random, is killed in the midst of an epoch, so often;
the sha256 of its weights is to be that of the run of two that nothing disturbed. The table is
written to docs/figures/many_workers.csv. On one machine more workers are no faster: they share its
cores.
"""

import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Annotated, Any

import typer

from benchmarks.short_trainings import sha256
from training.state import replace_table

FIGURES = Path(__file__).parent.parent / "docs" / "figures"


def train(output: Path, workers: int | None, precision: str) -> None:
    """Trains in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.short_trainings", "highway_10"]
    options = ["--precision", precision, *(["--workers", str(workers)] if workers else [])]
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "JAX_ENABLE_X64": str(int(precision == "float64")),
    }
    subprocess.run([*command, str(output), *options], check=True, env=environment)


def kill_workers(output: Path, kills: int, done: Event) -> None:
    """Kills one of Ray's workers, so often, each after a new state in the midst of an epoch."""
    draw, state, seen = random.Random(0), output / "state.npz", 0
    while kills and not done.wait(0.05):
        if not state.exists() or state.stat().st_mtime_ns == seen:
            continue
        time.sleep(draw.uniform(0, 1))
        found = subprocess.run(["pgrep", "-f", "ray::RayTrainWorker"], capture_output=True)
        if pids := found.stdout.split():
            os.kill(int(draw.choice(pids)), signal.SIGKILL)
            kills, seen = kills - 1, state.stat().st_mtime_ns
            # Until they are gone, there is nothing that writes.
            time.sleep(5)


def losses(output: Path) -> list[float]:
    """Returns the loss of each epoch."""
    with (output / "log.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def main(
    kills: Annotated[int, typer.Option(min=0, help="Workers of the last run that are killed.")] = 3,
) -> None:
    """Train, compare, and write the table."""
    runs = [
        ("float64", None, 0),
        ("float64", 2, 0),
        ("float64", 4, 0),
        ("float32", None, 0),
        ("float32", 2, 0),
        ("float32", 4, 0),
        ("float32", 2, kills),
    ]
    alone: dict[str, list[float]] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (precision, workers, killed) in enumerate(runs):
            output = Path(folder) / str(number)
            done = Event()
            killer = Thread(target=kill_workers, args=(output, killed, done))
            killer.start()
            began = time.monotonic()
            train(output, workers, precision)
            done.set()
            killer.join()
            found = losses(output)
            one = alone.setdefault(precision, found)
            apart = max(abs(a - b) for a, b in zip(found, one, strict=True))
            rows.append(
                {
                    "precision": precision,
                    "workers": workers or "none: one process",
                    "killed": killed,
                    "last loss": f"{found[-1]:.6f}",
                    "largest difference of a loss": f"{apart:.1e}",
                    "weights": sha256(output)[:16],
                    "seconds": f"{time.monotonic() - began:.0f}",
                }
            )
            typer.echo(" | ".join(map(str, rows[-1].values())))
    replace_table(FIGURES / "many_workers.csv", rows)


if __name__ == "__main__":
    typer.run(main)
