"""`python -m training NAME`: trains one checkpoint of the zoo."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

# As a shell reports a process that Ctrl-C has ended.
INTERRUPTED = 130


class Engine(StrEnum):
    """What goes through the epochs, if it is not this process alone."""

    RAY = "ray"


@app.command()
def main(
    name: Annotated[str, typer.Argument(help="Checkpoint to train, such as highway_mnist_50.")],
    seed: Annotated[int, typer.Option(help="Of weights, order and augmentation.")] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Train this many, from --seed on; the best on validation stays."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Examples of a step, instead of the recipe's.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.0, help="Highest learning rate, instead of the recipe's.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Checkpoint, name or folder, whose weights are the first.")
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(help="Policy of Keras: mixed_bfloat16, or mixed_float16 on a GPU."),
    ] = None,
    clip_norm: Annotated[
        float | None, typer.Option(min=1e-9, help="Norm that gradients have at most.")
    ] = None,
    accumulation: Annotated[
        int | None, typer.Option(min=1, help="Steps whose gradients make one update.")
    ] = None,
    averaging: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Momentum of a moving average of the weights."),
    ] = None,
    every: Annotated[
        float, typer.Option(min=0.0, help="Seconds between two states of an epoch.")
    ] = 60.0,
    engine: Annotated[
        Engine | None, typer.Option(help="Train with many processes, by Ray Train.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="How many, with --engine.")] = 2,
    output: Annotated[
        Path | None, typer.Option(help="Folder for state, logs and result [runs/NAME].")
    ] = None,
) -> None:
    """Train a checkpoint: weights, card and golden output end up in OUTPUT/checkpoint.

    A training that was stopped goes on where it stood when the same command is given again.
    """
    from training.driver import Training, train
    from training.recipes import recipe
    from training.seeds import train_seeds

    output = output or Path("runs") / name
    changes: dict[str, Any] = {
        "epochs": epochs,
        "batch_size": batch_size,
        "rate": rate,
        "precision": precision,
        "clip_norm": clip_norm,
        "accumulation": accumulation,
        "averaging": averaging,
    }
    try:
        chosen = recipe(name).changed(**changes)
        options = "".join(
            f" --{option.replace('_', '-')} {value}"
            for option, value in (changes | {"start": start}).items()
            if value is not None
        )
        if seeds is not None and engine is not None:
            raise ValueError("seeds: with --engine one is trained at a time")
        if seeds is not None and start is not None:
            raise ValueError("seeds: all would begin with the weights of --start")
        if seeds is not None:
            training = Training(name, chosen, seed, output, every, options)
            folder = train_seeds(training, range(seed, seed + seeds))
        elif engine is not None:
            from training.ray_engine import run

            options += f" --engine {engine} --workers {workers}"
            training = Training(name, chosen, seed, output, every, options, start)
            folder = train(training, partial(run, workers=workers))
        else:
            folder = train(Training(name, chosen, seed, output, every, options, start))
    except (ValueError, OSError, ArithmeticError, ImportError, RuntimeError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as stop:
        typer.echo(f"stopped: {str(stop) or 'nothing was begun'}", err=True)
        raise typer.Exit(INTERRUPTED) from stop
    typer.echo(f"written: {folder}")


if __name__ == "__main__":
    app()
