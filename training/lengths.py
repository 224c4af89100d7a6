"""How much of an algorithmic task a checkpoint has right, by the length of its texts.

`python -m training.lengths grid_lstm_parity` asks a checkpoint for 1,000 texts of the test split
of each of so many sizes, up to the one it was trained for. It prints the longest of which it has
all right, and writes `docs/figures/NAME_by_length.csv` and a plot beside it.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import zoo
from training.state import replace_table
from zoo import scores, tasks

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
# Sizes that are tried, spread evenly.
SIZES = 20


def main(
    name: Annotated[str, typer.Argument(help="A published checkpoint of a task that is made.")],
    output: Annotated[Path, typer.Option(help="Folder of table and picture.")] = FIGURES,
) -> None:
    """Ask, print, and write table and picture."""
    from matplotlib.figure import Figure

    dataset = zoo.info(name)["dataset"]["name"]
    known = tasks.parsed(dataset)
    if not known:
        raise typer.BadParameter(f"{name} is of {dataset}, which is not made")
    task, pipe = dataset.rsplit("_", 1)[0], zoo.pipeline(name)
    # Of the smallest sizes a split has few texts, or none.
    sizes = sorted({*np.linspace(1, known[1], SIZES).round().astype(int).tolist()} - {1, 2, 3})
    right = [
        scores.whole_outputs(pipe, *zoo.data.load(f"{task}_{size}", "test"))["accuracy"]
        for size in sizes
    ]
    rows = [{"size": size, "right": f"{a:.4f}"} for size, a in zip(sizes, right, strict=True)]
    replace_table(output / f"{name}_by_length.csv", rows)
    figure = Figure((6.5, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(sizes, right, marker="o")
    axes.set(xlabel="size of a text", ylabel="share that is right", ylim=(0, 1.03), title=name)
    figure.savefig(output / f"{name}_by_length.png", dpi=120)
    for row in rows:
        typer.echo(f"{row['size']:>4} {row['right']}")
    perfect = next((i for i, share in enumerate(right) if share < 1), len(right))
    typer.echo(f"all of 1,000 right up to size {max(sizes[:perfect], default=0)}")


if __name__ == "__main__":
    typer.run(main)
