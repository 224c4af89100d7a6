"""What memory along depth is worth: two Grid LSTMs and a stack of LSTMs of equal size.

`python -m training.grid_comparison` trains a Grid LSTM whose layers share their weights, one whose
layers have their own, and LSTMs one above the other, on addition and on memorisation, by the
training driver. All have six layers and as many parameters in them. How many texts of the
validation split they get right after how many texts seen is kept in
`docs/figures/grid_comparison.csv` and drawn in `docs/figures/grid_comparison.png`; the scores on
the test split are printed. A run that was stopped goes on, and those that are in the file are not
run again.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from training.driver import Training
from training.recipe import Recipe
from training.recipes import recipe
from training.seeds import trained
from training.state import replace_table

TASKS = ("addition_4", "memorization_8")
KINDS = ("tied grid", "untied grid", "stacked LSTM")
DEPTH = 6
# Parameters of the recurrent layers.
BUDGET = 130_000
EMBEDDING_UNITS = 64
FIGURES = Path(__file__).parent.parent / "docs" / "figures"
COLUMNS = ("task", "kind", "units", "parameters", "texts", "validation", "test")


def parameters_of(kind: str, units: int) -> int:
    """Returns the parameters of the recurrent layers, with that of their input."""
    if kind == "stacked LSTM":
        return 4 * units * (EMBEDDING_UNITS + units + 1 + (DEPTH - 1) * (2 * units + 1))
    layers = 1 if kind == "tied grid" else DEPTH
    return 2 * units * (EMBEDDING_UNITS + 1) + layers * 8 * units * (2 * units + 1)


def units_of(kind: str) -> int:
    """Returns the units with which the layers come nearest to `BUDGET`."""
    return min(range(1, 500), key=lambda units: abs(parameters_of(kind, units) - BUDGET))


def recipe_of(task: str, kind: str) -> Recipe:
    """Returns how one network is trained: as the checkpoints of its task, but for its size."""
    alike = recipe("grid_lstm_addition_5" if "addition" in task else "grid_lstm_memorization_10")
    layers: dict[str, Any] = (
        {"cell": "lstm", "depth": DEPTH}
        if kind == "stacked LSTM"
        else {"cell_depth": DEPTH, "cell_tied": kind == "tied grid"}
    )
    sizes = {"units": units_of(kind), "embedding_units": EMBEDDING_UNITS}
    return replace(alike, summary=f"{task} by a {kind}", dataset=task, arguments=sizes | layers)


def run(task: str, kind: str, epochs: int | None, runs: Path) -> list[dict[str, str]]:
    """Trains one network, if it was not, and returns its rows of the table, one an epoch."""
    chosen = recipe_of(task, kind)
    chosen = replace(chosen, epochs=epochs or chosen.epochs)
    name = f"{task}_{kind}".replace(" ", "_")
    card = trained(Training(name, chosen, seed=0, output=runs / name)).card
    units = chosen.arguments["units"]
    an_epoch = int(chosen.train.removeprefix("train[:").removesuffix("]"))
    rows = []
    for log in csv.DictReader((runs / name / "log.csv").open()):
        texts = (int(log["epoch"]) + 1) * an_epoch
        values = (
            task, kind, units, parameters_of(kind, units), texts, log["val_accuracy"],
            card["metrics"]["accuracy"],
        )  # fmt: skip
        rows.append(dict(zip(COLUMNS, map(str, values), strict=True)))
    return rows


def draw(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Draws the share of right texts by the number of texts seen, a panel a task."""
    from matplotlib.figure import Figure

    tasks = list(dict.fromkeys(row["task"] for row in rows))
    figure = Figure((9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
    for axes, task in zip(panels, tasks, strict=True):
        for kind in KINDS:
            found = [row for row in rows if (row["task"], row["kind"]) == (task, kind)]
            if found:
                seen = [int(row["texts"]) / 1000 for row in found]
                right = [float(row["validation"]) for row in found]
                axes.plot(seen, right, label=f"{kind}, {found[0]['units']} units")
        axes.set(title=task, xlabel="texts seen, thousands")
        axes.legend()
    panels[0].set_ylabel("whole texts right, validation")
    figure.savefig(path, dpi=120)


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Returns the scores on the test split as Markdown, a row a task."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    test = {(row["task"], row["kind"]): float(row["test"]) for row in rows}
    lines = [f"| task | {' | '.join(KINDS)} |", "|---" * (len(KINDS) + 1) + "|"]
    for task in tasks:
        shown = (f"{test[task, kind]:.3f}" if (task, kind) in test else "–" for kind in KINDS)
        lines.append(f"| {task} | {' | '.join(shown)} |")
    return "\n".join(lines)


def main(
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipes'.")] = None,
    runs: Annotated[Path, typer.Option(help="Folder of the trainings.")] = Path(
        "runs/grid_comparison"
    ),
    output: Annotated[Path, typer.Option(help="Folder of table and picture.")] = FIGURES,
) -> None:
    """Train what is missing of the comparison, and write its table and its picture."""
    path = output / "grid_comparison.csv"
    rows = list(csv.DictReader(path.open())) if path.exists() else []
    for task in TASKS:
        for kind in KINDS:
            if any((row["task"], row["kind"]) == (task, kind) for row in rows):
                continue
            rows += run(task, kind, epochs, runs)
            replace_table(path, rows)
            draw(rows, output / "grid_comparison.png")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
