"""Fine-tuning on 1,000 Fashion-MNIST pictures: pretrained digits against random weights.

`python -m training.finetune_fashion` trains `highway_mnist_50` with a new head, and the same
network from scratch, on the same 1,000 pictures with the same settings, five seeds each, and
prints the table of docs/fine-tuning.md. The rate of either is chosen on 1,000 further pictures of
the training split; the test split is scored once, with the rate that won.
"""

from pathlib import Path
from typing import Annotated

import keras
import typer

import zoo
from training.finetuning import compare

RATES = (1e-3, 3e-3, 1e-2)
BATCH_SIZE = 50
SPLITS = {"validation": "train[1000:2000]", "test": "test"}


def start_from(start: str, labels: list[str]) -> keras.Model:
    """Returns the network with pretrained or random weights, and a head for the new classes."""
    if start == "pretrained":
        return zoo.load("highway_mnist_50", labels=labels)
    return zoo.build("highway_classifier", depth=50, labels=labels)


def main(
    seeds: Annotated[int, typer.Option(min=2)] = 5,
    epochs: Annotated[int, typer.Option(min=1)] = 40,
    output: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/figures"),
) -> None:
    """Run the comparison and print its table."""
    pictures, ids = zoo.data.load("fashion_mnist", "train[:1000]")
    held_out = {name: zoo.data.load("fashion_mnist", split) for name, split in SPLITS.items()}

    def score(start: str, rate: float, seed: int, split: str) -> float:
        keras.utils.set_random_seed(seed)
        model = start_from(start, zoo.data.labels("fashion_mnist"))
        schedule = keras.optimizers.schedules.CosineDecay(rate, epochs * len(ids) // BATCH_SIZE)
        model.compile(
            keras.optimizers.AdamW(schedule, clipnorm=1.0),
            loss=model.loss,
            metrics=["accuracy"],
            jit_compile=False,
        )
        model.fit(pictures, ids, batch_size=BATCH_SIZE, epochs=epochs, verbose=0)
        return float(model.evaluate(*held_out[split], batch_size=1000, verbose=0)[1])

    table = compare(score, rates=RATES, seeds=seeds)
    typer.echo(table)
    (output / "finetune_fashion.md").write_text(table + "\n")


if __name__ == "__main__":
    typer.run(main)
