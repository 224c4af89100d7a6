"""Depth and Highway in a sentiment classifier: plain and Highway BiLSTMs of equal size.

`python -m training.depth_study` trains BiLSTMs of 1, 3, 5 and 10 layers on the sentences of SST-5,
plain ones and Highway ones, five seeds of each, by the training driver: each is chosen on the
validation split and scored on the test split once. All have as many parameters in their layers, so
that a deeper one is narrower; of one layer both kinds are the same network. What a layer reads is
dropped at one rate in both kinds, of a Highway layer in its transform alone. Every run is kept in
`docs/figures/depth_study.csv`, with the mean T of its gates before and after, and drawn in
`docs/figures/depth_study.png`; the table of docs/highway.md is printed. Runs that are in the file
are not run again.
"""

import csv
import statistics
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import keras
import typer

import zoo
from training.driver import Training
from training.glove import start_from_glove
from training.recipe import Recipe, adamw
from training.recipes import recipe
from training.seeds import trained
from training.state import replace_table
from zoo.analysis import gates

DEPTHS = (1, 3, 5, 10)
KINDS = ("plain", "highway")
# Parameters of the recurrent layers and their gates.
BUDGET = 200_000
EPOCHS = 10
# Those of the words that GloVe has.
WORD_UNITS = 50
FIGURES = Path(__file__).parent.parent / "docs" / "figures"
COLUMNS = (
    "kind", "depth", "seed", "epochs", "units", "parameters", "validation", "test",
    "gates before", "gates after", "seconds",
)  # fmt: skip


def parameters_of(kind: str, depth: int, units: int, word_units: int) -> int:
    """Returns the parameters of the layers: LSTMs both ways, and from the second on dense gates."""
    width = 2 * units
    first = 2 * 4 * units * (word_units + units + 1)
    other = 2 * 4 * units * (width + units + 1)
    gate = width * (width + 1) if kind == "highway" else 0
    return first + (depth - 1) * (other + gate)


def units_of(kind: str, depth: int, word_units: int) -> int:
    """Returns the units of a direction with which the layers come nearest to `BUDGET`."""
    return min(
        range(1, 1000),
        key=lambda units: abs(parameters_of(kind, depth, units, word_units) - BUDGET),
    )


def recipe_of(kind: str, depth: int) -> Recipe:
    """Returns how one network is trained."""
    return replace(
        recipe("bilstm_sst5"),
        summary=f"a {kind} BiLSTM of {depth} layers",
        arguments={
            "units": units_of(kind, depth, WORD_UNITS),
            "depth": depth,
            "highway": "lstm" if kind == "highway" else None,
            "word_units": WORD_UNITS,
            "word_dropout": 0.05,
            "dropout": 0.3,
        },
        train="train",
        epochs=EPOCHS,
        batch_size=64,
        optimizer=partial(adamw, rate=2e-3, weight_decay=1e-2),
    )


def openness(model: keras.Model) -> float:
    """Returns the mean T of a model's Highway layers on the validation split."""
    sentences, _ = zoo.data.load("sst5", "validation")
    found = gates(model, zoo.preprocessor(model).encode(sentences))
    return float(found.mean_activity.mean())


def beginning(chosen: Recipe, seed: int, arguments: dict[str, Any]) -> keras.Model:
    """Returns a network with the weights that its training starts from."""
    keras.utils.set_random_seed(seed)
    model = zoo.build(chosen.builder, **arguments)
    if chosen.glove:
        start_from_glove(model.get_layer("word_embeddings"), arguments["vocabulary"])
    return model


def run(kind: str, depth: int, seed: int, epochs: int, runs: Path) -> dict[str, Any]:
    """Trains one network, if it was not, and returns its row of the table."""
    chosen = replace(recipe_of(kind, depth), epochs=epochs)
    name = f"{kind}_{depth}_{seed}"
    card = trained(Training(name, chosen, seed, output=runs / name)).card
    before = after = ""
    if kind == "highway" and depth > 1:
        model = zoo.load(runs / name / "checkpoint", trust=True)
        fresh = beginning(chosen, seed, zoo.loading.origin(model).arguments)
        before, after = (f"{openness(one):.4f}" for one in (fresh, model))
    units = chosen.arguments["units"]
    values = (
        kind, depth, seed, epochs, units, parameters_of(kind, depth, units, WORD_UNITS),
        card["validation_metrics"]["accuracy"], card["metrics"]["accuracy"], before, after,
        card["training_seconds"],
    )  # fmt: skip
    return dict(zip(COLUMNS, map(str, values), strict=True))


