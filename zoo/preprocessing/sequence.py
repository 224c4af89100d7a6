"""Texts and what is to be written for them: to numbers, and back."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.layers.words import BOUNDARY
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


class SequencePreprocessor:
    """Encodes texts for a model that writes another text for each.

    Args:
        target_vocabulary, source_vocabulary: pieces, as `Pieces` takes them.

    Raises:
        ValueError: if pieces are repeated or empty.
    """

    def __init__(self, target_vocabulary: Sequence[str], source_vocabulary: Sequence[str]):
        self.source = Pieces(source_vocabulary)
        self.target = Pieces(target_vocabulary)
        self.labels = self.target.vocabulary

    def encode(self, raw: Any, labels: Any = None) -> Any:
        """Returns what a model takes.

        Args:
            raw: a text, or a list of texts.
            labels: the text to be written for each; without, the target has its boundary alone.

        Returns:
            A dict of `source` and `target`, int32 `(batch, time)`, 0 after a row's last symbol; a
            source ends with the boundary, and a target begins with it. With `labels`, a pair of it
            and int32 `(batch, time)`, the symbol after each of the target, the last a boundary.

        Raises:
            TypeError: if an input is no text.
            ValueError: if there are more or fewer labels than texts.
        """
        sources = texts_of(raw, "texts")
        inputs = {"source": padded([[*self.source.numbers(text), BOUNDARY] for text in sources])}
        if labels is None:
            return inputs | {"target": np.full((len(sources), 1), BOUNDARY, np.int32)}
        targets = texts_of(labels, "labels")
        if len(targets) != len(sources):
            raise ValueError(f"got {len(targets)} labels for {len(sources)} texts")
        numbers = [self.target.numbers(text) for text in targets]
        inputs["target"] = padded([[BOUNDARY, *row] for row in numbers])
        return inputs, padded([[*row, BOUNDARY] for row in numbers])

    def decode(self, outputs: Any) -> list[str]:
        """Returns the texts of rows of symbols `(batch, time)`."""
        return [self.target.text(row) for row in np.asarray(outputs)]

    def example(self) -> dict[str, np.ndarray]:
        """Returns two encoded texts, and what is written for them."""
        sources, targets = (
            ["".join(pieces.vocabulary[:8]), "".join(pieces.vocabulary[3:6])]
            for pieces in (self.source, self.target)
        )
        return self.encode(sources, targets)[0]

    def get_config(self) -> dict[str, Any]:
        return {"kind": "sequence"}
