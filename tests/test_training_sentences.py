"""Sentences for training: their batches, names invented for them, and a whole training."""

import random
from dataclasses import replace
from functools import partial
from itertools import chain

import numpy as np
import pytest

import zoo
from training import sentences
from training.driver import Training, start_from
from training.recipes import recipe
from training.seeds import train_seeds, trained
from training.variation import vary
from zoo import card
from zoo.checkpoint import Checkpoint
from zoo.pipelines.sentence import chunks
from zoo.preprocessing.sentence import SentencePreprocessor

COUNT = 100
RNG = np.random.default_rng(5)
# The first word of a sentence is its own.
FIRST = [chr(0x4E00 + i) for i in range(COUNT)]
SENTENCES = [[FIRST[i], *["x"] * RNG.integers(0, 20)] for i in range(COUNT)]
TARGETS = {
    "labels": [[f"B-{i}", *["O"] * (len(words) - 1)] for i, words in enumerate(SENTENCES)],
    "intents": [f"i{i}" for i in range(COUNT)],
}
PREPROCESSOR = SentencePreprocessor(
    ["O", *[f"B-{i}" for i in range(COUNT)], *[f"I-{i}" for i in range(COUNT)]],
    FIRST,
    TARGETS["intents"],
)


def some_batches(**changed):
    settings = {"batch_size": 8, "seed": 3, "first_epoch": 0, "epochs": 2} | changed
    dataset = sentences.batches(PREPROCESSOR, SENTENCES, TARGETS, **settings)
    return list(dataset.as_numpy_iterator())


def numbers_of(batches):
    return [targets["intents"].tolist() for _, targets in batches]


def test_arguments_are_those_of_the_data():
    found = sentences.arguments([["On", "2nd"], ["on"]], {"labels": [["O", "B-b"], ["B-a"]]})
    labels = ["B-a", "B-b", "I-a", "I-b", "O"]
    assert found == {"labels": labels, "vocabulary": ["on", "0nd"]}
    found = sentences.arguments([["a"]], {"labels": [["O"]], "intents": ["ask"]})
    assert found["intents"] == ["ask"]


def test_an_epoch_holds_sentences_once_in_its_own_order():
    numbers = numbers_of(some_batches())
    assert [len(batch) for batch in numbers] == [8] * 24
    first, second = list(chain(*numbers[:12])), list(chain(*numbers[12:]))
    for epoch in (first, second):
        assert len(set(epoch)) == len(epoch) == 96
    assert first != second
    assert set(first) != set(second), "the same sentences are left out"


def test_sentences_stay_with_their_targets():
    for inputs, targets in some_batches():
        for words, labels, intent in zip(
            inputs["words"], targets["labels"], targets["intents"], strict=True
        ):
            assert words[0] == number_of(intent)
            assert labels[0] == intent + 1
            np.testing.assert_array_equal(labels[1:], np.where(words[1:] == 0, -1, 0))


def number_of(intent):
    """The number of the word that only the sentence with this intent has."""
    return PREPROCESSOR.encode([[FIRST[intent]]])["words"][0, 0]


def test_sentences_of_a_batch_have_similar_lengths():
    padding = [np.mean(inputs["words"] == 0) for inputs, _ in some_batches()]
    assert np.mean(padding) < 0.15


def test_batches_depend_on_the_seed_and_resume():
    augment = partial(vary, names="7", days="none", rate=1.0, bare=0.5, others=0.5)
    whole, again = some_batches(augment=augment), some_batches(augment=augment)
    resumed = some_batches(augment=augment, first_epoch=1)
    for ours, theirs in zip([*again, *resumed], [*whole, *whole[12:]], strict=True):
        for a, b in zip(ours, theirs, strict=True):
            for name in a:
                np.testing.assert_array_equal(a[name], b[name])
    assert numbers_of(some_batches(seed=4)) != numbers_of(whole)


VARIED = {"names": "city", "days": "day", "bare": 0.0, "others": 0.0}


