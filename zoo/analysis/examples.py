"""What a published model is looked at with: parts of its data, and the pieces of a text."""

from typing import Any

import keras

from zoo import data, loading
from zoo.preprocessing.sentence import tokens_of


def examples_of(model: keras.Model, split: str) -> tuple[Any, Any]:
    """Returns a part of a checkpoint's data as its model takes it: inputs, and class ids.

    Where an example has no class of its own there are inputs alone, and None.

    Raises:
        ValueError: if the model was not made from data that are known.
    """
    found = loading.origin(model).published
    if found is None or "dataset" not in found.card:
        raise ValueError(f"{model.name!r} has no card that names its data")
    inputs, targets = data.load(found.card["dataset"]["name"], split)
    encode = loading.preprocessor(model).encode
    labels = targets.get("labels") if isinstance(targets, dict) else targets
    if labels is None or isinstance(labels[0], list):
        return encode(inputs), None
    return encode(inputs, labels)


def pieces_of(model: keras.Model, text: str, inputs: Any) -> list[str]:
    """Returns what a model reads of a text at each step: words, or the pieces of a sequence.

    Args:
        model: one of the zoo, that reads text.
        text: what is read.
        inputs: the same, encoded.
    """
    if "words" in inputs:
        return [token.text for token in tokens_of(text)]
    read = "source" if "source" in inputs else "target"
    return getattr(loading.preprocessor(model), read).pieces(inputs[read][0])
