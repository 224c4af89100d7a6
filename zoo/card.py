"""A checkpoint's card: which fields it has, and what is read out of them.

`zoo.save` takes any fields besides those it computes. The card of a published checkpoint has the
fields of `Card`, each of its type, and no other: `check` says what is wrong with one. Imports no
backend, so that the command line can show cards at once.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, TypedDict, get_args, get_origin, get_type_hints, is_typeddict

import zoo


class Dataset(TypedDict):
    """What a checkpoint was trained and scored on. `citation` is BibTeX, or a line."""

    name: str
    version: str
    homepage: str
    citation: str
    licence: str
    train_split: str
    validation_split: str
    test_split: str


class Card(TypedDict):
    """All fields of a published card.

    `metrics` are those of the test split, the one that counts first; `METRICS` has their names by
    task. `published` has `what` and `source` of the result that the checkpoint stands beside, and
    that result under the names of the metrics. `seeds`, where several were trained, has the
    `seeds` and a `Spread` for each metric. `scorer` is the signature of what computed the metrics,
    where their field asks for one.
    """

    task: str
    builder: str
    parameters: int
    versions: dict[str, str]
    summary: str
    dataset: Dataset
    metrics: dict[str, float]
    validation_metrics: dict[str, float]
    recipe: str
    settings: dict[str, Any]
    seed: int
    training_seconds: int
    hardware: str
    published: dict[str, Any]
    citation: str
    licence: str
    seeds: NotRequired[dict[str, Any]]
    scorer: NotRequired[str]


class Published(TypedDict):
    """The fields of `published` besides metrics."""

    what: str
    source: str


class Spread(TypedDict):
    """One metric on the test split over several seeds."""

    mean: float
    deviation: float
    values: list[float]


class ClassificationMetrics(TypedDict):
    """Of classifiers of pictures: the loss in nats."""

    accuracy: float
    loss: float


class SlotFillingMetrics(TypedDict):
    """Of slot fillers; those without intents have no `intent_accuracy`."""

    f1: float
    precision: float
    recall: float
    intent_accuracy: NotRequired[float]
    sentence_accuracy: float


class TaggingMetrics(TypedDict):
    """Of taggers; only tags in IOB form make chunks, which have the other three."""

    accuracy: float
    f1: NotRequired[float]
    precision: NotRequired[float]
    recall: NotRequired[float]


class AccuracyMetrics(TypedDict):
    """The share that is right: of labels of texts, or of what is written for pictures or texts."""

    accuracy: float


class LanguageMetrics(TypedDict):
    """Of language models: minus the mean log p of a character, in nats."""

    nats: float


class SequenceMetrics(TypedDict, total=False):
    """Of what is written for a text: error rates, or of a translation BLEU and chrF, up to 100."""

    per: float
    wer: float
    bleu: float
    chrf: float


# The largest value of a metric, of most of them 1. An error rate counts what is too much as well.
_LARGEST = {"bleu": 100, "chrf": 100, "loss": math.inf, "nats": math.inf, "per": math.inf}

METRICS: dict[str, Any] = {
    "algorithm": AccuracyMetrics,
    "image-classification": ClassificationMetrics,
    "image-to-sequence": AccuracyMetrics,
    "language-modelling": LanguageMetrics,
    "sequence-to-sequence": SequenceMetrics,
    "slot-filling": SlotFillingMetrics,
    "tagging": TaggingMetrics,
    "text-classification": AccuracyMetrics,
}


def check(card: Any, where: str) -> None:
    """Holds a card against what a published one must be.

    Args:
        card: the content of a `card.json`.
        where: what to call it in the error.

    Raises:
        ValueError: if a field is missing, unknown, or not what it should be; the message names
            every one of them.
    """
    # What fields say is looked at once they are there.
    wrong = list(_of_type(card, Card)) or list(_of_content(card))
    if wrong:
        raise ValueError(f"{where}: {'; '.join(wrong)}")


def _of_type(value: Any, expected: Any, path: str = "") -> Iterator[str]:
    """Yields what is wrong with the type of `value`, at `path`, and of what is in it."""
    if is_typeddict(expected):
        if not isinstance(value, dict):
            yield f"{path or 'the card'} must be an object, got {value!r}"
            return
        fields, inside = get_type_hints(expected), f"{path}." if path else ""
        for name in fields:
            if name in value:
                yield from _of_type(value[name], fields[name], f"{inside}{name}")
            elif name in expected.__required_keys__:
                yield f"has no field {inside}{name}"
        yield from (f"has an unknown field {inside}{name}" for name in value if name not in fields)
    elif get_origin(expected) is dict:
        if not isinstance(value, dict):
            yield f"{path} must be an object, got {value!r}"
            return
        for name, one in value.items():
            yield from _of_type(one, get_args(expected)[1], f"{path}.{name}")
    elif get_origin(expected) is list:
        if not isinstance(value, list) or not value:
            yield f"{path} must be a list with something in it, got {value!r}"
            return
        for i, one in enumerate(value):
            yield from _of_type(one, get_args(expected)[0], f"{path}[{i}]")
    elif expected is float:
        # JSON does not tell 1.0 from 1; Python takes a bool for an int.
        if type(value) not in (int, float) or not math.isfinite(value):
            yield f"{path} must be a finite number, got {value!r}"
    elif expected is not Any and (type(value) is not expected or value == ""):
        kind = {str: "a text that is not empty", int: "an integer"}[expected]
        yield f"{path} must be {kind}, got {value!r}"


def _of_content(card: Any) -> Iterator[str]:
    """Yields what is wrong in a card whose fields have the right types."""
    libraries = {"gatezoo", "python", "keras", "backend", card["versions"].get("backend", "")}
    if card["versions"].keys() != libraries:
        yield f"versions must be of {', '.join(sorted(libraries))}, got {card['versions']}"
    splits = [card["dataset"][f"{kind}_split"] for kind in ("train", "validation", "test")]
    if len(set(splits)) < len(splits):
        yield f"dataset must have three splits, got {splits}"
    if card["task"] not in METRICS:
        yield f"task must be one of {', '.join(METRICS)}, got {card['task']!r}"
        return
    results = dict(card["published"])
    texts = {name: results.pop(name) for name in ("what", "source") if name in results}
    names = get_type_hints(METRICS[card["task"]])
    yield from _of_type(texts, Published, "published")
    yield from _of_type(results, dict[str, float], "published")
    yield from (f"has an unknown field published.{name}" for name in results if name not in names)
    for field in ("metrics", "validation_metrics"):
        yield from _of_type(card[field], METRICS[card["task"]], field)
    if card["validation_metrics"].keys() != card["metrics"].keys():
        yield f"validation_metrics must be those of metrics, got {card['validation_metrics']}"
    for field in ("metrics", "validation_metrics", "published"):
        for name, value in card[field].items():
            largest = _LARGEST.get(name, 1)
            if type(value) in (int, float) and not 0 <= value <= largest:
                yield f"{field}.{name} must be from 0 to {largest}, got {value!r}"
    if "seeds" in card:
        yield from _of_seeds(card)


def _of_seeds(card: Any) -> Iterator[str]:
    spreads = {name: value for name, value in card["seeds"].items() if name != "seeds"}
    wrong = list(_of_type(card["seeds"].get("seeds"), list[int], "seeds.seeds"))
    for name, spread in spreads.items():
        wrong += _of_type(spread, Spread, f"seeds.{name}")
    if spreads.keys() != card["metrics"].keys():
        wrong.append(f"seeds must have {', '.join(card['metrics'])}, got {', '.join(spreads)}")
    yield from wrong
    if wrong:
        return
    if card["seed"] not in card["seeds"]["seeds"]:
        yield f"seeds.seeds must have the card's seed {card['seed']}, got {card['seeds']['seeds']}"
    for name, spread in spreads.items():
        values = spread["values"]
        if len(values) != len(card["seeds"]["seeds"]) or card["metrics"][name] not in values:
            yield f"seeds.{name}.values must be one a seed, the card's among them, got {values}"
        if not min(values) <= spread["mean"] <= max(values):
            yield f"seeds.{name}.mean must lie among its values, got {spread['mean']}"


def main_metric(card: Mapping[str, Any]) -> str:
    """Returns the name of the metric that counts: the first of the card."""
    return next(iter(card["metrics"]))


def scores(card: Mapping[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Returns a row a metric: name, on the test split, on the validation split, published result,
    and ours minus the published one; "–" where there is none.
    """
    rows = []
    for name, value in card["metrics"].items():
        published = card["published"].get(name)
        rows.append(
            (
                name,
                f"{value:.4f}",
                f"{card['validation_metrics'][name]:.4f}",
                "–" if published is None else f"{published:.4f}",
                "–" if published is None else f"{value - published:+.4f}",
            )
        )
    return rows


