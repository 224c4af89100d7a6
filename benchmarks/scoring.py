"""100,000 texts answered by one process, by two workers, and by two of which one is killed.

    python -m benchmarks.scoring [--texts 100000]

The texts are phrases of SST-5, the checkpoint bilstm_sst5. Each way is `zoo score` in a process of
its own, its start included. In the last a worker is killed when half of the time of the one before
is over. Every output is to have each text once, in order, and the same labels; scores differ by
what rounding makes of other batches. The table is written to docs/figures/scoring.csv.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

import zoo
from training.state import replace_table
from zoo.loading import hardware

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
CHECKPOINT = "bilstm_sst5"


def begin(source: Path, output: Path, workers: int | None) -> subprocess.Popen[bytes]:
    """Starts `zoo score`."""
    command = [sys.executable, "-m", "zoo", "score", CHECKPOINT, "-i", str(source)]
    options = ["--workers", str(workers)] if workers else []
    return subprocess.Popen([*command, "-o", str(output), *options], stdout=subprocess.DEVNULL)


def kill_worker() -> None:
    """Kills one of the processes that answer."""
    found = subprocess.run(["pgrep", "-f", "ray::.*Answering"], capture_output=True, check=True)
    os.kill(int(random.Random(0).choice(found.stdout.split())), signal.SIGKILL)


def differ(ours: list[dict[str, Any]], others: list[dict[str, Any]]) -> float:
    """Returns the largest difference of a score; texts and labels are to be the same."""
    for one, other in zip(ours, others, strict=True):
        assert (one["text"], one["label"]) == (other["text"], other["label"])
    return max(abs(a["score"] - b["score"]) for a, b in zip(ours, others, strict=True))


def main(texts: Annotated[int, typer.Option(min=1, help="How many.")] = 100_000) -> None:
    """Score three times, compare, and write the table."""
    phrases, _ = zoo.data.load("sst5", f"train_phrases[:{texts}]")
    rows: list[dict[str, Any]] = []
    seconds = 0.0
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "phrases.txt"
        first: list[dict[str, Any]] = []
        source.write_text("".join(" ".join(words) + "\n" for words in phrases), encoding="utf-8")
        for number, (workers, killed) in enumerate([(None, 0), (2, 0), (2, 1)]):
            output = Path(name) / f"{number}.jsonl"
            began = time.monotonic()
            process = begin(source, output, workers)
            if killed:
                time.sleep(seconds / 2)
                kill_worker()
            if process.wait():
                raise RuntimeError(f"zoo score ended with {process.returncode}")
            seconds = time.monotonic() - began
            found = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
            first = first or found
            rows.append(
                {
                    "workers": workers or "none: one process",
                    "killed": killed,
                    "texts": len(found),
                    "in order": [one["text"] for one in found] == [" ".join(p) for p in phrases],
                    "largest difference": f"{differ(found, first):.1e}",
                    "texts_per_s": f"{len(found) / seconds:.0f}",
                    "hardware": hardware(),
                }
            )
            typer.echo(" | ".join(map(str, rows[-1].values())))
    replace_table(FIGURES / "scoring.csv", rows)


if __name__ == "__main__":
    typer.run(main)
