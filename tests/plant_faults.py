"""Plants five faults in a copy of the package, one at a time, and shows that a test sees each.

    python tests/plant_faults.py

takes about a minute. It ends with an error if a fault goes unseen, or if the copy fails without
one. tests/test_faults.py runs it.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass
class Fault:
    """A line of the package, what is made of it, and the tests that are to see it."""

    name: str
    file: str
    right: str
    wrong: str
    tests: str


FAULTS = [
    Fault(
        "two gates swapped",
        "zoo/cells/lstm.py",
        "i, f, _, o = ops.split(self.recurrent_activation(a), 4, axis=-1)\n        g =",
        "f, i, _, o = ops.split(self.recurrent_activation(a), 4, axis=-1)\n        g =",
        "cell_is_the_reference and float64 and zoo and lstm",
    ),
    Fault(
        "a transposed recurrent kernel",
        "zoo/cells/cell.py",
        '{"recurrent_kernel": self.as_factor(self.recurrent_kernel)}',
        '{"recurrent_kernel": ops.transpose(self.as_factor(self.recurrent_kernel))}',
        "cell_is_the_reference and float64 and zoo and elman",
    ),
    Fault(
        "the old cell state at the output peephole",
        "zoo/cells/peephole_lstm.py",
        """        c = f * c + i * self.activation(g)
        o = self.recurrent_activation(o + params["p_o"] * c)
""",
        """        o = self.recurrent_activation(o + params["p_o"] * c)
        c = f * c + i * self.activation(g)
""",
        "cell_is_the_reference and float64 and zoo and peephole",
    ),
    Fault(
        "mask ignored",
        "zoo/layers/loop.py",
        "unmasked(step_of) if mask is None else masked(step_of, zero_output)",
        "unmasked(step_of)",
        "options_are_those_of_keras and lstm",
    ),
    Fault(
        "reverse not reversed",
        "zoo/layers/recurrent.py",
        "        if self.go_backwards:\n            x, mask =",
        "        if False:\n            x, mask =",
        "options_are_those_of_keras and lstm",
    ),
]


def copy_package(folder):
    for name in ("zoo", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)


def plant(fault, folder):
    path = folder / fault.file
    source = path.read_text()
    if source.count(fault.right) != 1:
        raise SystemExit(
            f"{fault.name}: {fault.file} holds this {source.count(fault.right)} times, and should "
            f"once; the code has changed, so change the fault with it:\n{fault.right}"
        )
    path.write_text(source.replace(fault.right, fault.wrong))


def run_tests(folder, selection):
    """Runs the tests on the package in `folder`: the exit status, and what went wrong first."""
    code = (
        "import sys, pytest, zoo; "
        "assert zoo.__file__.startswith(sys.argv[1]), zoo.__file__; "
        "sys.exit(pytest.main(sys.argv[2:]))"
    )
    options = ["-q", "-x", "-p", "no:cacheprovider", "--tb=short", "-k", selection]
    files = ["tests/test_cells.py", "tests/test_recurrent.py"]
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder), *options, *files],
        cwd=folder,
        # A narrow terminal would cut off what went wrong.
        env=os.environ | {"PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "300"},
        capture_output=True,
        text=True,
    )
    found = re.search(r"^(?:FAILED|ERROR) \S+::(\S+)(?: - (\w+))?", done.stdout, re.MULTILINE)
    test, error = found.groups() if found else ("", done.stdout[-2000:] + done.stderr[-2000:])
    return done.returncode, test, error


def main():
    unseen = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder).resolve()
        copy_package(folder)
        selection = " or ".join(f"({fault.tests})" for fault in FAULTS)
        status, test, error = run_tests(folder, selection)
        if status:
            raise SystemExit(f"the tests fail without a fault: {test} {error}")
        print(f"{'fault':<42} seen by")
        print(f"{'none':<42} (all tests pass)")
        for fault in FAULTS:
            source = (folder / fault.file).read_text()
            plant(fault, folder)
            status, test, error = run_tests(folder, fault.tests)
            (folder / fault.file).write_text(source)
            # A test that breaks down in another way has not seen a wrong number.
            if status == 1 and error == "AssertionError":
                print(f"{fault.name:<42} {test}", flush=True)
            else:
                unseen.append(fault.name)
                print(f"{fault.name:<42} NOT SEEN: status {status}, {test} {error}", flush=True)
    if unseen:
        raise SystemExit(f"unseen: {', '.join(unseen)}")


if __name__ == "__main__":
    main()