def test_invented_names_and_days_stand_where_others_stood():
    words = ["from", "new", "york", "to", "boston", "on", "may", "twenty", "second", "at", "noon"]
    labels = [
        "O",
        "B-from.city",
        "I-from.city",
        "O",
        "B-to.city",
        "O",
        "B-month",
        "B-a.day",
        "I-a.day",
        "O",
        "B-time",
    ]
    old = {"from.city": ["new", "york"], "to.city": ["boston"], "a.day": ["twenty", "second"]}
    draw = random.Random(1)
    kept, lengths, days = 0, set(), set()
    for _ in range(400):
        new_words, new_labels = vary(words, labels, draw, rate=0.5, **VARIED)
        assert len(new_words) == len(new_labels)
        if new_words == words:
            kept += 1
            continue
        for label, first, last in chunks(new_labels):
            assert new_labels[first].startswith("B-")
            value = new_words[first : last + 1]
            if label not in old:
                assert value == [{"month": "may", "time": "noon"}[label]]
                continue
            assert value != old[label]
            if label == "a.day":
                days |= set(value)
            else:
                lengths.add(len(value))
        assert [label for label, *_ in chunks(new_labels)] == [
            label for label, *_ in chunks(labels)
        ]
        others = [w for w, tag in zip(new_words, new_labels, strict=True) if tag == "O"]
        assert others == ["from", "to", "on", "at"]
    assert kept == pytest.approx(200, rel=0.3)
    assert lengths == {1, 2, 3}
    assert {"1st", "22nd", "3rd", "11th", "12th", "31st", "20th", "7"} <= days
    assert words[1:3] == ["new", "york"]
    new_words, new_labels = vary(words, labels, draw, rate=1.0, **VARIED | {"bare": 1.0})
    others = [w for w, tag in zip(new_words, new_labels, strict=True) if tag == "O"]
    assert others == ["on", "at"]
    new_words, new_labels = vary(words, labels, draw, rate=0.0, **VARIED | {"others": 1.0})
    assert new_labels == labels
    assert not {"new", "york", "boston", "may", "noon"} & set(new_words)


def test_a_start_with_other_words_is_refused(tmp_path):
    def model(*words):
        return zoo.build("tagger", labels=["A", "B"], vocabulary=words, word_units=3, units=2)

    zoo.save(model("the", "old", "man"), tmp_path / "start")
    start_from(model("the", "old", "man"), str(tmp_path / "start"))
    with pytest.raises(ValueError, match=r"start: .*start has another vocabulary"):
        start_from(model("old", "the", "man"), str(tmp_path / "start"))


@pytest.mark.parametrize("name", ["bilstm_atis"])
def test_training_of_two_seeds(name, need_data, tmp_path):
    chosen = recipe(name)
    need_data(chosen.dataset)
    small = replace(chosen, train=f"{chosen.train}[:400]", test=f"{chosen.test}[:50]", epochs=2)
    training = Training(name, small, 0, tmp_path / "runs", options=" --epochs 2")
    folder = train_seeds(training, [1, 2])
    found = Checkpoint.open(folder)
    card.check(found.card, name)
    scores = [
        Checkpoint.open(tmp_path / "runs" / f"seed_{seed}" / "checkpoint").card for seed in (1, 2)
    ]
    best = max(scores, key=lambda card: card["validation_metrics"]["f1"])
    assert found.card["seed"] == best["seed"]
    assert found.card["recipe"] == f"python -m training {name} --seed {best['seed']} --epochs 2"
    assert found.card["seeds"]["f1"]["values"] == [card["metrics"]["f1"] for card in scores]
    model = zoo.load(folder, sha256=found.sha256)
    assert zoo.verify(model)["metrics"] == pytest.approx(found.card["metrics"], abs=1e-3)
    with pytest.raises(FileExistsError, match="exists already"):
        train_seeds(training, [1, 2])
    other = replace(small, validation=f"{small.validation}[:50]")
    with pytest.raises(ValueError, match="seed_1 is of another recipe"):
        trained(replace(training, recipe=other, seed=1, output=training.output / "seed_1"))
