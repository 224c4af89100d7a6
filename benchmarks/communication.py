"""With how many workers gradients take as long to exchange as to compute, by calculation.

    python -m benchmarks.communication

A training step of one process takes t seconds (docs/figures/driver_overhead.csv has them). Shared
out among N workers it takes t / N each; the gradients of P parameters, 4 bytes each, then go round
in a ring, 2 (N - 1) / N of them through every worker's link of B bytes a second. Both are equal at

    N = 1 + t B / (8 P)

from where on more workers make no step shorter than twice its part. The table, for three networks,
is written to docs/figures/communication.csv. A ring has besides 2 (N - 1) delays of its own, of
some 50 microseconds each in a data centre, which here count too.
"""

import csv
from pathlib import Path

import typer

from training.state import replace_table

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
# Bits a second, and the seconds that a message takes whatever its size.
NETWORKS = {"1 Gb/s": 1e9, "10 Gb/s": 1e10, "100 Gb/s": 1e11}
DELAY = 50e-6


def exchange(workers: int, parameters: int, bits: float) -> float:
    """Returns the seconds that a ring of workers takes to add up their gradients."""
    volume = 2 * (workers - 1) / workers * 4 * parameters
    return volume / (bits / 8) + 2 * (workers - 1) * DELAY


def balance(seconds: float, parameters: int, bits: float) -> int:
    """Returns the largest number of workers that exchange no longer than they compute."""
    workers = 1
    while exchange(workers + 1, parameters, bits) <= seconds / (workers + 1):
        workers += 1
    return workers


def main() -> None:
    """Calculate, print, and write the table."""
    with (FIGURES / "driver_overhead.csv").open(newline="") as file:
        measured = list(csv.DictReader(file))
    rows = [
        {
            "checkpoint": one["checkpoint"],
            "parameters": one["parameters"],
            "ms_a_step": one["ms_a_step"],
            **{
                name: balance(float(one["ms_a_step"]) / 1000, int(one["parameters"]), bits)
                for name, bits in NETWORKS.items()
            },
        }
        for one in measured
    ]
    for row in rows:
        typer.echo(" | ".join(map(str, row.values())))
    replace_table(FIGURES / "communication.csv", rows)


if __name__ == "__main__":
    typer.run(main)
