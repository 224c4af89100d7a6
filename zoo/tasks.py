"""Algorithmic tasks: texts that are made, without an end, and what is right for each.

Which split a text belongs to is decided by a hash of it, so that training never meets what is
tested. Source of the tasks: Kalchbrenner, Danihelka and Graves, *Grid Long Short-Term Memory*,
arXiv:1507.01526, sections 4.1 to 4.3.
"""

import re
import string
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

# Of all tasks, as `zoo.data.describe` has it. A change of what a split holds is another version.
DESCRIPTION = {
    "version": "1.0.0",
    "homepage": "https://arxiv.org/abs/1507.01526",
    "citation": "Kalchbrenner, Danihelka, Graves: Grid Long Short-Term Memory. ICLR 2016.",
}
# Of sixteen texts, one is for testing and one for validation.
_SPLITS = {0: "test", 1: "validation"}
# How many texts a split of a fixed size has, where no number is asked for.
EXAMPLES = 1000
# So many texts that are not of a split are met in a row only if it has none.
_TRIES = 10_000


@dataclass(frozen=True)
class Task:
    """One family of texts.

    `text` makes one of a size; `answer` says what is right for it; what has the same `key` is the
    same question, and belongs to one split.
    """

    description: str
    symbols: str
    outputs: str
    text: Callable[[np.random.Generator, int], str]
    answer: Callable[[str], str]
    key: Callable[[str], str]


def _bits(rng: np.random.Generator, size: int) -> str:
    return "".join("01"[bit] for bit in rng.integers(2, size=size))


def _sum(rng: np.random.Generator, size: int) -> str:
    def operand() -> str:
        first, *others = rng.integers(10, size=size)
        # No number but 0 itself begins with a 0.
        first = rng.integers(1, 10) if size > 1 else first
        return "".join(map(str, [first, *others]))

    return f"{operand()}+{operand()}"


def _letters(rng: np.random.Generator, size: int) -> str:
    return "".join(string.ascii_lowercase[i] for i in rng.integers(26, size=size))


TASKS = {
    "addition": Task(
        description="the sum of two numbers of {size} digits",
        symbols=string.digits + "+",
        outputs=string.digits,
        text=_sum,
        answer=lambda text: str(sum(map(int, text.split("+")))),
        # The order of the two changes nothing.
        key=lambda text: "+".join(sorted(text.split("+"))),
    ),
    "memorization": Task(
        description="a text of {size} letters, again",
        symbols=string.ascii_lowercase,
        outputs=string.ascii_lowercase,
        text=_letters,
        answer=str,
        key=str,
    ),
    "parity": Task(
        description="whether {size} bits have an odd number of ones",
        symbols="01",
        outputs="01",
        text=_bits,
        answer=lambda text: str(text.count("1") % 2),
        # A shorter text is filled up with zeros where all of it is read at once.
        key=lambda text: text.rstrip("0"),
    ),
}


def parsed(name: str) -> tuple[Task, int] | None:
    """Returns the task and the size that a name such as "addition_15" stands for, or None."""
    found = re.fullmatch(rf"({'|'.join(TASKS)})_([1-9]\d*)", name)
    return (TASKS[found[1]], int(found[2])) if found else None


def split_of(task: Task, text: str) -> str:
    """Returns "train", "validation" or "test": where a text belongs."""
    return _SPLITS.get(zlib.crc32(task.key(text).encode()) % 16, "train")


def texts(
    task: Task, size: int, split: str, rng: np.random.Generator, shorter: float = 0.0
) -> Iterator[str]:
    """Yields texts of a split without an end.

    Args:
        task, size: as `parsed` returns them.
        split: "train", "validation" or "test".
        rng: of the draws.
        shorter: share of the texts whose size is drawn from 1 to `size`; all others have the whole.

    Raises:
        ValueError: if the task has no text of this size in the split.
    """
    missed = 0
    while missed < _TRIES:
        is_shorter = shorter and rng.random() < shorter
        text = task.text(rng, int(rng.integers(1, size + 1)) if is_shorter else size)
        if split_of(task, text) == split:
            missed = 0
            yield text
        else:
            missed += 1
    raise ValueError(f"{split} has no text of size {size}: all of so few are in other splits")


def load(name: str, split: str) -> tuple[list[str], dict[str, list[list[str]]]]:
    """Returns the first texts of a split, all of the whole size, and what is right for each.

    Args:
        name: that `parsed` knows.
        split: "train", "validation" or "test", `EXAMPLES` texts, or "test[:200]" for another
            number of them.

    Raises:
        ValueError: if there is no such split, or nothing in it.
    """
    known = parsed(name)
    found = re.fullmatch(r"(train|validation|test)(?:\[:(\d+)\])?", split)
    if not known or not found:
        raise ValueError(
            f"{name} has the splits train, validation and test, or parts such as test[:200], got "
            f"{split!r}"
        )
    task, size = known
    drawn = texts(task, size, found[1], np.random.default_rng(0))
    first = list(islice(drawn, int(found[2] or EXAMPLES)))
    return first, {"outputs": [[task.answer(text)] for text in first]}
