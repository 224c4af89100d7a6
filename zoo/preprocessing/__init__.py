"""Raw input to tensors, and tensors back to labels. A checkpoint's config names its class."""

from typing import Any, Protocol

import numpy as np


class Preprocessor(Protocol):
    """What `zoo.preprocessor` returns."""

    labels: list[str]
    shape: tuple[int, ...]

    def encode(self, raw: Any, labels: Any = None) -> Any:
        """Returns what the model takes: arrays, or a `tf.data.Dataset` for a dataset.

        With `labels`, returns the pair of inputs and targets that `fit` takes.
        """

    def decode(self, outputs: Any) -> Any:
        """Returns the labels that the model's outputs stand for."""

    def example(self) -> np.ndarray:
        """Returns a small fixed batch of encoded input: a golden output is computed from it."""

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, JSON-ready, without the labels."""


def from_config(config: dict[str, Any], labels: list[str]) -> Preprocessor:
    """Returns the preprocessor that a checkpoint's config describes.

    Raises:
        ValueError: if the config names no preprocessor of the zoo.
    """
    from zoo.preprocessing.image import ImagePreprocessor

    kinds = {"image": ImagePreprocessor}
    config = dict(config)
    kind = config.pop("kind", None)
    if kind not in kinds:
        raise ValueError(f"no preprocessor of kind {kind!r}; known: {', '.join(kinds)}")
    return kinds[kind](labels=labels, **config)
