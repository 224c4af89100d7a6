"""Texts and what is to be written for them: to numbers, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.layers.words import BOUNDARY
from zoo.preprocessing.image import ImagePreprocessor
from zoo.preprocessing.pieces import Pieces, padded


def texts_of(raw: Any, name: str) -> list[str]:
    """Returns a text, or several, as a list.

    Raises:
        TypeError: if any is no text.
    """
    texts = [raw] if isinstance(raw, str) else raw
    if not isinstance(texts, list | tuple | np.ndarray):
        raise TypeError(f"{name} must be a text or a list of texts, got {raw!r}")
    if wrong := [text for text in texts if not isinstance(text, str)]:
        raise TypeError(f"{name} must hold texts, got {wrong[0]!r}")
    return list(texts)


class TextPreprocessor:
    """Encodes texts for a model that goes on from what it has written.

    Args:
        target_vocabulary: pieces, as `Pieces` takes them.

    Raises:
        ValueError: if pieces are repeated or empty.
    """

    kind = "text"

    def __init__(self, target_vocabulary: Sequence[str]):
        self.target = Pieces(target_vocabulary)
        self.labels = self.target.vocabulary

    def encode(self, raw: Any, labels: Any = None) -> Any:
        """Returns what a model takes.

        Args:
            raw: a text, or a list of texts.
            labels: the same texts, where the symbols after each are asked for too.

        Returns:
            A dict of `target`, int32 `(batch, time)`: the boundary, then the symbols of the text, 0
            after the last. With `labels`, a pair of it and int32 `(batch, time)`, the symbol after
            each of the target, the last one the boundary.

        Raises:
            TypeError: if an input is no text.
            ValueError: if there are more or fewer labels than texts.
        """
        texts = texts_of(raw, "texts")
        if labels is None:
            labels = texts
            return self._targets(labels, len(texts))[0]
        return self._targets(labels, len(texts))

    def _targets(self, labels: Any, count: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Returns the target that a decoder reads, and the symbols after it."""
        texts = texts_of(labels, "labels")
        if len(texts) != count:
            raise ValueError(f"got {len(texts)} labels for {count} inputs")
        numbers = [self.target.numbers(text) for text in texts]
        before = padded([[BOUNDARY, *row] for row in numbers])
        return {"target": before}, padded([[*row, BOUNDARY] for row in numbers])

    def decode(self, outputs: Any) -> list[str]:
        """Returns the texts of rows of symbols `(batch, time)`."""
        return [self.target.text(row) for row in np.asarray(outputs)]

    def example(self) -> dict[str, np.ndarray]:
        """Returns encoded texts of the first pieces."""
        return self.encode(self.example_texts())

    def example_texts(self) -> list[str]:
        """Returns the texts that `example` encodes."""
        return _texts_of_first(self.target)

    def get_config(self) -> dict[str, Any]:
        return {"kind": self.kind}


class _Conditioned(TextPreprocessor):
    """What is written depends on an input; `_inputs` encodes it."""

    def encode(self, raw: Any, labels: Any = None) -> Any:
        """Returns what a model takes: its input, and a target.

        Args:
            raw: one input or a list of them.
            labels: the text to be written for each; without, a target is the boundary alone.

        Returns:
            A dict of the input and `target`, int32 `(batch, time)`: the boundary, then the symbols
            of the text, 0 after the last. With `labels`, a pair of it and int32 `(batch, time)`,
            the symbol after each of the target, the last one the boundary.

        Raises:
            TypeError: if an input or a label has the wrong type.
            ValueError: if there are more or fewer labels than inputs, or as for the input.
        """
        inputs = self._inputs(raw)
        count = len(next(iter(inputs.values())))
        if labels is None:
            return inputs | {"target": np.full((count, 1), BOUNDARY, np.int32)}
        targets, following = self._targets([labels] if isinstance(labels, str) else labels, count)
        return inputs | targets, following

    def _inputs(self, raw: Any) -> dict[str, np.ndarray]:
        raise NotImplementedError


class SequencePreprocessor(_Conditioned):
    """Encodes texts for a model that writes another text for each.

    `source` is int32 `(batch, source time)`: the symbols of a text, then the boundary, then 0.

    Args:
        target_vocabulary, source_vocabulary: pieces, as `Pieces` takes them.
        length: of the longest text that the model can read, in symbols; without, it reads any.

    Raises:
        ValueError: if pieces are repeated or empty.
    """

    kind = "sequence"

    def __init__(
        self,
        target_vocabulary: Sequence[str],
        source_vocabulary: Sequence[str],
        length: int | None = None,
    ):
        super().__init__(target_vocabulary)
        self.source = Pieces(source_vocabulary)
        self.length = length

    def _inputs(self, raw: Any) -> dict[str, np.ndarray]:
        numbers = [self.source.numbers(text) for text in texts_of(raw, "texts")]
        if self.length and (long := [len(row) for row in numbers if len(row) > self.length]):
            raise ValueError(
                f"a text must have at most {self.length} symbols for this model, got {long[0]}"
            )
        return {"source": padded([[*row, BOUNDARY] for row in numbers])}

    def example(self) -> dict[str, np.ndarray]:
        return self.encode(self.example_texts(), _texts_of_first(self.target))[0]

    def example_texts(self) -> list[str]:
        return [text[: self.length] for text in _texts_of_first(self.source)]


class CaptionPreprocessor(_Conditioned):
    """Encodes pictures for a model that writes a text for each.

    `pixels` is uint8 `(batch, *shape)`, made of pictures as `ImagePreprocessor` makes it.

    Args:
        target_vocabulary: pieces, as `Pieces` takes them.
        shape: (height, width) or (height, width, channels) of the picture the model takes.

    Raises:
        ValueError: if pieces are repeated or empty.
    """

    kind = "caption"

    def __init__(self, target_vocabulary: Sequence[str], shape: Sequence[int]):
        super().__init__(target_vocabulary)
        self.pictures = ImagePreprocessor(shape, labels=())

    def _inputs(self, raw: Any) -> dict[str, np.ndarray]:
        return {"pixels": self.pictures.encode(raw)}

    def example(self) -> dict[str, np.ndarray]:
        pixels = self.pictures.example()
        return self.encode(pixels, _texts_of_first(self.target) * (len(pixels) // 2))[0]

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"shape": list(self.pictures.shape)}


def _texts_of_first(pieces: Pieces) -> list[str]:
    """Returns two texts of the first pieces of a vocabulary, of different lengths."""
    return ["".join(pieces.vocabulary[:8]), "".join(pieces.vocabulary[3:6])]
