"""Fine-tuning on 50 sentences of a new domain: six intents of SNIPS, moved to the seventh.

`python -m training.finetune_snips` trains a slot filler on the six other intents, gives it heads
for the slots of the seventh, and trains it on 50 sentences of that; beside it the same network
from scratch on the same sentences, five seeds each. It prints the table of docs/fine-tuning.md:
F1 of the slots. The rate of either is chosen on the validation split's sentences of the seventh
intent; the test split's are scored once a seed, with the rate that won.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import typer

import zoo
from training import sentences
from training.finetuning import compare
from training.recipes import recipe
from zoo import scores
from zoo.models.labelling import compile_labeller

RECIPE = recipe("bilstm_snips")
COUNT = 50
BATCH_SIZE = 10
RATES = (1e-3, 3e-3, 1e-2)

Examples = tuple[list[list[str]], dict[str, Any]]


def rows_of(examples: Examples, rows: Iterable[int]) -> Examples:
    """Returns the sentences of these numbers, and their targets."""
    words, targets = examples
    rows = list(rows)
    return [words[i] for i in rows], {
        head: [values[i] for i in rows] for head, values in targets.items()
    }


def of_intent(examples: Examples, intent: str, wanted: bool = True) -> Examples:
    """Returns the sentences of an intent; with `wanted` False, all others."""
    intents = examples[1]["intents"]
    return rows_of(examples, (i for i, it in enumerate(intents) if (it == intent) == wanted))


def fit(
    model: keras.Model,
    examples: Examples,
    *,
    optimizer: partial[keras.optimizers.Optimizer],
    seed: int,
    epochs: int,
    batch_size: int,
) -> None:
    """Trains a slot filler on sentences."""
    words, targets = examples
    steps = len(words) // batch_size
    compile_labeller(model, optimizer(steps * epochs), metrics=False)
    model.fit(
        sentences.batches(
            zoo.preprocessor(model),
            words,
            targets,
            batch_size=batch_size,
            seed=seed,
            first_epoch=0,
            epochs=epochs,
        ),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
    )


def pretrained_on(examples: Examples, folder: Path) -> Path:
    """Returns the folder of a slot filler that was trained on sentences; trains it if need be."""
    if not folder.exists():
        typer.echo(f"training on {len(examples[0]):,} sentences of six intents")
        keras.utils.set_random_seed(0)
        model = zoo.build("slot_filler", **sentences.arguments(*examples), **RECIPE.arguments)
        fit(
            model,
            examples,
            optimizer=RECIPE.optimizer,
            seed=0,
            epochs=RECIPE.epochs,
            batch_size=RECIPE.batch_size,
        )
        zoo.save(model, folder)
    return folder


def main(
    intent: Annotated[str, typer.Option(help="The seventh.")] = "SearchScreeningEvent",
    seeds: Annotated[int, typer.Option(min=2)] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="On the 50 sentences.")] = 40,
    runs: Annotated[Path, typer.Option(help="Folder of what is trained first.")] = Path("runs"),
    output: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/figures"),
) -> None:
    """Run the comparison and print its table."""
    splits = {split: zoo.data.load("snips", split) for split in ("train", "validation", "test")}
    if intent not in splits["train"][1]["intents"]:
        known = ", ".join(sorted(set(splits["train"][1]["intents"])))
        raise typer.BadParameter(f"must be one of {known}; got {intent!r}")
    others = of_intent(splits["train"], intent, wanted=False)
    folder = pretrained_on(others, runs / f"snips_without_{intent}")
    of_it = {split: of_intent(examples, intent) for split, examples in splits.items()}

    def score(start: str, rate: float, seed: int, split: str) -> float:
        keras.utils.set_random_seed(seed)
        keras.backend.clear_session()
        order = np.random.default_rng(seed).permutation(len(of_it["train"][0]))
        few = rows_of(of_it["train"], order[:COUNT])
        arguments = sentences.arguments(*few)
        if start == "pretrained":
            model = zoo.load(
                folder, labels=arguments["labels"], intents=arguments["intents"], trust=True
            )
        else:
            model = zoo.build("slot_filler", **arguments, **RECIPE.arguments)
        optimizer = partial(RECIPE.optimizer, rate=rate)
        fit(model, few, optimizer=optimizer, seed=seed, epochs=epochs, batch_size=BATCH_SIZE)
        return scores.OF_TASK["slot-filling"](zoo.pipeline(model), *of_it[split])["f1"]

    table = compare(score, rates=RATES, seeds=seeds)
    typer.echo(table)
    (output / "finetune_snips.md").write_text(table + "\n")


if __name__ == "__main__":
    typer.run(main)
