"""The page of one checkpoint: `checkpoints/NAME/README.md`, rendered from its card."""

import shlex
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from zoo import card as cards
from zoo.data import listed_name

_USE_PICTURES = """\
import zoo

classify = zoo.pipeline("{name}")
answer = classify("{example}")  # uint8 pixels, a batch of them, or an image file
print(answer["label"], answer["score"])
"""
_USE_ALGORITHM = """\
import zoo

solve = zoo.pipeline("{name}")
answer = solve("{example}")
print(answer["output"], answer["log_prob"])
"""
_USE_SLOTS = """\
import zoo

fill = zoo.pipeline("{name}")
answer = fill("{example}")
print(answer.get("intent"), {{slot["slot"]: slot["text"] for slot in answer["slots"]}})
"""
_USE_TAGS = """\
import zoo

tag = zoo.pipeline("{name}")
answer = tag("{example}")
print([(token["text"], token["tag"]) for token in answer["tokens"]])
"""
_USE_CAPTIONS = """\
import zoo

write = zoo.pipeline("{name}")
answer = write("{example}")  # uint8 pixels, a batch of them, or an image file
print(answer["output"], answer["score"])
"""
_USE_LANGUAGE = """\
import zoo

write = zoo.pipeline("{name}")
answer = write("{example}", max_length=300, temperature=0.8, seed=1)
print(answer["text"] + answer["output"])
"""
_USE_SEQUENCES = """\
import zoo

write = zoo.pipeline("{name}")
answer = write("{example}", n_best=3)
print([(one["output"], one["score"]) for one in answer["alternatives"]])
"""
_USE_TEXTS = """\
import zoo

classify = zoo.pipeline("{name}")
answer = classify("{example}")
print(answer["label"], answer["score"])
"""
_USE = {
    "algorithm": _USE_ALGORITHM,
    "image-classification": _USE_PICTURES,
    "image-to-sequence": _USE_CAPTIONS,
    "language-modelling": _USE_LANGUAGE,
    "sequence-to-sequence": _USE_SEQUENCES,
    "slot-filling": _USE_SLOTS,
    "tagging": _USE_TAGS,
    "text-classification": _USE_TEXTS,
}


class _Data(NamedTuple):
    """What a page says of a data set besides the card: an input, and what the data do not show."""

    example: str
    limits: tuple[str, ...]


_WORDS = ("Words are what white space parts. How well the scores are calibrated was not measured.",)
_RESEARCH = (
    "The data are for research: whether what is trained on them may serve commerce is not settled."
)
_DIGITS = (
    "It knows single digits, white on black, centred in 28 by 28 pixels. Other pictures are made "
    "grey and resized, not inverted or centred."
)
_UNTRIED = "Texts longer than those of training were not tried, and any other symbol is unknown."
_DATA = {
    "addition_N": _Data(
        "123+989",
        ("It knows sums of two numbers, written in digits, without a sign.", _UNTRIED),
    ),
    "memorization_N": _Data(
        "gatezoo", ("It knows the letters a to z, without a meaning or an order.", _UNTRIED)
    ),
    "parity_N": _Data(
        "10110",
        ("It tells whether the ones are odd in number, 1, or even, 0.", _UNTRIED),
    ),
    "cmudict": _Data(
        "highway",
        (
            "It knows how words and names are said in American English, without stress. A word "
            "that has two ways, as *read* has, comes out in one; others are among the n best.",
            "It reads the letters a to z, the apostrophe and a few signs; any other letter, an "
            "accented one too, is unknown, and a space is no end of a word.",
        ),
    ),
    "mnist_spelled": _Data(
        "digit.png",
        (_DIGITS, "Every picture gets the name of a digit, or nearly one, a digit or not."),
    ),
    "multi30k": _Data(
        "Two dogs are running through the snow.",
        (
            "It knows captions of photographs: people, animals, what they do and wear. Of anything "
            "else it makes such a caption.",
            "A character that training has not seen is left out.",
            _RESEARCH,
        ),
    ),
    "sst5": _Data(
        "a gorgeous , witty , seductive movie",
        (
            "It knows sentences of film reviews in English, in words as the treebank has them: "
            "punctuation stands alone.",
            "Neighbouring steps of the five are often taken for one another, by people too.",
            *_WORDS,
            _RESEARCH,
        ),
    ),
    "tinyshakespeare": _Data(
        "ROMEO:",
        (
            "It knows the letters of Shakespeare's plays as this text has them, 65 characters; any "
            "other is unknown. What it writes has their look and not their sense.",
            "A prompt begins anywhere in a play; a text has no end.",
        ),
    ),
    "cifar10": _Data(
        "photo.png",
        (
            "It knows photographs of ten kinds, animals and vehicles, in colour, 32 by 32 pixels; "
            "others are resized, and every picture gets one of the ten.",
        ),
    ),
    "fashion_mnist": _Data(
        "clothes.png",
        (
            "It knows ten kinds of clothes, each photographed by itself for a shop, light on "
            "black, 28 by 28 pixels. Other pictures are made grey and resized, not inverted, and "
            "each gets one of the ten.",
            "Most of its mistakes are between shirts, T-shirts, pullovers, coats and dresses.",
        ),
    ),
    "mnist": _Data(
        "digit.png",
        (
            _DIGITS,
            "Every picture gets one of the ten labels, often with a score near 1, a digit or not.",
        ),
    ),
    "atis": _Data(
        "leave Taipei on November 2nd",
        (
            "It knows questions about flights in American English of the early 1990s, written down "
            "from speech, with hardly any punctuation. Any other request gets one of its intents.",
            "Names it has never met are known by their place in the sentence; those of several "
            "words fail most ([measured](../../docs/labelling.md) for `bilstm_atis`).",
            *_WORDS,
        ),
    ),
    "snips": _Data(
        "play some jazz from 1959",
        (
            "It knows seven things to ask of an assistant: music, playlists, books, films, works, "
            "restaurants and the weather. Any other request gets one of the seven intents.",
            *_WORDS,
        ),
    ),
    "conll2000": _Data(
        "The deal ended a long dispute .",
        (
            "It knows sentences of the Wall Street Journal, in which punctuation stands alone.",
            *_WORDS,
        ),
    ),
    "ewt": _Data(
        "The old man the boat .",
        (
            "It knows English of the web, in words as the treebank has them: punctuation stands "
            'alone, and "don\'t" is "do n\'t".',
            *_WORDS,
        ),
    ),
}


