"""`python -m training.gate_figures`: what the gates of published checkpoints do, drawn.

Writes into docs/figures: of each deep Highway network the lesions (training and test set), as
lesion_NAME.png and lesion_NAME.csv, its gates, as gates_NAME.png, and those by class, as
classes_NAME.png; of the slot filler the gates of one sentence, word by word, as traces_NAME.png.
"""

import csv
from pathlib import Path
from typing import Annotated

import typer

import zoo
from zoo.analysis import gates, lesion, traces
from zoo.analysis.examples import examples_of, pieces_of

HIGHWAY = ("highway_mnist_50", "highway_mnist_100", "highway_cifar10_50")
SLOT_FILLER = "bilstm_atis"
SENTENCE = "show flights from denver to new york on monday morning"
# As many as there are in the test set.
SPLITS = {"training set": "train[:10000]", "test set": "test"}


def draw_highway(name: str, folder: Path) -> None:
    """Draws the lesions and the gates of a Highway network, and prints how many layers are idle."""
    model = zoo.load(name)
    examples = {label: examples_of(model, split) for label, split in SPLITS.items()}
    found = {label: lesion(model, *some, progress=True) for label, some in examples.items()}
    zoo.plots.lesion(*found.values(), labels=list(found)).savefig(folder / f"lesion_{name}.png")
    with (folder / f"lesion_{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("set", "removed", "loss", "accuracy"))
        for label, one in found.items():
            writer.writerow((label, "", f"{one.whole_loss:.6f}", f"{one.whole_accuracy:.4f}"))
            for layer, loss, accuracy in zip(one.layers, one.loss, one.accuracy, strict=True):
                writer.writerow((label, layer, f"{loss:.6f}", f"{accuracy:.4f}"))
    inputs, targets = examples["test set"]
    opened = gates(model, inputs, progress=True)
    zoo.plots.gates(opened).savefig(folder / f"gates_{name}.png")
    labels = zoo.preprocessor(model).labels
    zoo.plots.gates_by_class(opened, targets, labels).savefig(folder / f"classes_{name}.png")
    idle = {label: f"{len(one.idle())} of {len(one.layers)}" for label, one in found.items()}
    typer.echo(
        f"{name}: idle {idle}; bias {opened.mean_bias.min():.2f} to {opened.mean_bias.max():.2f}, "
        f"mean T {opened.mean_activity.mean():.3f}, "
        f"effective depth {opened.effective_depth.mean():.2f}"
    )


def draw_traces(folder: Path) -> None:
    """Draws the gates of the slot filler along one sentence."""
    model = zoo.load(SLOT_FILLER)
    inputs = zoo.preprocessor(model).encode([SENTENCE])
    figure = zoo.plots.traces(traces(model, inputs), pieces_of(model, SENTENCE, inputs))
    figure.savefig(folder / f"traces_{SLOT_FILLER}.png")


def main(
    output: Annotated[Path, typer.Option(help="Folder to write into.")] = Path("docs/figures"),
) -> None:
    """Draw what the gates of published checkpoints do."""
    for name in HIGHWAY:
        draw_highway(name, output)
    draw_traces(output)


if __name__ == "__main__":
    typer.run(main)
