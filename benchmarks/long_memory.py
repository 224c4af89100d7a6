"""Which cells remember for a hundred steps: the adding problem and temporal order, every cell.

    python benchmarks/long_memory.py [--seeds 3] [--jobs 2] [--output docs/figures]

Two tasks of Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 9 (1997):

- adding (experiment 4, T = 100): pairs of a number in [-1, 1] and a marker. One of the first ten
  pairs is marked 1, and so is another of the first T/2 - 1; the first and the last pair have the
  marker -1, the others 0. After the last pair the network answers 0.5 + (X1 + X2) / 4, where X1 and
  X2 are the marked numbers (0 for the first pair). An answer less than .04 off is right.
- order (experiment 6a): the symbols E, then a, b, c or d at random, then B, but X or Y at one step
  of 10 to 20 and at one of 50 to 60. After the B the network tells XX, XY, YX and YY apart. An
  answer of which each of the four outputs is less than .3 off is right.

Sequences are 100 to 110 steps long in both. The paper calls a task solved when the last 2,000
training sequences were all right; here it is solved when 99 % of 2,000 sequences that are in no
training are right, measured every 2,500 training sequences. Who always answers 0.5 is right 15 % of
the time in the first task, and who guesses never in the second.

Each cell has about as many parameters as an LSTM of 16 units, the same budget of sequences, none of
which it sees twice, and the same Adam with clipped gradients. Gated cells are there twice: as they
are, and as "chrono", with the biases of Tallec and Ollivier (arXiv:1804.11188), which have each
unit keep its state for a time drawn from 1 to 100 steps before it has learned anything. A training
ends when the task is solved. Every training is a row of `long_memory.csv`, and those that are in
the file already are not run again; `long_memory.png` is drawn from all of them. About 20 minutes on
two cores.
"""

import csv
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import Progress

BATCH, CALL, MEASURE, TEST = 20, 25, 2_500, 2_000
LENGTH, LONGEST = 100, 110
RATE, CLIP, SOLVED = 0.01, 1.0, 0.99
# Task: features, outputs, and how far off a right answer may be.
TASKS = {"adding": (2, 1, 0.04), "order": (8, 4, 0.3)}
# Units that bring about 1,250 parameters in the adding problem and 1,650 in temporal order.
UNITS = {
    "elman": {"adding": 33, "order": 35},
    "jordan": {"adding": 246, "order": 97},
    "lstm": {"adding": 16, "order": 16},
    "peephole_lstm": {"adding": 16, "order": 16},
    "gru": {"adding": 19, "order": 19},
    "recurrent_highway": {"adding": 13, "order": 15},
}
KINDS = [*UNITS, *(f"{cell} chrono" for cell in [*UNITS][2:])]


