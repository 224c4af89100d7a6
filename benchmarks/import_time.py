"""How long `import zoo` and `zoo.list_models()` take in a fresh process.

    python benchmarks/import_time.py

Each is timed inside new processes of the same Python, beside `import numpy` as a yardstick; the
median and the slowest are printed, in seconds.
"""

import statistics
import subprocess
import sys

import typer

STATEMENTS = ("import zoo", "import zoo; zoo.list_models()", "import numpy")

TIMED = """
from time import perf_counter
start = perf_counter()
{}
print(perf_counter() - start)
"""


def main(rounds: int = 15) -> None:
    """Time each statement, one after another in every round."""
    seconds: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for _ in range(rounds):
        for statement in STATEMENTS:
            command = [sys.executable, "-c", TIMED.format(statement)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            seconds[statement].append(float(done.stdout))
    print("| statement | median | slowest |\n|---|---|---|")
    for statement, times in seconds.items():
        print(f"| `{statement}` | {statistics.median(times):.3f} | {max(times):.3f} |")


if __name__ == "__main__":
    typer.run(main)