# What a card does not say of how its weights came to be.
_REMARKS = {
    "grid_lstm_addition_13": (
        "It was trained as `grid_lstm_addition_15`, and which epoch was kept was decided by sums "
        "of 15 digits; the validation figure is of the kept weights, measured afterwards."
    ),
    "grid_lstm_memorization_20": (
        "Of the 54 epochs that it was to have it had 38: it was cut off when all of the "
        "validation split was right for the first time: what the recipe's `goal` does now."
    ),
}


def render(info: Mapping[str, Any], latency: Mapping[str, str] | None) -> str:
    """Returns the page of a checkpoint, as Markdown.

    Args:
        info: as `zoo.info` returns it.
        latency: its row of `docs/figures/latency.csv`, if it has one.

    Raises:
        ValueError: if there is nothing here on its task or data.
    """
    name, data = info["name"], info["dataset"]
    kind = listed_name(data["name"])
    if kind not in _DATA or info["task"] not in _USE:
        raise ValueError(
            f"{name}: training/model_card.py says nothing of {info['task']} on {data['name']}: "
            "an example and its limits belong there"
        )
    about, citations = _DATA[kind], cards.citations(info)
    facts = [
        f"revision {info['revision']}",
        info["task"],
        f"builder `{info['builder']}`",
        f"{info['parameters']:,} parameters",
        f"{info['bytes'] / 1e6:.2f} MB",
        info["licence"],
    ]
    parts = [
        f"# {name}",
        f"{info['summary']}.",
        " · ".join(facts),
        "## Use",
        _fenced("python", _USE[info["task"]].format(name=name, example=about.example)),
        _fenced("", f"zoo run {name} {shlex.quote(about.example)}\n"),
        f'`zoo.load("{name}")` gives the compiled Keras model, to fine-tune or to evaluate.',
        "## Results",
        f"On `{data['test_split']}` of {data['name']}; the weights were chosen on "
        f"`{data['validation_split']}`.",
        _results(info),
        f"Published: {info['published']['what']}. {info['published']['source']}",
    ]
    if "scorer" in info:
        parts.append(f"Scored by sacreBLEU: {info['scorer']}.")
    if latency:
        parts.append(
            f"An answer takes {latency['one_ms']} ms, 32 in one call {latency['batch_ms']} ms: "
            f"medians on {latency['hardware']}."
        )
    parts += [
        "## Data",
        f"[{data['name']}]({data['homepage']}) {data['version']}, split into "
        f"`{data['train_split']}`, `{data['validation_split']}` and `{data['test_split']}`. "
        f"Licence of the data: {data['licence']}.",
        "## Training",
        _training(info),
        "## Limits",
        "\n".join(f"- {limit}" for limit in about.limits),
        "## Citation",
        "For the model:",
        _citation(citations["model"]),
        "For the data:",
        _citation(citations["data"]),
        "For the zoo:",
        _citation(citations["zoo"]),
    ]
    return joined(parts)


def _results(info: Mapping[str, Any]) -> str:
    header = ["", "test", "validation", "published", "difference"]
    rows = [list(row) for row in cards.scores(info)]
    if "seeds" in info:
        seeds = info["seeds"]["seeds"]
        header.append(f"test, {len(seeds)} seeds")
        for row in rows:
            row.append(cards.spread(info, row[0]))
    return table(header, rows)


def _training(info: Mapping[str, Any]) -> str:
    rows = [list(row) for row in cards.training(info).items()]
    parts = [_fenced("", f"{info['recipe']}\n"), table(["", ""], rows)]
    if remark := _REMARKS.get(info["name"]):
        parts.append(remark)
    return "\n\n".join(parts)


def _citation(text: str) -> str:
    return _fenced("bibtex", f"{text.strip()}\n") if text.lstrip().startswith("@") else text


def _fenced(language: str, content: str) -> str:
    return f"```{language}\n{content}```"


def table(header: list[str], rows: list[list[str]]) -> str:
    """Returns a table as Markdown."""
    lines = [f"| {' | '.join(line)} |" for line in [header, *rows]]
    lines.insert(1, "|---" * len(header) + "|")
    return "\n".join(lines)


def joined(parts: Iterable[str]) -> str:
    """Returns the parts of a page as one, lines of prose no longer than 100 characters."""

    def wrapped(part: str) -> str:
        if part.startswith(("```", "|", "#")):
            return part
        return "\n".join(
            textwrap.fill(
                line,
                100,
                subsequent_indent="  " if line.startswith("- ") else "",
                break_long_words=False,
                break_on_hyphens=False,
            )
            for line in part.splitlines()
        )

    return "\n\n".join(map(wrapped, parts)) + "\n"
