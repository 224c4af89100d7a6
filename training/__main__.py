"""`python -m training NAME`: trains one checkpoint of the zoo."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    name: Annotated[str, typer.Argument(help="Checkpoint to train, such as highway_mnist_50.")],
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Train this many, from --seed on; the best on validation stays."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for state, logs and result [runs/NAME].")
    ] = None,
) -> None:
    """Train a checkpoint: weights, card and golden output end up in OUTPUT/checkpoint.

    A training that was stopped goes on where it stood when the same command is given again.
    """
    from training.driver import train
    from training.recipes import recipe
    from training.seeds import train_seeds
    from zoo.errors import DataUnavailableError

    try:
        output = output or Path("runs") / name
        if seeds is None:
            folder = train(name, recipe(name), seed=seed, epochs=epochs, output=output)
        else:
            chosen = range(seed, seed + seeds)
            folder = train_seeds(name, recipe(name), seeds=chosen, epochs=epochs, output=output)
    except (ValueError, OSError, FloatingPointError, DataUnavailableError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"written: {folder}")


if __name__ == "__main__":
    app()
