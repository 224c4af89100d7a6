"""What all pipelines share: how they are called, with one input or with many."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from inspect import signature
from itertools import islice
from typing import Any

import keras
import numpy as np

from zoo import loading, registry

# Words or symbols, padding with them, that go through a model at once: memory does not grow with
# the longest text times the number of all.
AT_ONCE = 8192


class Pipeline:
    """A model, its preprocessor, and what makes plain values of the model's outputs.

    Calling it with one input gives one dict; with a list or an array of several, a list; with an
    iterator, a generator that reads no further than the batch it works on.
    """

    def __init__(self, model: keras.Model, preprocessor: Any):
        self.model = model
        self.preprocessor = preprocessor
        # A model of its own over the same layers: what a user gives to `model.predict` cannot
        # then widen the shapes that this one was traced for.
        self._predict = compiled(keras.Model(model.input, self.outputs_of(model)))

    def __call__(self, inputs: Any, *, batch_size: int = 128, **options: Any) -> Any:
        """Returns the model's answer to one input, or to each of several.

        Args:
            inputs: one raw input, a list of them, an array of several, or an iterator.
            batch_size: how many inputs go through the model at once.
            **options: of the task.

        Raises:
            ValueError: if `batch_size` is not positive, or an input is not one the model takes.
            TypeError: if an input has the wrong type, or an option is not one of the task.
        """
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size must be a positive integer, got {batch_size!r}")
        if unknown := sorted(options.keys() - self.options):
            raise TypeError(f"{self.task} has no option {unknown[0]!r}")
        self.check_options(**options)
        if isinstance(inputs, Iterator):
            return self._answers(inputs, batch_size, options)
        if self.is_single(inputs):
            return next(self._answers([inputs], 1, options))
        return list(self._answers(inputs, batch_size, options))

    def _answers(
        self, inputs: Iterable[Any], batch_size: int, options: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for batch in _batches(inputs, batch_size):
            yield from self.answers(batch, **options)

    @property
    def task(self) -> str:
        """The task of the model."""
        return registry.builder(loading.origin(self.model).builder).task

    @property
    def options(self) -> set[str]:
        """The names of the task's options."""
        return set(signature(self.check_options).parameters)

    def outputs_of(self, model: keras.Model) -> Any:
        """Returns the symbolic outputs that answers are made of: the model's, unless overridden."""
        return model.output

    def check_options(self) -> None:
        """Raises an error for options that `answers` cannot use."""

    def is_single(self, inputs: Any) -> bool:
        """Whether `inputs` is one input and not several."""
        raise NotImplementedError

    def answers(self, batch: Any) -> Iterator[dict[str, Any]]:
        """Yields one dict an input of the batch, in their order."""
        raise NotImplementedError


def compiled(model: keras.Model) -> Callable[[Any], Any]:
    """Returns a function from a batch of arrays to the model's outputs as arrays.

    On TensorFlow it is traced once, for all sizes; Keras would trace until it has met enough of
    them, seconds each for a large model.
    """
    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch
    import tensorflow as tf

    tree = keras.tree
    specs = tree.map_structure(lambda x: tf.TensorSpec(x.shape, x.dtype), model.input)
    outputs_of = tf.function(partial(model, training=False), input_signature=[specs])

    def predict(inputs: Any) -> Any:
        tensors = tree.map_structure(lambda x, s: tf.convert_to_tensor(x, s.dtype), inputs, specs)
        return tree.map_structure(lambda output: output.numpy(), outputs_of(tensors))

    return predict


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def classified(logits: np.ndarray, labels: list[str], top_k: int | None) -> dict[str, Any]:
    """Returns label, score and probabilities of one row of logits.

    The probabilities are in the order of the labels, or with `top_k` those of the likeliest, the
    likeliest first.
    """
    row = softmax(logits)
    best = int(np.argmax(row))
    kept = range(len(labels)) if top_k is None else np.argsort(-row, kind="stable")[:top_k]
    return {
        "label": labels[best],
        "score": float(row[best]),
        "probabilities": {labels[i]: float(row[i]) for i in kept},
    }


def check_top_k(top_k: int | None, labels: list[str]) -> None:
    """Raises a ValueError if `top_k` is no number of labels."""
    if top_k is not None and not (isinstance(top_k, int) and 1 <= top_k <= len(labels)):
        raise ValueError(f"top_k must be from 1 to {len(labels)}, got {top_k!r}")


def _batches(inputs: Iterable[Any], size: int) -> Iterator[Any]:
    """Cuts `inputs` into batches; slices of an array stay arrays."""
    if isinstance(inputs, np.ndarray):
        return (inputs[i : i + size] for i in range(0, len(inputs), size))
    iterator = iter(inputs)
    return iter(lambda: list(islice(iterator, size)), [])


def of_similar_length(lengths: list[int]) -> Iterable[list[int]]:
    """Yields groups of row numbers, shortest rows first, of `AT_ONCE` with their padding."""
    group: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and (len(group) + 1) * lengths[row] > AT_ONCE:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