def sequences(task: str, rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    """Returns inputs `(count, LONGEST, features)`, a mask of their steps, and targets.

    Sequences end at the last step; before their first step there are zeros, which the mask hides.
    """
    rows = np.arange(count)
    start = LONGEST - rng.integers(LENGTH, LONGEST + 1, count)
    mask = np.arange(LONGEST) >= start[:, None]
    if task == "adding":
        marked = np.stack([rng.integers(0, 10, count), rng.integers(0, LENGTH // 2 - 2, count)])
        marked[1] += marked[1] >= marked[0]  # never the same pair twice
        inputs = np.zeros((count, LONGEST, 2), np.float32)
        inputs[..., 0] = rng.uniform(-1, 1, (count, LONGEST))
        inputs[rows, start, 1] = inputs[:, -1, 1] = -1
        inputs[rows, start + marked, 1] = 1
        numbers = np.where(marked == 0, 0, inputs[rows, start + marked, 0])
        targets = 0.5 + numbers.sum(0)[:, None] / 4
    else:
        symbols = rng.integers(0, 4, (count, LONGEST))  # a, b, c, d; then B, E, X, Y
        symbols[rows, start], symbols[:, -1] = 5, 4
        told = rng.integers(0, 2, (2, count))
        symbols[rows, start + rng.integers(10, 21, count)] = 6 + told[0]
        symbols[rows, start + rng.integers(50, 61, count)] = 6 + told[1]
        inputs = np.eye(8, dtype=np.float32)[symbols]
        targets = np.eye(4)[2 * told[0] + told[1]]
    return inputs * mask[..., None], mask, targets.astype(np.float32)


def network(task: str, kind: str, seed: int):
    """Returns a cell's network: inputs and mask to answers."""
    import keras

    from zoo import cells
    from zoo.layers import Recurrent

    features, outputs, _ = TASKS[task]
    name, answer = kind.split()[0], "linear" if task == "adding" else "softmax"
    units = UNITS[name][task]
    cell = {
        "elman": cells.ElmanCell,
        # Its answer is what goes back, so it needs no other output layer.
        "jordan": lambda units: cells.JordanCell(units, outputs, output_activation=answer),
        "lstm": cells.LSTMCell,
        "peephole_lstm": cells.PeepholeLSTMCell,
        "gru": cells.GRUCell,
        "recurrent_highway": cells.RecurrentHighwayCell,
    }[name](units)
    inputs, mask = keras.Input((LONGEST, features)), keras.Input((LONGEST,), dtype="bool")
    x = Recurrent(cell)(inputs, mask=mask)
    if kind.endswith("chrono"):
        keep = np.log(np.random.default_rng(seed).uniform(1, LENGTH - 1, units))
        bias = np.array(cell.bias)
        if name == "gru":
            bias[:units] = keep
        elif name == "recurrent_highway":
            bias[:, units:] = -keep - np.log(cell.depth)
        else:
            bias[:units], bias[units : 2 * units] = -keep, keep
        cell.bias.assign(bias)
    if name != "jordan":
        x = keras.layers.Dense(outputs, activation=answer)(x)
    return keras.Model([inputs, mask], x)


def run(task: str, kind: str, seed: int, budget: int) -> dict[str, Any]:
    """Trains one network and returns its row of the table."""
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    import keras
    import tensorflow as tf

    # A step is too small to share: other trainings make better use of the other cores.
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    started = time.perf_counter()
    keras.utils.set_random_seed(seed)
    model = network(task, kind, seed)
    optimizer = keras.optimizers.Adam(RATE, global_clipnorm=CLIP)
    optimizer.build(model.trainable_variables)
    mean_square, entropy = keras.losses.mean_squared_error, keras.losses.categorical_crossentropy
    loss_of = mean_square if task == "adding" else entropy

    @tf.function(jit_compile=True)
    def train(inputs, mask, targets):
        """Takes one step for each batch along the first axis."""
        for i in tf.range(CALL):
            with tf.GradientTape() as tape:
                answers = model([inputs[i], mask[i]], training=True)
                loss = tf.reduce_mean(loss_of(targets[i], answers))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)

    *test, wanted = sequences(task, np.random.default_rng([list(TASKS).index(task), 0]), TEST)
    stream = np.random.default_rng([list(TASKS).index(task), 1 + seed])
    history: list[float] = []
    for seen in range(BATCH * CALL, budget + 1, BATCH * CALL):
        drawn = sequences(task, stream, BATCH * CALL)
        train(*(array.reshape(CALL, BATCH, *array.shape[1:]) for array in drawn))
        if seen % MEASURE == 0:
            off = np.abs(model.predict(test, batch_size=TEST, verbose=0) - wanted).max(-1)
            history.append(float(np.mean(off < TASKS[task][2])))
            if history[-1] >= SOLVED:
                break
    return {
        "task": task,
        "cell": kind,
        "seed": seed,
        "budget": budget,
        "units": UNITS[kind.split()[0]][task],
        "parameters": model.count_params(),
        "solved_after": seen if history[-1] >= SOLVED else "",
        "right": history[-1],
        "mean_error": f"{off.mean():.4f}",
        "seconds": round(time.perf_counter() - started, 1),
        "history": " ".join(f"{value:.4g}" for value in history),
    }


def rows_of(rows: list[dict[str, str]], task: str, cell: str) -> list[dict[str, str]]:
    """Returns the trainings of one cell for one task, by seed."""
    rows = [row for row in rows if (row["task"], row["cell"]) == (task, cell)]
    return sorted(rows, key=lambda row: int(row["seed"]))


def plot(rows: list[dict[str, str]], path: Path) -> None:
    """Draws what was right as the training went on, each seed thin and their mean bold."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(TASKS), figsize=(12, 4.5), sharey=True)
    titles = ("adding problem, T = 100", "temporal order, 6a")
    for panel, task, title in zip(panels, TASKS, titles, strict=True):
        for cell in KINDS:
            style = {
                "color": f"C{[*UNITS].index(cell.split()[0])}",
                "ls": "-" if cell.endswith("chrono") else "--",
            }
            curves = [
                [float(value) for value in row["history"].split()]
                for row in rows_of(rows, task, cell)
            ]
            longest = max(map(len, curves), default=0)
            # A training that ended had solved its task.
            curves = [curve + curve[-1:] * (longest - len(curve)) for curve in curves]
            x = np.arange(1, longest + 1) * MEASURE / 1000
            for curve in curves:
                panel.plot(x, curve, lw=0.7, alpha=0.4, **style)
            if curves:
                panel.plot(x, np.mean(curves, 0), lw=2, marker=".", label=cell, **style)
        panel.set(title=title, xlabel="training sequences, thousands")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("right among 2,000 new sequences")
    panels[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def table(rows: list[dict[str, str]]) -> str:
    """Returns what each cell remembers, as Markdown."""
    lines = [
        "| task | cell | units | parameters | solved | after, sequences | right, each seed |",
        "|---|---|---|---|---|---|---|",
    ]
    for task in TASKS:
        for cell in KINDS:
            if chosen := rows_of(rows, task, cell):
                solved = [int(row["solved_after"]) for row in chosen if row["solved_after"]]
                after = f"{statistics.median(solved):,.0f}" if solved else "–"
                right = ", ".join(f"{float(row['right']):.1%}" for row in chosen)
                lines.append(
                    f"| {task} | {cell} | {chosen[0]['units']} | {chosen[0]['parameters']} "
                    f"| {len(solved)} of {len(chosen)} | {after} | {right} |"
                )
    return "\n".join(lines)


def write(rows: list[dict[str, str]], path: Path) -> None:
    """Writes the table of all trainings, in the order of tasks, cells and seeds."""
    rows = [row for task in TASKS for cell in KINDS for row in rows_of(rows, task, cell)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(
    tasks: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(TASKS)}.")] = None,
    cells: Annotated[list[str] | None, typer.Option(help=f"Of {', '.join(KINDS)}.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="For each task and cell.")] = 3,
    budget: Annotated[int, typer.Option(min=MEASURE, help="Training sequences.")] = 75_000,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time.")] = 2,
    output: Annotated[Path, typer.Option(help="Folder of table and picture.")] = Path(
        "docs/figures"
    ),
) -> None:
    """Run the trainings that are missing, then draw the figure and print the table."""
    path = output / "long_memory.csv"
    rows: list[dict[str, str]] = []
    if path.exists():
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    known = {(row["task"], row["cell"], row["seed"], row["budget"]) for row in rows}
    missing = [
        (task, cell, seed, budget)
        for seed in range(seeds)
        for task in tasks or TASKS
        for cell in cells or KINDS
        if (task, cell, str(seed), str(budget)) not in known
    ]
    # A process each: what one has compiled is nothing to the next.
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), max_tasks_per_child=1)
    with Progress() as progress:
        bar = progress.add_task("trainings", total=len(missing))
        try:
            for done in as_completed([pool.submit(run, *key) for key in missing]):
                row = {key: str(value) for key, value in done.result().items()}
                rows.append(row)
                write(rows, path)
                solved = row["solved_after"]
                progress.console.print(
                    f"{row['task']}, {row['cell']}, seed {row['seed']}: "
                    f"{f'solved after {solved}' if solved else 'not solved'}, {row['seconds']} s"
                )
                progress.advance(bar)
        finally:
            pool.shutdown(cancel_futures=True)
    rows = [row for row in rows if int(row["budget"]) == budget]
    plot(rows, output / "long_memory.png")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
