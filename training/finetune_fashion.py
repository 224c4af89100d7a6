"""Fine-tuning on 1,000 Fashion-MNIST pictures: pretrained digits against random weights.

`python -m training.finetune_fashion` trains `highway_mnist_50` with a new head, and the same
network from scratch, on the same 1,000 pictures with the same settings, five seeds each, and
prints the table of docs/fine-tuning.md. The rate of either is chosen on 1,000 further pictures of
the training split; the test split is scored once, with the rate that won.
"""

import statistics
from pathlib import Path
from typing import Annotated

import keras
import numpy as np
import typer

import zoo

RATES = (1e-3, 3e-3, 1e-2)
BATCH_SIZE = 50


def start(kind: str, labels: list[str]) -> keras.Model:
    """Returns the network with pretrained or random weights, and a head for the new classes."""
    if kind == "pretrained":
        return zoo.load("highway_mnist_50", labels=labels)
    return zoo.build("highway_classifier", depth=50, labels=labels)


def score(
    kind: str, rate: float, seed: int, epochs: int, held_out: tuple[np.ndarray, np.ndarray]
) -> float:
    """Returns the accuracy on `held_out` after training on 1,000 pictures."""
    keras.utils.set_random_seed(seed)
    pictures, ids = zoo.data.load("fashion_mnist", "train[:1000]")
    model = start(kind, zoo.data.labels("fashion_mnist"))
    schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(ids) // BATCH_SIZE)
    model.compile(
        keras.optimizers.AdamW(schedule, clipnorm=1.0),
        loss=model.loss,
        metrics=["accuracy"],
        jit_compile=False,
    )
    model.fit(pictures, ids, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
    return float(model.evaluate(*held_out, batch_size=1000, verbose=0)[1])


def main(
    seeds: Annotated[int, typer.Option(min=2)] = 5,
    epochs: Annotated[int, typer.Option(min=1)] = 40,
    output: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/figures"),
) -> None:
    """Run the comparison and print its table."""
    validation = zoo.data.load("fashion_mnist", "train[1000:2000]")
    test = zoo.data.load("fashion_mnist", "test")
    lines = ["| start | rate | validation | test, mean ± deviation | worst | best |"]
    lines.append("|---|---|---|---|---|---|")
    for kind in ("pretrained", "from scratch"):
        tried: dict[float, float] = {}
        for rate in RATES:
            tried[rate] = statistics.mean(
                score(kind, rate, seed, epochs, validation) for seed in range(2)
            )
            typer.echo(f"{kind}: rate {rate} gives {tried[rate]:.4f} on validation")
        rate = max(tried, key=lambda rate: tried[rate])
        results = [score(kind, rate, seed, epochs, test) for seed in range(seeds)]
        lines.append(
            f"| {kind} | {rate} | {tried[rate]:.4f} | {statistics.mean(results):.4f} ± "
            f"{statistics.stdev(results):.4f} | {min(results):.4f} | {max(results):.4f} |"
        )
    typer.echo("\n".join(lines))
    (output / "finetune_fashion.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
