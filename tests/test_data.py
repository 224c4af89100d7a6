"""Real data sets, and what is said where there are none."""

import numpy as np
import pytest
from helpers import ROOT, run_python

import zoo

# Nothing listens at the discard port of this machine: no test here can download anything.
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
) | {"NO_PROXY": None, "no_proxy": None}

LOAD = """
import time
import requests
import zoo

# Imports what is needed, so that the time is that of looking alone.
zoo.data.labels("mnist")
start = time.monotonic()
try:
    zoo.data.load("mnist", "test")
except zoo.DataUnavailableError as error:
    print(time.monotonic() - start, error)
"""


def test_unknown_name_is_told_the_nearest():
    for function in (zoo.data.labels, zoo.data.describe, lambda name: zoo.data.load(name, "test")):
        with pytest.raises(ValueError, match="no data set named 'mnits'; did you mean mnist"):
            function("mnits")


@pytest.mark.parametrize("name", zoo.data.list_datasets())
def test_what_is_known_without_data(name):
    assert len(set(zoo.data.labels(name))) == 10
    described = zoo.data.describe(name)
    assert described["name"] == name
    assert described["version"] == "3.0.1"
    assert described["homepage"].startswith("http")
    assert "@" in described["citation"]


def test_labels_are_in_the_order_of_their_ids():
    assert zoo.data.labels("mnist") == list("0123456789")
    assert zoo.data.labels("fashion_mnist")[:2] == ["T-shirt/top", "Trouser"]


@pytest.mark.parametrize(
    ("name", "split", "count"),
    [
        ("mnist", "train", 60000),
        ("mnist", "train[55000:]", 5000),
        ("mnist", "test", 10000),
        ("fashion_mnist", "test", 10000),
    ],
)
def test_grey_pictures(need_data, name, split, count):
    need_data(name)
    pictures, ids = zoo.data.load(name, split)
    assert (pictures.shape, pictures.dtype) == ((count, 28, 28), np.uint8)
    assert (ids.shape, ids.dtype) == ((count,), np.int64)
    assert set(ids) == set(range(10))
    assert pictures.max() == 255


def test_digits_of_the_examples_are_test_digits(need_data):
    need_data("mnist")
    pictures, ids = zoo.data.load("mnist", "test")
    known = {picture.tobytes(): label for picture, label in zip(pictures, ids, strict=True)}
    with np.load(ROOT / "docs" / "examples" / "mnist_test_300.npz") as digits:
        for picture, label in zip(digits["pictures"], digits["labels"], strict=True):
            assert known[picture.tobytes()] == label


@pytest.mark.parametrize("raw", [None, "absent", "empty"])
def test_missing_data_is_told_within_seconds(raw, tmp_path):
    (tmp_path / "empty" / "mnist").mkdir(parents=True)
    done = run_python(
        LOAD,
        TFDS_DATA_DIR=tmp_path / "tfds",
        ZOO_DATA_DIR=raw and tmp_path / raw,
        **NO_NETWORK,
    )
    assert done.returncode == 0, done.stderr
    seconds, _, message = done.stdout.partition(" ")
    assert float(seconds) < 5
    assert "ZOO_DATA_DIR" in message
    assert "train-images-idx3-ubyte.gz" in message
    assert (str(tmp_path / raw) if raw else "ZOO_DATA_DIR is not set") in message


def test_data_sets_whose_files_have_equal_names_stay_apart(need_data, tmp_path):
    need_data("mnist")
    need_data("fashion_mnist")
    done = run_python(
        """
import numpy as np
import zoo
for name in ("mnist", "fashion_mnist"):
    print("count", *np.bincount(zoo.data.load(name, "test")[1]))
""",
        TFDS_DATA_DIR=tmp_path,
    )
    digits, clothes = [
        line.split()[1:] for line in done.stdout.splitlines() if line.startswith("count")
    ]
    assert clothes == ["1000"] * 10
    assert digits != clothes
