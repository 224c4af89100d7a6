"""Raw input to tensors, and tensors back to labels. A checkpoint's config names its class."""

from typing import Any, Protocol


class Preprocessor(Protocol):
    """What `zoo.preprocessor` returns."""

    labels: list[str]

    def encode(self, raw: Any, labels: Any = None) -> Any:
        """Returns what the model takes: arrays, or a `tf.data.Dataset` for a dataset.

        With `labels`, returns the pair of inputs and targets that `fit` takes.
        """

    def decode(self, outputs: Any) -> Any:
        """Returns the labels that the model's outputs stand for."""

    def example(self) -> Any:
        """Returns a small fixed batch of encoded input: a golden output is computed from it."""

    def get_config(self) -> dict[str, Any]:
        """Returns kind and arguments, JSON-ready, without what the model's builder has too."""


def from_config(config: dict[str, Any], arguments: dict[str, Any]) -> Preprocessor:
    """Returns the preprocessor that a checkpoint's config describes.

    Args:
        config: of the preprocessor.
        arguments: of the model's builder, of which it takes its labels and vocabularies.

    Raises:
        ValueError: if the config names no preprocessor of the zoo.
    """
    from zoo.preprocessing.image import ImagePreprocessor
    from zoo.preprocessing.sentence import SentencePreprocessor, WholeSentencePreprocessor
    from zoo.preprocessing.sequence import (
        CaptionPreprocessor,
        SequencePreprocessor,
        TextPreprocessor,
    )

    kinds: dict[str, tuple[Any, tuple[str, ...]]] = {
        "image": (ImagePreprocessor, ("labels",)),
        "caption": (CaptionPreprocessor, ("target_vocabulary",)),
        "text": (TextPreprocessor, ("target_vocabulary",)),
        "sequence": (SequencePreprocessor, ("target_vocabulary", "source_vocabulary", "length")),
        "sentence": (SentencePreprocessor, ("labels", "vocabulary", "intents")),
        "whole-sentence": (WholeSentencePreprocessor, ("labels", "vocabulary")),
    }
    config = dict(config)
    kind = config.pop("kind", None)
    if kind not in kinds:
        raise ValueError(f"no preprocessor of kind {kind!r}; known: {', '.join(kinds)}")
    preprocessor, names = kinds[kind]
    return preprocessor(**{name: arguments[name] for name in names if name in arguments}, **config)
