"""Trainings that are killed at random moments, beside one that is not.

    python -m benchmarks.killed_trainings [--kills 20]

Each of the trainings of `short_trainings.py` is run once undisturbed; then half of the kills are
dealt to each, a run a kill: the process is killed by SIGKILL at a random moment of the time that
the first took, its start included, and the same command goes on. The sha256 of the final weights
is to be the same in all. The table is written to docs/figures/killed_trainings.csv.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.short_trainings import sha256
from training.state import replace_table

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
NAMES = ("highway", "slots")


def start(name: str, output: Path) -> subprocess.Popen[str]:
    """Begins a training, or goes on with it."""
    command = [sys.executable, "-m", "benchmarks.short_trainings", name]
    return subprocess.Popen(
        [*command, str(output)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> None:
    """Waits for a training; raises a RuntimeError if it fails."""
    _, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(errors)


def standing(output: Path) -> str:
    """Returns what is on disk of a training that was killed."""
    path = output / "state.npz"
    if not path.exists():
        return "nothing"
    with np.load(path) as state:
        # The history is JSON: an epoch each.
        return f"epoch {str(state['history']).count('epoch')}, step {int(state['step'])}"


def main(
    kills: Annotated[int, typer.Option(min=2, help="How many runs are killed, once each.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the moments.")] = 0,
) -> None:
    """Kill, go on, compare, and write the table."""
    draw = random.Random(seed)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        whole, took = {}, {}
        for name in NAMES:
            began = time.monotonic()
            finish(start(name, Path(folder) / name))
            took[name] = time.monotonic() - began
            whole[name] = sha256(Path(folder) / name)
        for number in range(kills):
            name = NAMES[number % len(NAMES)]
            output = Path(folder) / f"{name}_{number}"
            moment = draw.uniform(0, took[name])
            process = start(name, output)
            time.sleep(moment)
            process.kill()
            process.communicate()
            found = standing(output)
            if not (output / "checkpoint").exists():
                finish(start(name, output))
            same = sha256(output) == whole[name]
            rows.append(
                {
                    "training": name,
                    "killed after, s": f"{moment:.1f}",
                    "kept": found,
                    "weights": sha256(output)[:16],
                    "undisturbed": whole[name][:16],
                    "same": same,
                }
            )
            typer.echo(" | ".join(map(str, rows[-1].values())))
    replace_table(FIGURES / "killed_trainings.csv", rows)
    same = sum(bool(row["same"]) for row in rows)
    typer.echo(f"{same} of {kills} killed trainings end with the same weights")
    if same < kills:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
