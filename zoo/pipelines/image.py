"""Pictures to class names."""

from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np

from zoo.pipelines.base import Pipeline, check_top_k, classified


class ImageClassificationPipeline(Pipeline):
    """Pictures to `{"label": "7", "score": 0.999, "probabilities": {"0": …}}`.

    `probabilities` is in the order of the classes; with `top_k=k` it holds the k likeliest,
    likeliest first.
    """

    def check_options(self, top_k: int | None = None) -> None:
        check_top_k(top_k, self.preprocessor.labels)

    def is_single(self, inputs: Any) -> bool:
        return is_one_picture(inputs, self.preprocessor.shape)

    def answers(self, batch: Any, top_k: int | None = None) -> Iterator[dict[str, Any]]:
        for logits in self._predict(self.preprocessor.encode(batch)):
            yield classified(logits, self.preprocessor.labels, top_k)


def is_one_picture(inputs: Any, shape: tuple[int, ...]) -> bool:
    """Whether `inputs` is a file's path or one picture of a shape, and not several."""
    if isinstance(inputs, (str, PathLike)):
        return True
    return not isinstance(inputs, (list, tuple)) and np.shape(inputs) in (shape, (*shape, 1))
