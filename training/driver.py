"""The one driver: recipe and seed in, checkpoint folder out."""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras

import zoo
from training import algorithms, captions, glove, pairs, pictures, sentences, texts
from training.recipe import Recipe
from training.state import TrainingState
from training.training_set import TrainingSet
from zoo import registry, scores
from zoo.loading import hardware, rounded
from zoo.verification import evaluate

# Licences of the data sets, as their publishers state them.
LICENCES = {
    **dict.fromkeys(("addition_N", "memorization_N", "parity_N"), "none: made, not collected"),
    "atis": "LDC: the data are not free, weights may be published",
    "cifar10": "none stated",
    "cmudict": "BSD 2-Clause",
    "conll2000": "Wall Street Journal: the data are not free, weights may be published",
    "ewt": "CC BY-SA 4.0",
    "fashion_mnist": "MIT",
    "mnist": "CC BY-SA 3.0, as usually cited",
    "mnist_spelled": "CC BY-SA 3.0, as usually cited",
    "multi30k": "for research, not for commerce",
    "snips": "CC0 1.0",
    "sst5": "for research",
    "tinyshakespeare": "public domain",
}


TRAINING_SETS: dict[str, Callable[..., TrainingSet]] = {
    "algorithm": algorithms.training_set,
    "image-classification": pictures.training_set,
    "image-to-sequence": captions.training_set,
    "language-modelling": texts.training_set,
    "sequence-to-sequence": pairs.training_set,
    "slot-filling": sentences.training_set,
    "tagging": sentences.training_set,
    "text-classification": sentences.whole_training_set,
}


class Validation(keras.callbacks.Callback):
    """Adds the metrics of a model's task on the validation split to each epoch's logs."""

    def __init__(self, task: str, model: keras.Model, examples: tuple[Any, Any]):
        super().__init__()
        self.metrics = partial(scores.OF_TASK[task], zoo.pipeline(model), *examples)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs |= {f"val_{name}": value for name, value in self.metrics().items()}


class EpochBoard(keras.callbacks.TensorBoard):
    """TensorBoard without a point for every batch, which take a fifth of a small model's time."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes nothing."""


def train(name: str, recipe: Recipe, *, seed: int, epochs: int | None, output: Path) -> Path:
    """Trains one checkpoint and returns its folder, `output/checkpoint`.

    A training that was killed goes on after its last whole epoch. The same recipe and seed give
    the same weights on the same machine and library versions. Weights are chosen by the recipe's
    monitor on the validation split; the test split is looked at once, at the end.

    Args:
        name: of the checkpoint.
        recipe: how to train it.
        seed: of the initial weights, the order of examples and the augmentation.
        epochs: instead of the recipe's.
        output: folder for the state, the logs and the checkpoint.

    Raises:
        FileExistsError: if `output` holds a finished checkpoint.
        ValueError: if `output` holds the state of another training.
        DataUnavailableError: if the data set is neither on disk nor reachable.
        FloatingPointError: if the loss is no longer a finite number.
    """
    folder = output / "checkpoint"
    if folder.exists():
        raise FileExistsError(f"{folder} exists already: remove it, or choose another --output")
    recipe = replace(recipe, epochs=epochs or recipe.epochs)
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()

    builder = registry.builder(recipe.builder)
    found = TRAINING_SETS[builder.task](recipe, *zoo.data.load(recipe.dataset, recipe.train))
    held_out = zoo.data.load(recipe.dataset, recipe.validation)
    steps = found.count // recipe.batch_size
    model = zoo.build(recipe.builder, **found.arguments, **recipe.arguments)
    if recipe.glove:
        glove.start_from_glove(model.get_layer("word_embeddings"), found.arguments["vocabulary"])
    # The metrics of the validation split are enough.
    builder.compile(model, optimizer=recipe.optimizer(steps * recipe.epochs), metrics=False)

    settings = recipe.settings()
    fingerprint = {
        "name": name,
        "seed": seed,
        "builder": recipe.builder,
        "dataset": recipe.dataset,
        "train": recipe.train,
        "validation": recipe.validation,
        # Weights are rounded at the end alone.
        **{name: value for name, value in settings.items() if name != "dtype"},
    }
    state = TrainingState(output / "state.npz", fingerprint, recipe.monitor)
    done = state.restore(model)
    if done < recipe.epochs:
        model.fit(
            found.batches(
                zoo.preprocessor(model),
                batch_size=recipe.batch_size,
                seed=seed,
                first_epoch=done,
                epochs=recipe.epochs,
            ),
            initial_epoch=done,
            epochs=recipe.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            callbacks=[
                Validation(builder.task, model, held_out),
                state,
                keras.callbacks.TerminateOnNaN(),
                EpochBoard(output / "tensorboard", write_graph=False),
            ],
            verbose=1 if sys.stdout.isatty() else 2,
        )
    state.restore_best(model)
    if recipe.dtype:
        model = rounded(model, recipe.dtype)

    chosen = state.history[state.best_epoch]
    test = zoo.data.load(recipe.dataset, recipe.test)
    metrics = evaluate(model, test)
    card = {
        "summary": recipe.summary,
        "dataset": {
            **zoo.data.describe(recipe.dataset),
            "licence": LICENCES[zoo.data.listed_name(recipe.dataset)],
            "train_split": recipe.train,
            "validation_split": recipe.validation,
            "test_split": recipe.test,
        },
        "metrics": metrics,
        "validation_metrics": {
            key.removeprefix("val_"): round(value, 6)
            for key, value in chosen.items()
            if key.startswith("val_")
        },
        "recipe": f"python -m training {name} --seed {seed}",
        "settings": settings | {"best_epoch": chosen["epoch"] + 1},
        "seed": seed,
        "training_seconds": round(state.seconds),
        "hardware": hardware(),
        "published": recipe.published,
        "citation": recipe.citation,
        "licence": "Apache-2.0",
    }
    if signature := scores.signature(metrics):
        card["scorer"] = signature
    # Of sentences no test example is kept: the licences of the corpora forbid it.
    golden_input = test[0][:16] if builder.task == "image-classification" else None
    zoo.save(model, folder, card=card, golden_input=golden_input, dtype=recipe.dtype)
    return folder
