"""How long `zoo run bilstm_atis "leave taipei on november 2nd"` takes from nothing to its answer.

    python benchmarks/cold_start.py

Every round is a fresh process. It is timed from outside, from its start to its end; how much of
that goes into importing modules is timed inside, beside it, in other fresh processes: every
`import` that is not within another.
"""

import statistics
import subprocess
import sys
import time

import typer

COMMAND = ["run", "bilstm_atis", "leave taipei on november 2nd"]

IMPORTS_TIMED = """
import atexit, builtins, sys, time

original, depth, seconds = builtins.__import__, 0, 0.0

def timed(*arguments, **options):
    global depth, seconds
    depth, start = depth + 1, time.perf_counter()
    try:
        return original(*arguments, **options)
    finally:
        depth -= 1
        if not depth:
            seconds += time.perf_counter() - start

builtins.__import__ = timed
atexit.register(lambda: print(seconds))
from zoo.cli import app
app()
"""


def main(rounds: int = 7) -> None:
    """Print the time of a whole process, and of its imports."""
    whole, imports = [], []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "zoo", *COMMAND], check=True, capture_output=True, text=True
        )
        whole.append(time.perf_counter() - start)
        done = subprocess.run(
            [sys.executable, "-c", IMPORTS_TIMED, *COMMAND],
            check=True,
            capture_output=True,
            text=True,
        )
        imports.append(float(done.stdout.splitlines()[-1]))
    print("| | first, s | median of the rest, s | share |\n|---|---|---|---|")
    median = statistics.median(whole[1:])
    for what, times in (("all", whole), ("of it imports", imports)):
        share = statistics.median(times[1:]) / median
        print(f"| {what} | {times[0]:.2f} | {statistics.median(times[1:]):.2f} | {share:.0%} |")


if __name__ == "__main__":
    typer.run(main)
