"""The names of a play, so that a language model learns to take them from the play itself."""

import re

import numpy as np

# A line that says who speaks, as plays are printed in plain text.
SPEAKER = re.compile(r"(?<=\n\n)([A-Z][A-Z ]+):\n")
_CAPITALISED = re.compile(r"\b[A-Z][A-Za-z]+\b")


def renamed(text: str, rng: np.random.Generator, rate: float) -> str:
    """Returns a play in which some names are others, of the same length, wherever they stand.

    A name is a word of a line that says who speaks, unless it is also a word in small letters, as
    "king" is. A new one is the beginning of one name and the end of another.

    Args:
        text: of plays.
        rng: of the draws.
        rate: share of the names that are changed.
    """
    words = set(re.findall(r"\b[a-z]+\b", text))
    speakers = {word for line in SPEAKER.findall(text) for word in line.split()}
    names = sorted(name for name in speakers if len(name) > 2 and name.lower() not in words)
    new = {name: _spliced(name, names, rng) for name in names if rng.random() < rate}

    def other(match: re.Match) -> str:
        word = match[0]
        if word.upper() not in new:
            return word
        name = new[word.upper()]
        return name if word.isupper() else name.capitalize()

    return _CAPITALISED.sub(other, text)


def _spliced(name: str, names: list[str], rng: np.random.Generator) -> str:
    """Returns a name as long as `name`, of parts of two, or itself if no other is as long."""
    fitting = [one for one in names if len(one) >= len(name)]
    if len(fitting) < 2:
        return name
    first, last = rng.choice(fitting, size=2, replace=False)
    cut = rng.integers(1, len(name))
    return str(first[:cut] + last[len(last) - len(name) + cut :])
