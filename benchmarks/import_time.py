"""How long imports take in a fresh process, and whole commands of `zoo`.

    python benchmarks/import_time.py

Each is timed in new processes of the same Python; the median and the slowest are printed, in
seconds. `import numpy` is a yardstick, `import zoo.loading` what a command that computes imports:
Keras and its backend. Its share of `zoo run` on one sentence, from a cold start, comes last.
"""

import os
import statistics
import subprocess
import sys
import time

import typer

IMPORTS = ("import zoo", "import zoo; zoo.list_models()", "import numpy", "import zoo.loading")
RUN = ("run", "bilstm_atis", "leave taipei on november 2nd")
COMMANDS = (("--help",), ("list",), ("info", "bilstm_atis"), RUN)

TIMED = """
from time import perf_counter
start = perf_counter()
{}
print(perf_counter() - start)
"""


def import_seconds(statement: str) -> float:
    """Returns the time of a statement inside a new process."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def command_seconds(arguments: tuple[str, ...]) -> float:
    """Returns the time of a whole process of `zoo`."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "zoo", *arguments]
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - start


def main(rounds: int = 15) -> None:
    """Time each, one after another in every round."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        for statement in IMPORTS:
            seconds.setdefault(statement, []).append(import_seconds(statement))
        for arguments in COMMANDS:
            name = " ".join(("zoo", *arguments))
            seconds.setdefault(name, []).append(command_seconds(arguments))
    print("| | median | slowest |\n|---|---|---|")
    for name, times in seconds.items():
        print(f"| `{name}` | {statistics.median(times):.3f} | {max(times):.3f} |")
    backend = statistics.median(seconds["import zoo.loading"])
    run = statistics.median(seconds[" ".join(("zoo", *RUN))])
    print(f"\nimports are {backend / run:.0%} of zoo run")


if __name__ == "__main__":
    typer.run(main)
