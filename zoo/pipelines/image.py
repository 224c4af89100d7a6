"""Pictures to class names."""

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np

from zoo.pipelines.base import Pipeline, softmax


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
        return is_one_picture(inputs, self.preprocessor.shape)

    def answers(self, batch: Any, top_k: int | None = None) -> Iterator[dict[str, Any]]:
        labels = self.preprocessor.labels
        for row in softmax(self._predict(self.preprocessor.encode(batch))):
            best = int(np.argmax(row))
            kept = range(len(labels)) if top_k is None else np.argsort(-row, kind="stable")[:top_k]
            yield {
                "label": labels[best],
                "score": float(row[best]),
                "probabilities": {labels[i]: float(row[i]) for i in kept},
            }


def is_one_picture(inputs: Any, shape: tuple[int, ...]) -> bool:
    """Whether `inputs` is a file's path or one picture of a shape, and not several."""
    if isinstance(inputs, (str, PathLike)):
        return True
    return not isinstance(inputs, (list, tuple)) and np.shape(inputs) in (shape, (*shape, 1))
