"""A published card has its fields and no other, each of its type, and what they say agrees."""

import copy
from typing import get_type_hints, is_typeddict

import pytest
from helpers import FULL_CARD

import zoo
from zoo import card

COMPUTED = {
    "task": "image-classification",
    "builder": "mlp_classifier",
    "parameters": 6370,
    "versions": {
        "gatezoo": "0.1.0",
        "python": "3.11.7",
        "keras": "3.15.1",
        "backend": "jax",
        "jax": "0.10.2",
    },
}
SPREAD = {"mean": 0.15, "deviation": 0.07, "values": [0.1, 0.2]}
SEEDS = {
    "seeds": [3, 4],
    "accuracy": SPREAD,
    "loss": {"mean": 2.5, "deviation": 0.0, "values": [2.5, 2.5]},
}
GOOD = copy.deepcopy(COMPUTED | FULL_CARD | {"seeds": SEEDS})


def paths(kind, prefix=()):
    """The path of every field that a card must have."""
    for name, hint in get_type_hints(kind).items():
        if name in kind.__required_keys__:
            yield (*prefix, name)
        if is_typeddict(hint):
            yield from paths(hint, (*prefix, name))


REQUIRED = [
    *paths(card.Card),
    *(("metrics", name) for name in ("accuracy", "loss")),
    *(("published", name) for name in ("what", "source")),
    *(("versions", name) for name in COMPUTED["versions"]),
    *(("seeds", "accuracy", name) for name in SPREAD),
    ("seeds", "seeds"),
    ("seeds", "loss"),
]


def parent_of(path, of):
    for name in path[:-1]:
        of = of[name]
    return of


@pytest.mark.parametrize("seeds", [True, False])
def test_whole_card_passes(seeds):
    card.check(GOOD if seeds else {k: v for k, v in GOOD.items() if k != "seeds"}, "x")


@pytest.mark.parametrize("path", REQUIRED, ids=".".join)
def test_missing_field_is_named(path):
    changed = copy.deepcopy(GOOD)
    del parent_of(path, changed)[path[-1]]
    with pytest.raises(ValueError, match=r"^runs/x/card.json: ") as error:
        card.check(changed, "runs/x/card.json")
    assert path[0] in str(error.value)
    assert path[-1] in str(error.value)


@pytest.mark.parametrize(
    "path",
    [
        "colour",
        "dataset.colour",
        "metrics.f1",
        "validation_metrics.f1",
        "published.f1",
        "versions.torch",
        "seeds.f1",
        "seeds.accuracy.median",
    ],
)
def test_unknown_field_is_named(path):
    changed = copy.deepcopy(GOOD)
    parent, name = parent_of(path.split("."), changed), path.split(".")[-1]
    parent[name] = 0.5 if "versions" not in path else "2.0"
    with pytest.raises(ValueError, match=name):
        card.check(changed, "x")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("task", "poetry", "task must be one of algorithm, image-classification"),
        ("parameters", 1.5, "parameters must be an integer, got 1.5"),
        ("seed", True, "seed must be an integer, got True"),
        ("licence", "", "licence must be a text that is not empty, got ''"),
        ("licence", None, "licence must be a text that is not empty, got None"),
        ("dataset", "mnist", "dataset must be an object, got 'mnist'"),
        ("metrics", [0.5], r"metrics must be an object, got \[0.5\]"),
        ("metrics.accuracy", "0.5", "metrics.accuracy must be a finite number, got '0.5'"),
        ("metrics.accuracy", float("nan"), "metrics.accuracy must be a finite number, got nan"),
        ("metrics.accuracy", 98.9, "metrics.accuracy must be from 0 to 1, got 98.9"),
        ("metrics.loss", -1, "metrics.loss must be from 0 to inf, got -1"),
        ("published.accuracy", 99.4, "published.accuracy must be from 0 to 1, got 99.4"),
        ("published.accuracy", "99", "published.accuracy must be a finite number, got '99'"),
        ("dataset.test_split", "train[:9]", "dataset must have three splits"),
        ("seeds.seeds", [], r"seeds.seeds must be a list with something in it, got \[\]"),
        ("seeds.seeds", [4, 5], r"seeds.seeds must have the card's seed 3, got \[4, 5\]"),
        ("seeds.seeds", [3, 4, 5], "seeds.accuracy.values must be one a seed"),
        ("seeds.accuracy.values", [0.2, 0.3], "the card's among them"),
        ("seeds.accuracy.mean", 0.3, "seeds.accuracy.mean must lie among its values"),
    ],
)
def test_wrong_value_is_named(path, value, message):
    changed = copy.deepcopy(GOOD)
    parent_of(path.split("."), changed)[path.split(".")[-1]] = value
    with pytest.raises(ValueError, match=message):
        card.check(changed, "x")


def test_all_that_is_wrong_is_told_at_once():
    changed = {k: v for k, v in GOOD.items() if k not in ("seed", "licence")} | {"colour": "red"}
    with pytest.raises(ValueError, match=r"no field seed; has no field licence; .*colour"):
        card.check(changed, "x")
    with pytest.raises(ValueError, match=r"the card must be an object, got \[\]"):
        card.check([], "x")


def test_optional_metrics_of_a_task():
    metrics = {"f1": 0.5, "precision": 0.5, "recall": 0.5, "sentence_accuracy": 0.25}
    filler = {k: v for k, v in GOOD.items() if k != "seeds"} | {
        "task": "slot-filling",
        "metrics": metrics,
        "validation_metrics": metrics,
        "published": {"what": "a network", "source": "Someone.", "f1": 0.5},
    }
    card.check(filler, "x")
    card.check(
        filler
        | {
            "metrics": metrics | {"intent_accuracy": 1},
            "validation_metrics": metrics | {"intent_accuracy": 1},
        },
        "x",
    )
    with pytest.raises(ValueError, match="validation_metrics must be those of metrics"):
        card.check(filler | {"metrics": metrics | {"intent_accuracy": 1}}, "x")


def test_scores_stand_beside_the_published_ones():
    assert card.scores(GOOD) == [
        ("accuracy", "0.1000", "0.2000", "0.2500", "-0.1500"),
        ("loss", "2.5000", "2.2500", "–", "–"),
    ]
    assert card.main_metric(GOOD) == "accuracy"
    assert card.spread(GOOD, "accuracy") == "0.1500 ± 0.0700"
    assert card.spread({}, "accuracy") == "–"


def test_training_in_words():
    assert card.training(GOOD) == {
        "arguments": "units [8]",
        "epochs": "2",
        "optimizer": "adamw, rate 0.003",
        "seed": "3, the best on validation of 3, 4",
        "time": "2 min",
        "hardware": "a processor, 2 cores",
        "libraries": "gatezoo 0.1.0, python 3.11.7, keras 3.15.1, jax 0.10.2",
    }


def test_citations_name_the_checkpoint_and_the_version():
    found = card.citations({**GOOD, "name": "digits", "revision": 7})
    assert found["model"] == GOOD["citation"]
    assert found["data"] == GOOD["dataset"]["citation"]
    assert zoo.__version__ in found["zoo"]
    assert "digits, revision 7" in found["zoo"]
