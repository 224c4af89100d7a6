"""The one driver: recipe and seed in, checkpoint folder out."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import zoo
from training import algorithms, captions, glove, pairs, pictures, sentences, texts
from training.recipe import Recipe
from training.state import TrainingState, averaged_weights
from training.training_set import TrainingSet
from training.workers import ALONE, Worker, digests, undistributed, weights_digest
from zoo import loading, registry, scores
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
    """Adds the metrics of a model's task on the validation split to each epoch's logs.

    They are those of the weights as they are trained, in float32, and averaged if the optimizer
    averages them.

    Args:
        task: of the model.
        scored: a model of its own, which is given the weights.
        examples: inputs and targets of the split.
    """

    def __init__(self, task: str, scored: keras.Model, examples: tuple[Any, Any]):
        super().__init__()
        self.scored = scored
        self.metrics = partial(scores.OF_TASK[task], zoo.pipeline(scored), *examples)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.scored.set_weights(averaged_weights(self.model))
        with undistributed():
            found = self.metrics()
        if logs is not None:
            logs |= {f"val_{name}": value for name, value in found.items()}


class EpochBoard(keras.callbacks.TensorBoard):
    """TensorBoard without a point for every batch, which take a fifth of a small model's time."""

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes nothing."""


@dataclass(frozen=True)
class Training:
    """What is trained, with which seed, and where its state, its logs and its result are kept."""

    name: str
    recipe: Recipe
    seed: int
    output: Path
    # Seconds between two states of an epoch.
    every: float = 60.0
    # Options besides --seed that make a shell's command of it.
    options: str = ""
    # Name or folder of the checkpoint whose weights are the first ones.
    start: str | None = None

    @property
    def command(self) -> str:
        """What trains the same, given to a shell."""
        backend = keras.backend.backend()
        variable = "" if backend == "tensorflow" else f"KERAS_BACKEND={backend} "
        return f"{variable}python -m training {self.name} --seed {self.seed}{self.options}"

    @property
    def checkpoint(self) -> Path:
        """The folder of the result."""
        return self.output / "checkpoint"

    def state(self, writes: bool = True) -> TrainingState:
        """Returns the keeper of the state, which is not restored yet."""
        recipe = self.recipe
        fingerprint = {
            "name": self.name,
            "seed": self.seed,
            "builder": recipe.builder,
            "dataset": recipe.dataset,
            "train": recipe.train,
            "validation": recipe.validation,
            # Weights are rounded at the end alone.
            **{name: value for name, value in recipe.settings().items() if name != "dtype"},
        }
        if self.start:
            fingerprint["start"] = self.start
        path = self.output / "state.npz"
        return TrainingState(path, fingerprint, recipe.monitor, recipe.goal, self.every, writes)


def train(training: Training, engine: Callable[[Training], None] | None = None) -> Path:
    """Trains one checkpoint and returns its folder.

    A training that was killed goes on where its last state was written. The same recipe and seed
    give the same weights on the same machine and library versions, whether it was killed or not.
    Weights are chosen by the recipe's monitor on the validation split; the test split is looked at
    once, at the end.

    Args:
        training: what is trained.
        engine: what goes through the epochs in the place of this process.

    Raises:
        FileExistsError: if there is a finished checkpoint.
        ValueError: if the output holds the state of another training, or `training.start` is of
            another model.
        DataUnavailableError: if the data set is neither on disk nor reachable.
        FloatingPointError: if the loss or a weight is no longer a finite number.
        OSError: if a state cannot be written.
        KeyboardInterrupt: if the user stops it; as of all others, its message says what is kept.
    """
    recipe, folder = training.recipe, training.checkpoint
    if folder.exists():
        raise FileExistsError(f"{folder} exists already: remove it, or choose another --output")
    try:
        if engine:
            engine(training)
        model, state = fit(training)
        if recipe.dtype:
            model = loading.rounded(model, recipe.dtype)
        validation_metrics = evaluate(model, zoo.data.load(recipe.dataset, recipe.validation))
        test = zoo.data.load(recipe.dataset, recipe.test)
        metrics = evaluate(model, test)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(training.state().kept) from None
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
        "validation_metrics": validation_metrics,
        "recipe": training.command,
        "settings": recipe.settings() | {"best_epoch": state.best_epoch + 1},
        "seed": training.seed,
        "training_seconds": round(state.history[-1]["seconds"]),
        "hardware": " and ".join(state.hardware),
        "published": recipe.published,
        "citation": recipe.citation,
        "licence": "Apache-2.0",
    }
    if signature := scores.signature(metrics):
        card["scorer"] = signature
    # Of sentences no test example is kept: the licences of the corpora forbid it.
    is_pictures = registry.builder(recipe.builder).task == "image-classification"
    golden_input = test[0][:16] if is_pictures else None
    zoo.save(model, folder, card=card, golden_input=golden_input, dtype=recipe.dtype)
    return folder


def fit(training: Training, worker: Worker = ALONE) -> tuple[keras.Model, TrainingState]:
    """Trains to the last epoch; returns a model with the chosen weights, and the state.

    Args:
        training: what is trained.
        worker: which of the processes this is that train together.

    Raises:
        As `train`; and ValueError if workers differ in code, libraries or data.
    """
    recipe, seed = training.recipe, training.seed
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        tf.config.experimental.enable_op_determinism()

    builder = registry.builder(recipe.builder)
    examples = zoo.data.load(recipe.dataset, recipe.train)
    if worker.count > 1:
        worker.check_equal(digests(examples))
    found = TRAINING_SETS[builder.task](recipe, *examples)
    steps = found.count // recipe.batch_size
    if not steps:
        raise ValueError(
            f"batch_size must be at most the {found.count} examples there are, "
            f"got {recipe.batch_size}"
        )
    build = partial(zoo.build, recipe.builder, **found.arguments, **recipe.arguments)
    with worker.distribution(), precision(recipe.precision):
        model = build()
        if recipe.glove:
            words = found.arguments["vocabulary"]
            glove.start_from_glove(model.get_layer("word_embeddings"), words)
        if training.start:
            start_from(model, training.start)
        # The metrics of the validation split are enough.
        builder.compile(model, optimizer=recipe.optimizer(steps * recipe.epochs), metrics=False)
    scored = build()

    state = training.state(writes=worker.rank == 0)
    callbacks: list[keras.callbacks.Callback] = [state]
    if worker.rank == 0:
        held_out = zoo.data.load(recipe.dataset, recipe.validation)
        callbacks = [
            Validation(builder.task, scored, held_out),
            state,
            EpochBoard(training.output / "tensorboard", write_graph=False),
        ]
    while (done := state.restore(model)) < recipe.epochs and not state.at_goal:
        batches = found.batches(
            zoo.preprocessor(model),
            batch_size=recipe.batch_size,
            seed=seed,
            first_epoch=done,
            epochs=recipe.epochs,
        )
        # Keras cannot begin inside of an epoch: the rest of one is a fit by itself. And with a
        # goal each is, for of many workers one alone scores it, and all read the state it wrote.
        is_one = state.step > 0 or recipe.goal is not None
        with worker.distribution():
            model.fit(
                worker.rows_of(batches.skip(state.step), recipe.batch_size),
                initial_epoch=done,
                epochs=done + 1 if is_one else recipe.epochs,
                steps_per_epoch=steps - state.step,
                shuffle=False,
                callbacks=callbacks,
                verbose=(1 if sys.stdout.isatty() else 2) if worker.rank == 0 else 0,
            )
        worker.wait()
    if worker.count > 1:
        worker.check_equal({"last weights": weights_digest(model.get_weights())}, shown=True)
    scored.set_weights(state.best)
    return scored, state


def start_from(model: keras.Model, checkpoint: str) -> None:
    """Gives a model the weights of a checkpoint, a published one's name or a folder.

    Raises:
        ValueError: if it has other weights than the model, or other words.
    """
    given = zoo.load(checkpoint, trust=True, compile=False)
    wanted, found = ({w.path: tuple(w.shape) for w in one.weights} for one in (model, given))
    if wanted != found:
        others = sorted(path for path in wanted | found if wanted.get(path) != found.get(path))
        path = others[0]
        raise ValueError(
            f"start: {checkpoint} is of another model: {path} has the shape {found.get(path)}, "
            f"the recipe's {wanted.get(path)}"
        )
    ours, its = loading.origin(model), loading.origin(given)
    for words in registry.builder(ours.builder).assets:
        # Of each word there is a row of weights.
        if [*ours.arguments[words]] != [*its.arguments[words]]:
            raise ValueError(f"start: {checkpoint} has another {words} than the recipe's data")
    model.set_weights(given.get_weights())


@contextmanager
def precision(policy: str | None) -> Iterator[None]:
    """Lets layers that are made inside compute as a dtype policy of Keras says, if there is one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
