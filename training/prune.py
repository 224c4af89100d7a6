"""`python -m training.prune NAME --layers N`: the published Highway network NAME without N layers.

Layers are left out one after another, each time the one without which the loss on the validation
split is least. What is left is trained on for some epochs, as the recipe of NAME has it but at half
its rate. The test split is scored once, at the end, and the checkpoint is written to
runs/NAME_pruned/checkpoint.
"""

import time
from functools import partial
from pathlib import Path
from typing import Annotated

import keras
import typer

import zoo
from training import pictures
from training.recipe import Recipe
from training.recipes import recipe
from zoo import registry
from zoo.analysis import idle_layers, pruned
from zoo.analysis.examples import examples_of
from zoo.analysis.gated import names_of
from zoo.cli import plain_errors
from zoo.loading import hardware, origin
from zoo.verification import evaluate


def train_on(model: keras.Model, chosen: Recipe, epochs: int) -> None:
    """Trains a model further on the data of a recipe, at half its rate."""
    pixels, ids = zoo.data.load(chosen.dataset, chosen.train)
    steps = len(pixels) // chosen.batch_size
    optimizer = partial(chosen.optimizer, rate=chosen.optimizer.keywords["rate"] / 2)
    entry = registry.builder(chosen.builder)
    entry.compile(model, optimizer=optimizer(steps * epochs), metrics=False)
    model.fit(
        pictures.batches(
            pixels,
            ids,
            batch_size=chosen.batch_size,
            seed=0,
            first_epoch=0,
            epochs=epochs,
            augment=chosen.augment,
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=2,
    )
    entry.compile(model)


def prune(name: str, *, layers: int, epochs: int, output: Path) -> Path:
    """Writes the pruned checkpoint and returns its folder.

    Raises:
        FileExistsError: if it is there already.
        ValueError: if the network has not more layers than are to be left out.
    """
    folder = output / "checkpoint"
    if folder.exists():
        raise FileExistsError(f"{folder} exists already: remove it, or choose another --output")
    keras.utils.set_random_seed(0)
    start = time.monotonic()
    card, chosen = zoo.info(name), recipe(name)
    model = zoo.load(name)
    if layers >= (whole := len(names_of(model))):
        raise ValueError(f"layers must be fewer than the {whole} of {name}, got {layers}")
    held_out = examples_of(model, chosen.validation)
    idle = idle_layers(model, *held_out, tolerance=1.0, most=layers, progress=True)
    smaller = pruned(model, idle)
    train_on(smaller, chosen, epochs)
    examples = zoo.data.load(chosen.dataset, chosen.test)
    depth = origin(smaller).arguments["depth"]
    kept = ("dataset", "published", "citation", "licence")
    zoo.save(
        smaller,
        folder,
        card={
            **{field: card[field] for field in kept},
            "summary": f"{card['summary']}: the {depth} of them that matter most",
            "metrics": evaluate(smaller, examples),
            "validation_metrics": evaluate(
                smaller, zoo.data.load(chosen.dataset, chosen.validation)
            ),
            "recipe": f"python -m training.prune {name} --layers {layers} --epochs {epochs}",
            "settings": {
                "pruned_from": f"{name}@{card['revision']}",
                "left_out": sorted(idle),
                "epochs": epochs,
            },
            "seed": 0,
            "training_seconds": round(time.monotonic() - start),
            "hardware": hardware(),
        },
        golden_input=examples[0][:16],
    )
    return folder


def main(
    name: Annotated[str, typer.Argument(help="A published Highway network.")],
    layers: Annotated[int, typer.Option(min=1, help="How many to leave out.")] = 25,
    epochs: Annotated[int, typer.Option(min=1, help="Of the training after that.")] = 10,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the checkpoint; runs/NAME_pruned by default.")
    ] = None,
) -> None:
    """Leave out the layers of a published Highway network that matter least."""
    folder = output or Path("runs") / f"{name}_pruned"
    with plain_errors():
        typer.echo(prune(name, layers=layers, epochs=epochs, output=folder))


if __name__ == "__main__":
    typer.run(main)
