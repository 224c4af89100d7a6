"""`python -m training.prune NAME`: the published Highway network NAME without its idle layers.

Layers are left out one after another, each time the one without which the loss on the validation
split is least, as long as the accuracy there stays within a tolerance of the whole network's. The
weights that stay are not trained further. The test split is scored once, at the end, and the
checkpoint is written to runs/NAME_pruned/checkpoint.
"""

from pathlib import Path
from typing import Annotated

import typer

import zoo
from zoo.analysis import idle_layers, lesion, pruned
from zoo.cli import examples_of
from zoo.verification import evaluate


def prune(name: str, *, tolerance: float, output: Path) -> Path:
    """Writes the pruned checkpoint and returns its folder.

    Raises:
        FileExistsError: if it is there already.
    """
    folder = output / "checkpoint"
    if folder.exists():
        raise FileExistsError(f"{folder} exists already: remove it, or choose another --output")
    card = zoo.info(name)
    data = card["dataset"]
    model = zoo.load(name)
    held_out = examples_of(model, data["validation_split"])
    idle = idle_layers(model, *held_out, tolerance=tolerance, progress=True)
    smaller = pruned(model, idle)
    depth = zoo.loading.origin(smaller).arguments["depth"]
    examples = zoo.data.load(data["name"], data["test_split"])
    kept = ("dataset", "published", "citation", "licence", "seed", "training_seconds", "hardware")
    zoo.save(
        smaller,
        folder,
        card={
            **{field: card[field] for field in kept},
            "summary": f"{card['summary']}; its {depth} layers that are not idle",
            "metrics": evaluate(smaller, examples),
            # Removing none says what the model scores as it is.
            "validation_metrics": {
                "accuracy": round(lesion(smaller, *held_out, layers=[]).whole_accuracy, 6)
            },
            "recipe": f"python -m training.prune {name} --tolerance {tolerance}",
            "settings": {
                "pruned_from": f"{name}@{card['revision']}",
                "left_out": sorted(idle),
                "tolerance": tolerance,
            },
        },
        golden_input=examples[0][:16],
    )
    return folder


def main(
    name: Annotated[str, typer.Argument(help="A published Highway network.")],
    tolerance: Annotated[
        float, typer.Option(help="Share of the validation split that may be lost.")
    ] = 0.002,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the checkpoint; runs/NAME_pruned by default.")
    ] = None,
) -> None:
    """Leave out the idle layers of a published Highway network."""
    typer.echo(prune(name, tolerance=tolerance, output=output or Path("runs") / f"{name}_pruned"))


if __name__ == "__main__":
    typer.run(main)
