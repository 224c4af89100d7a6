"""Texts that are made: what is right for each, and which split it belongs to."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from helpers import random_model

import zoo
from training import algorithms
from training.recipes import recipe
from zoo import tasks
from zoo.layers.words import BOUNDARY, PADDING

NAMES = ("addition_5", "memorization_10", "parity_20")


def drawn(name, split, count, seed=0, shorter=0.5):
    task, size = tasks.parsed(name)
    return list(islice(tasks.texts(task, size, split, np.random.default_rng(seed), shorter), count))


@pytest.mark.parametrize(
    ("name", "text", "answer"),
    [
        ("addition_3", "123+989", "1112"),
        ("addition_15", "999999999999999+1", "1000000000000000"),
        ("memorization_4", "gate", "gate"),
        ("parity_5", "10110", "1"),
        ("parity_5", "101101", "0"),
        ("parity_5", "000", "0"),
    ],
)
def test_answer(name, text, answer):
    task, _ = tasks.parsed(name)
    assert task.answer(text) == answer


@pytest.mark.parametrize("name", NAMES)
def test_texts_to_be_tested_have_the_whole_size(name):
    texts, targets = zoo.data.load(name, "test")
    size = int(name.rsplit("_", 1)[1])
    assert len(texts) == len(targets["outputs"]) == 1000
    assert len(set(texts)) > 900
    if name.startswith("addition"):
        operands = [text.split("+") for text in texts]
        assert all(len(one) == size and one[0] != "0" for two in operands for one in two)
        assert targets["outputs"] == [[str(int(a) + int(b))] for a, b in operands]
    else:
        assert {len(text) for text in texts} == {size}
    assert zoo.data.load(name, "test[:7]")[0] == texts[:7]


@pytest.mark.parametrize("name", ["addition_2", "memorization_2", "parity_8"])
def test_splits_share_nothing(name):
    task, _ = tasks.parsed(name)
    keys = {
        split: {task.key(text) for text in drawn(name, split, 500)}
        for split in ("train", "validation", "test")
    }
    assert all(keys.values())
    for a, b in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not keys[a] & keys[b]


def test_one_question_in_two_forms_is_in_one_split():
    addition, parity = tasks.TASKS["addition"], tasks.TASKS["parity"]
    for a, b in np.random.default_rng(0).integers(1000, size=(50, 2)):
        assert tasks.split_of(addition, f"{a}+{b}") == tasks.split_of(addition, f"{b}+{a}")
        assert tasks.split_of(parity, f"{a:b}") == tasks.split_of(parity, f"{a:b}000")


@pytest.mark.parametrize("name", NAMES)
def test_stream_is_the_seeds_and_has_no_end(name):
    assert drawn(name, "train", 50) == drawn(name, "train", 50)
    assert drawn(name, "train", 50) != drawn(name, "train", 50, seed=1)
    texts = drawn(name, "train", 3000)
    lengths = {len(text) for text in texts}
    size = int(name.rsplit("_", 1)[1])
    assert len(lengths) >= size
    assert max(lengths) == (2 * size + 1 if name.startswith("addition") else size)
    assert len(set(texts)) > 2000


def test_split_without_a_text_is_told():
    with pytest.raises(ValueError, match="validation has no text of size 1: all of so few"):
        zoo.data.load("parity_1", "validation")


@pytest.mark.parametrize("split", ["dev", "test[5:]", "test+train", ""])
def test_unknown_split_is_told(split):
    with pytest.raises(ValueError, match="addition_5 has the splits train, validation and test"):
        zoo.data.load("addition_5", split)


@pytest.mark.parametrize("name", ["addition", "addition_0", "addition_x", "addition_05", "sort_5"])
def test_name_without_a_task_or_size_is_unknown(name):
    with pytest.raises(ValueError, match="no data set named"):
        zoo.data.load(name, "test")


def test_description_and_targets():
    assert zoo.data.describe("addition_5")["name"] == "addition_5"
    assert zoo.data.listed_name("addition_5") == "addition_N"
    assert zoo.data.listed_name("sst5") == "sst5"
    with pytest.raises(ValueError, match="target of parity_20"):
        zoo.data.labels("parity_20")


def test_sizes_grow_to_the_whole_and_stay():
    sizes = [algorithms.largest_size(20, epoch, 50) for epoch in range(50)]
    assert sizes[0] == 3
    assert sizes == sorted(sizes)
    assert sizes[35:] == [20] * 15
    # Half of the growth has half of the size at most.
    assert sizes[17] <= 10
    assert algorithms.largest_size(5, 0, 1) == 5


def test_texts_of_training_can_grow_further_than_those_that_are_tested():
    one = replace(recipe("grid_lstm_memorization_10"), dataset="memorization_4", grown_to=7)
    found = algorithms.training_set(one, *zoo.data.load(one.dataset, "train[:64]"))
    model = random_model("reader_writer", **found.arguments, units=3, cell_depth=2)
    batches = found.batches(
        zoo.preprocessor(model), batch_size=64, seed=0, first_epoch=9, epochs=10
    )
    ((inputs, _),) = batches.as_numpy_iterator()
    # A number for each letter, and one for the end.
    assert (inputs["source"] > 0).sum(axis=1).max() == 7 + 1


def test_batches_are_a_function_of_seed_and_epoch():
    one = recipe("grid_lstm_parity")
    found = algorithms.training_set(one, *zoo.data.load(one.dataset, "train[:40]"))
    assert found.count == 40
    model = random_model("one_lstm", **found.arguments, length=250, units=3, depth=2)
    settings = {"batch_size": 8, "seed": 3, "first_epoch": 0, "epochs": 4}

    def taken(**changes):
        batches = found.batches(zoo.preprocessor(model), **settings | changes)
        return list(batches.as_numpy_iterator())

    whole, resumed = taken(), taken(first_epoch=2)
    assert len(whole) == 4 * 5
    for (ours, _), (theirs, _) in zip(whole[10:], resumed, strict=True):
        np.testing.assert_array_equal(ours["source"], theirs["source"])
    other = taken(seed=4)
    assert any(
        ours["source"].shape != theirs["source"].shape or (ours["source"] != theirs["source"]).any()
        for (ours, _), (theirs, _) in zip(whole, other, strict=True)
    )
    pieces = zoo.preprocessor(model).target
    for inputs, following in whole:
        assert (inputs["target"][:, 0] == BOUNDARY).all()
        for source, right in zip(inputs["source"], following, strict=True):
            text = zoo.preprocessor(model).source.text(source[source != PADDING])
            assert pieces.text(right) == str(text.count("1") % 2)
            assert tasks.split_of(tasks.TASKS["parity"], text) == "train"
