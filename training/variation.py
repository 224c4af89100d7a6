"""Sentences with other names and days in them, so that new ones are known by their place."""

import random
from bisect import bisect

from zoo.pipelines.sentence import chunks


def vary(
    words: list[str],
    labels: list[str],
    draw: random.Random,
    *,
    names: str,
    days: str,
    rate: float,
    bare: float,
    others: float,
) -> tuple[list[str], list[str]]:
    """Puts invented names and days in figures into some sentences, invented words into all.

    Args:
        words, labels: of a sentence, labels in IOB form.
        draw: decides what is replaced, and by what.
        names: the end of the labels of the names, such as "city_name"; all of a sentence are
            replaced, by one to three invented words each.
        days: the end of the labels of the days of a month, such as "day_number"; a corpus of speech
            has "twenty second" where people write "22nd", or "22".
        rate: share of the sentences whose names and days are replaced.
        bare: share of the names that lose the word before them, if that has no label: "arrive in
            Berlin" becomes "arrive Berlin".
        others: share of the other chunks whose words are replaced by as many invented ones, so that
            not all that is unknown is taken for a name.

    Returns:
        Words and labels, of another number where a chunk has more words or fewer.
    """
    new_words, new_labels, done = [], [], 0
    varied = draw.random() < rate
    for label, first, last in chunks(labels):
        kept = first
        if varied and label.endswith(names):
            value = [_name(words, draw) for _ in range(bisect(_SHARES, draw.random()))]
            if first > done and labels[first - 1] == "O" and draw.random() < bare:
                kept = first - 1
        elif varied and label.endswith(days):
            value = [_day(draw)]
        elif draw.random() < others:
            value = [_name(words, draw) for _ in range(first, last + 1)]
        else:
            continue
        new_words += words[done:kept] + value
        new_labels += labels[done:kept]
        new_labels += [f"{'I' if i else 'B'}-{label}" for i in range(len(value))]
        done = last + 1
    return new_words + words[done:], new_labels + labels[done:]


# Cumulated shares of names of no word, one, two and three.
_SHARES = (0.0, 0.45, 0.85)
_ONSETS = [*"bcdfghjklmnprstvwyz", "br", "ch", "cl", "gr", "kr", "sh", "st", "th", "tr"]
_VOWELS = [*"aaeeiioouy", "ai", "au", "ea", "ei", "ia", "oa", "ou"]
_CODAS = [*"nrslmt", "ck", "ng", "nd", "ll", "", "", "", "", "", ""]


def _name(words: list[str], draw: random.Random) -> str:
    """Returns a word that could be a name: syllables, or the ends of two words of the sentence."""
    if draw.random() < 0.5:
        return draw.choice(words)[: draw.randint(1, 5)] + draw.choice(words)[-draw.randint(1, 5) :]
    parts = (_ONSETS, _VOWELS, _CODAS) * draw.randint(1, 4)
    return "".join(draw.choice(part) for part in parts)


def _day(draw: random.Random) -> str:
    """Returns a day of the month in figures, as "22nd" or as "22"."""
    day = draw.randint(1, 31)
    if draw.random() < 0.5:
        return str(day)
    return f"{day}{'th' if 10 < day < 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
