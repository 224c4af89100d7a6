"""First step and each step of a deep Highway network: HighwayStack, plain Keras layers, PyTorch.

    python benchmarks/highway_stack.py [--output docs/figures]

Trains [Dense 50, Highway layers of 50 units, Dense 10] on batches of 128 made-up digits with SGD
and momentum, each implementation and depth in a fresh process and all of them in turn, `--rounds`
times; the medians are printed as a table, as ratios to the plain layers of the same run. PyTorch
takes part where it is installed. Close other programs first.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

UNITS, BATCH, STEPS = 50, 128, 150
KINDS = ("HighwayStack", "plain Keras", "PyTorch")


def keras_step(kind, depth):
    """Returns a function that takes one training step, for the two Keras networks."""
    import keras
    import numpy as np

    from zoo.layers import HighwayStack

    class PlainHighway(keras.layers.Layer):
        """As anyone would write it from the paper."""

        def __init__(self):
            super().__init__()
            self.transform = keras.layers.Dense(UNITS, activation="relu")
            self.gate = keras.layers.Dense(
                UNITS, activation="sigmoid", bias_initializer=keras.initializers.Constant(-3)
            )

        def build(self, input_shape):
            self.transform.build(input_shape)
            self.gate.build(input_shape)

        def call(self, x):
            t = self.gate(x)
            return self.transform(x) * t + x * (1 - t)

    x = pixels = keras.Input((784,))
    x = keras.layers.Dense(UNITS, activation="relu")(x)
    if kind == "HighwayStack":
        x = HighwayStack(depth)(x)
    else:
        for _ in range(depth):
            x = PlainHighway()(x)
    model = keras.Model(pixels, keras.layers.Dense(10)(x))
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        # Without XLA, which takes these networks longer to compile and longer to run.
        jit_compile=False,
    )
    rng = np.random.default_rng(0)
    images, ids = rng.random((BATCH, 784), np.float32), rng.integers(0, 10, BATCH)
    return lambda: model.train_on_batch(images, ids)


def torch_step(depth):
    """Returns a function that takes one training step of the same network in PyTorch."""
    import torch

    class Highway(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.transform = torch.nn.Linear(UNITS, UNITS)
            self.gate = torch.nn.Linear(UNITS, UNITS)
            torch.nn.init.constant_(self.gate.bias, -3.0)

        def forward(self, x):
            t = torch.sigmoid(self.gate(x))
            return torch.relu(self.transform(x)) * t + x * (1 - t)

    model = torch.nn.Sequential(
        torch.nn.Linear(784, UNITS),
        torch.nn.ReLU(),
        *[Highway() for _ in range(depth)],
        torch.nn.Linear(UNITS, 10),
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    images, ids = torch.rand(BATCH, 784), torch.randint(0, 10, (BATCH,))

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), ids).backward()
        optimizer.step()

    return step


def measure(kind, depth):
    """Prints the seconds from building to the end of the first step, and a step's after that."""
    if kind == "PyTorch":
        import torch  # noqa: F401  its import is not what is measured
    else:
        import keras  # noqa: F401
    started = time.perf_counter()
    step = torch_step(depth) if kind == "PyTorch" else keras_step(kind, depth)
    step()
    first = time.perf_counter() - started
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    # The steps just after the first still settle.
    print(json.dumps({"first": first, "step": statistics.median(seconds[STEPS // 5 :])}))


def measured_apart(kind, depth):
    """Returns what `measure` prints in a process of its own, or None without the library."""
    done = subprocess.run(
        [sys.executable, __file__, "--kind", kind, "--depth", str(depth)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode and "No module named 'torch'" in done.stderr:
        return None
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def compare(depths, rounds, output):
    """Measures everything in turn, prints the table and writes it beside the other figures."""
    runs = {}
    for _ in range(rounds):
        for depth in depths:
            for kind in KINDS:
                if result := measured_apart(kind, depth):
                    runs.setdefault((depth, kind), []).append(result)
    rows = []
    for (depth, kind), results in runs.items():
        plain = runs[depth, "plain Keras"]
        row = {"depth": depth, "kind": kind}
        for what in ("first", "step"):
            row[what] = statistics.median(result[what] for result in results)
            row[f"{what}_ratio"] = statistics.median(
                p[what] / r[what] for p, r in zip(plain, results, strict=True)
            )
        rows.append(row)
    print("| layers | | first step, s | times sooner | step, ms | times as fast |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['depth']} | {row['kind']} | {row['first']:.2f} | {row['first_ratio']:.1f} "
            f"| {row['step'] * 1e3:.1f} | {row['step_ratio']:.2f} |"
        )
    with (output / "highway_stack.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depths", type=int, nargs="+", default=[10, 20, 50, 100, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("docs/figures"))
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    parser.add_argument("--depth", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.kind:
        measure(arguments.kind, arguments.depth)
    else:
        compare(arguments.depths, arguments.rounds, arguments.output)
