"""Raw input to plain Python values, in one call."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from os import PathLike
from typing import Any

import keras
import numpy as np

from zoo import loading, registry
from zoo.errors import unknown_name
from zoo.preprocessing import Preprocessor


class Pipeline:
    """A model, its preprocessor, and what makes plain values of the model's outputs.

    Calling it with one input gives one dict; with a list or an array of several, a list; with an
    iterator, a generator that reads no further than the batch it works on.
    """

    def __init__(self, model: keras.Model, preprocessor: Preprocessor):
        self.model = model
        self.preprocessor = preprocessor
        # A model of its own over the same layers: what a user gives to `model.predict` cannot
        # then widen the shapes that this one was traced for.
        self._predict = keras.Model(model.input, model.output).predict_on_batch

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
            outputs = self._predict(self.preprocessor.encode(batch))
            yield from self.answers(outputs, **options)

    def check_options(self) -> None:
        """Raises an error for options that `answers` cannot use."""

    def is_single(self, inputs: Any) -> bool:
        """Whether `inputs` is one input and not several."""
        raise NotImplementedError

    def answers(self, outputs: np.ndarray) -> Iterator[dict[str, Any]]:
        """Yields one dict a row of the model's outputs."""
        raise NotImplementedError


class ImageClassificationPipeline(Pipeline):
    """Pictures to `{"label": "7", "score": 0.999, "probabilities": {"0": …}}`.

    `probabilities` is in the order of the classes; with `top_k=k` it holds the k likeliest,
    likeliest first.
    """

    def check_options(self, top_k: int | None = None) -> None:
        classes = len(self.preprocessor.labels)
        if top_k is not None and not (isinstance(top_k, int) and 1 <= top_k <= classes):
            raise ValueError(f"top_k must be from 1 to {classes}, got {top_k!r}")

    def is_single(self, inputs: Any) -> bool:
        if isinstance(inputs, (str, PathLike)):
            return True
        return not isinstance(inputs, (list, tuple)) and (
            np.shape(inputs) in (self.preprocessor.shape, (*self.preprocessor.shape, 1))
        )

    def answers(self, outputs: np.ndarray, top_k: int | None = None) -> Iterator[dict[str, Any]]:
        labels = self.preprocessor.labels
        for row in softmax(outputs):
            best = int(np.argmax(row))
            kept = range(len(labels)) if top_k is None else np.argsort(-row, kind="stable")[:top_k]
            yield {
                "label": labels[best],
                "score": float(row[best]),
                "probabilities": {labels[i]: float(row[i]) for i in kept},
            }


_PIPELINES: dict[str, Callable[..., Pipeline]] = {
    "image-classification": ImageClassificationPipeline,
}


def pipeline(source: loading.Source, **options: Any) -> Pipeline:
    """Returns a function from raw input to plain, JSON-ready values.

    Args:
        source: a checkpoint's name, the path or URL of a checkpoint folder, or a model of the zoo.
        **options: as `zoo.load` has them.

    Raises:
        ValueError: if the model has no head, no preprocessor, or a task without a pipeline; or as
            `zoo.load`.
    """
    model = loading.model_of(source, **options)
    origin = loading.origin(model)
    builder = registry.builder(origin.builder)
    if builder.task not in _PIPELINES:
        raise unknown_name("pipeline for the task", builder.task, _PIPELINES)
    preprocessor = loading.preprocessor(model)
    if not preprocessor.labels:
        raise ValueError(f"{model.name!r} has no head: use model.predict for its features")
    return _PIPELINES[builder.task](model, preprocessor)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns probabilities over the last axis, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _batches(inputs: Iterable[Any], size: int) -> Iterator[Any]:
    """Cuts `inputs` into batches; slices of an array stay arrays."""
    if isinstance(inputs, np.ndarray):
        return (inputs[i : i + size] for i in range(0, len(inputs), size))
    iterator = iter(inputs)
    return iter(lambda: list(islice(iterator, size)), [])