def scores(rows: list[dict[str, str]], kind: str, depth: int) -> list[float]:
    """Returns the test accuracies of one network's seeds."""
    return [float(r["test"]) for r in rows if (r["kind"], r["depth"]) == (kind, str(depth))]


def standard_error(values: list[float]) -> float:
    """Returns the standard error of a mean; of a single value it is not known."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


def table(rows: list[dict[str, str]]) -> str:
    """Returns the test accuracies by kind and depth as Markdown, and how far they are apart."""
    lines = ["| layers | plain | highway | difference, standard errors |", "|---|---|---|---|"]
    depths = sorted({int(row["depth"]) for row in rows})
    for depth in depths:
        plain, highway = (scores(rows, kind, depth) for kind in KINDS)
        if not plain or not highway:
            continue
        means = [statistics.mean(values) for values in (plain, highway)]
        errors = [standard_error(values) for values in (plain, highway)]
        both = (errors[0] ** 2 + errors[1] ** 2) ** 0.5
        difference = means[1] - means[0]
        times = f"{difference / both:.1f}" if both > 0 else "–"
        shown = " | ".join(f"{m:.4f} ± {e:.4f}" for m, e in zip(means, errors, strict=True))
        lines.append(f"| {depth} | {shown} | {difference:+.4f}, {times} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, str]], path: Path) -> None:
    """Draws mean and standard error by depth, and every run."""
    from matplotlib.figure import Figure

    figure = Figure((6.5, 4), layout="constrained")
    axes = figure.subplots()
    for kind, colour in zip(KINDS, ("C1", "C0"), strict=True):
        of_kind = [r for r in rows if r["kind"] == kind]
        depths = sorted({int(r["depth"]) for r in of_kind})
        found = [scores(rows, kind, depth) for depth in depths]
        axes.errorbar(
            depths,
            [statistics.mean(values) for values in found],
            [standard_error(values) for values in found],
            color=colour,
            marker="o",
            capsize=4,
            label=kind,
        )
        for depth, values in zip(depths, found, strict=True):
            axes.plot([depth] * len(values), values, ".", color=colour, alpha=0.4)
    axes.set(
        xlabel="layers", ylabel="test accuracy", xticks=sorted({int(r["depth"]) for r in rows})
    )
    axes.legend()
    figure.savefig(path, dpi=120)


def main(
    depths: Annotated[list[int] | None, typer.Option("--depth", help="1, 3, 5 and 10.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = EPOCHS,
    runs: Annotated[Path, typer.Option(help="Folder of the trainings.")] = Path("runs/depth_study"),
    output: Annotated[Path, typer.Option(help="Folder of table and picture.")] = FIGURES,
) -> None:
    """Train what is missing of the study, and write its table and its picture."""
    path = output / "depth_study.csv"
    rows = list(csv.DictReader(path.open())) if path.exists() else []
    if others := {row["epochs"] for row in rows} - {str(epochs)}:
        message = f"{path} has runs of {others.pop()} epochs, not {epochs}: choose another --output"
        raise typer.BadParameter(message, param_hint="epochs")
    done = {(row["kind"], row["depth"], row["seed"]) for row in rows}
    for seed in range(seeds):
        for depth in depths or DEPTHS:
            for kind in KINDS:
                if (kind, str(depth), str(seed)) in done:
                    continue
                if kind == "highway" and depth == 1:
                    # The same network: the first layer is plain in both.
                    same = (r for r in rows if (r["depth"], r["seed"]) == ("1", str(seed)))
                    row = next(same) | {"kind": kind}
                else:
                    row = run(kind, depth, seed, epochs, runs)
                rows.append(row)
                replace_table(path, rows)
                typer.echo(" ".join(row.values()))
    draw(rows, output / "depth_study.png")
    typer.echo(table(rows))


if __name__ == "__main__":
    typer.run(main)