def spread(card: Mapping[str, Any], metric: str) -> str:
    """Returns mean and deviation of a metric on the test split over the seeds, "–" without."""
    if "seeds" not in card:
        return "–"
    found = card["seeds"][metric]
    return f"{found['mean']:.4f} ± {found['deviation']:.4f}"


def training(card: Mapping[str, Any]) -> dict[str, str]:
    """Returns how a checkpoint was trained, each setting a short text; empty ones are left out."""

    def text(value: Any) -> str:
        if isinstance(value, dict):
            rest = [f"{name} {text(one)}" for name, one in value.items() if name != "name"]
            return ", ".join([value["name"], *rest] if "name" in value else rest)
        return f"{value:,}" if type(value) is int else str(value)

    settings = {name: text(one) for name, one in card["settings"].items() if one is not None}
    seed = str(card["seed"])
    if "seeds" in card:
        seed += f", the best on validation of {', '.join(map(str, card['seeds']['seeds']))}"
    versions = {name: one for name, one in card["versions"].items() if name != "backend"}
    return {name.replace("_", " "): one for name, one in settings.items()} | {
        "seed": seed,
        "time": f"{card['training_seconds'] / 60:.0f} min",
        "hardware": card["hardware"],
        "libraries": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def citations(info: Mapping[str, Any]) -> dict[str, str]:
    """Returns whom to cite for a checkpoint: `model`, `data` and `zoo`, each BibTeX or a line.

    Args:
        info: as `zoo.info` returns it.
    """
    return {
        "model": info["citation"],
        "data": info["dataset"]["citation"],
        "zoo": "@software{gatezoo,\n"
        "  title = {Gate Zoo: Pretrained Recurrent and Gated Networks for Keras},\n"
        f"  version = {{{zoo.__version__}}},\n"
        f"  note = {{Checkpoint {info['name']}, revision {info['revision']}}},\n"
        "}",
    }
