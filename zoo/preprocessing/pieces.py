"""Texts to numbers of pieces, and back: letters, words, or parts of words."""

from collections.abc import Iterable, Sequence

import numpy as np

from zoo.layers.words import BOUNDARY, PADDING, UNKNOWN
from zoo.preprocessing.sentence import small
from zoo.registry import checked_labels

# Stands in a piece for the space before a word.
SPACE = "▁"

# The number of the first piece.
FIRST = BOUNDARY + 1


class Pieces:
    """A vocabulary of pieces; a text is cut into them from the left, the longest that fits.

    Letters are the case in which every piece is one; phonemes and words that in which each begins
    with "▁". The pieces say how a text is read:

    - If one begins with "▁", a text is words with single spaces between them, each of which begins
      with "▁"; a "▁" in a text counts as a space. Otherwise every character counts, white space
      too.
    - If none has a capital letter, a text is read in small letters.

    A letter at which no piece fits is the unknown one, which is not written back.

    Args:
        vocabulary: the pieces; their numbers follow those of padding, 0, the unknown one, 1, and
            the boundary, 2, which begins and ends a text that is generated.

    Raises:
        ValueError: if pieces are repeated, one is empty, or one holds white space where a text is
            words.
    """

    def __init__(self, vocabulary: Sequence[str]):
        self.vocabulary = checked_labels(vocabulary, "vocabulary")
        if "" in self.vocabulary:
            raise ValueError("vocabulary must hold pieces of a letter or more, got ''")
        self.words = any(piece.startswith(SPACE) for piece in self.vocabulary)
        if self.words and (spaces := [p for p in self.vocabulary if p.split() != [p]]):
            raise ValueError(
                f'vocabulary must hold no white space where a piece begins with "{SPACE}", '
                f"got {spaces[0]!r}"
            )
        self.lower = all(piece == small(piece) for piece in self.vocabulary)
        self.longest = max(map(len, self.vocabulary), default=1)
        self._numbers = {piece: i for i, piece in enumerate(self.vocabulary, FIRST)}

    def __len__(self) -> int:
        """The number of symbols: pieces, and the three that stand for none."""
        return len(self.vocabulary) + FIRST

    def numbers(self, text: str) -> list[int]:
        """Returns the numbers of the pieces of a text."""
        text, numbers, start = self.normalised(text), [], 0
        while start < len(text):
            for end in range(min(start + self.longest, len(text)), start, -1):
                if number := self._numbers.get(text[start:end]):
                    break
            numbers.append(number or UNKNOWN)
            start = end
        return numbers

    def normalised(self, text: str) -> str:
        """Returns a text as it is cut into pieces."""
        text = small(text) if self.lower else text
        return "".join(SPACE + word for word in _words(text)) if self.words else text

    def pieces(self, numbers: Iterable[int]) -> list[str]:
        """Returns the piece of each number, "" for those of none.

        Raises:
            IndexError: if a number is greater than the last piece's.
        """
        return [self.vocabulary[i - FIRST] if i >= FIRST else "" for i in numbers]

    def text(self, numbers: Iterable[int]) -> str:
        """Returns the text of the numbers of pieces; those of no piece, below 3, are left out.

        Raises:
            IndexError: if a number is greater than the last piece's.
        """
        text = "".join(self.pieces(numbers))
        return " ".join(_words(text)) if self.words else text


def padded(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """Returns rows of numbers as int32 `(rows, longest)`, padding after their last."""
    array = np.full((len(rows), max([1, *map(len, rows)])), PADDING, np.int32)
    for i, row in enumerate(rows):
        array[i, : len(row)] = row
    return array


def _words(text: str) -> list[str]:
    return text.replace(SPACE, " ").split()
