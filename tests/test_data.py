"""Real data sets, and what is said where there are none."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, run_python

import zoo

# Nothing listens at the discard port of this machine: no test here can download anything.
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
) | {"NO_PROXY": None, "no_proxy": None}

LOAD = """
import sys
import time
import requests
import zoo

# Imports what is needed, so that the time is that of looking alone.
zoo.data.describe(sys.argv[1])
start = time.monotonic()
try:
    zoo.data.load(sys.argv[1], "test")
except (zoo.DataUnavailableError, zoo.IntegrityError) as error:
    print("refused", time.monotonic() - start, type(error).__name__, error)
"""

PICTURES = ["fashion_mnist", "mnist"]
SENTENCES = ["atis", "conll2000", "ewt", "snips", "sst5"]
PAIRS = ["cmudict", "mnist_spelled", "multi30k"]
TEXTS = ["tinyshakespeare"]
SLOT_GATED = (
    "https://raw.githubusercontent.com/MiuLab/SlotGated-SLU/"
    "61f0307c729b1fad479ef1de94aa5ac5dee601b0/data"
)
CONLL2000 = (
    "https://raw.githubusercontent.com/teropa/nlp/"
    "f89bc5a15b516208de1cfe2abe9692b7ed9a43e2/resources/corpora/conll2000"
)


def refusal(name, **environment):
    """What loading says: seconds, kind of error, message."""
    done = run_python(LOAD, name, **environment)
    assert done.returncode == 0, done.stderr
    _, found, line = done.stdout.partition("refused ")
    assert found, "nothing was refused"
    seconds, kind, message = line.split(" ", 2)
    return float(seconds), kind, message


def test_unknown_name_is_told_the_nearest():
    for function in (zoo.data.labels, zoo.data.describe, lambda name: zoo.data.load(name, "test")):
        with pytest.raises(ValueError, match="no data set named 'mnits'; did you mean mnist"):
            function("mnits")


def test_every_data_set_is_listed():
    assert zoo.data.list_datasets() == sorted(PICTURES + SENTENCES + PAIRS + TEXTS)


def test_names_are_listed_without_importing_tensorflow():
    done = run_python("""
import sys
import zoo
zoo.data.list_datasets()
assert not {"tensorflow", "tensorflow_datasets"} & sys.modules.keys()
""")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "version", "citation"),
    [
        ("atis", "1.0.0", "Hemphill, Charles T."),
        ("conll2000", "1.0.0", "Tjong Kim Sang, Erik F. and Buchholz, Sabine"),
        ("ewt", "1.0.1", "A Gold Standard Dependency Corpus"),
        ("fashion_mnist", "3.0.1", "Fashion-MNIST"),
        ("mnist", "3.0.1", "LeCun"),
        ("snips", "1.0.0", "arXiv:1805.10190"),
    ],
)
def test_what_is_known_without_data(name, version, citation):
    described = zoo.data.describe(name)
    assert described["name"] == name
    assert described["version"] == version
    assert described["homepage"].startswith("http")
    assert described["citation"].startswith("@")
    assert citation in described["citation"]


@pytest.mark.parametrize("name", PICTURES)
def test_class_names_are_known_without_data(name):
    assert len(set(zoo.data.labels(name))) == 10


@pytest.mark.parametrize(("name", "target"), [("mnist", "intents"), ("ewt", "intents")])
def test_unknown_target_is_told_the_known(name, target):
    with pytest.raises(ValueError, match=f"no target of {name} named 'intents'.*labels"):
        zoo.data.labels(name, target)


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


@pytest.mark.parametrize(
    ("name", "split", "count", "words"),
    [
        ("atis", "train", 4478, 50497),
        ("atis", "validation", 500, 5703),
        ("atis", "test", 893, 9164),
        ("snips", "train", 13084, 117700),
        ("snips", "validation", 700, 6384),
        ("snips", "test", 700, 6354),
        ("conll2000", "train", 8936, 211727),
        ("conll2000", "train[-936:]", 936, 22025),
        ("conll2000", "test", 2012, 47377),
        ("ewt", "train", 12543, 204578),
        ("ewt", "dev", 2001, 25149),
        ("ewt", "test", 2077, 25094),
    ],
)
def test_sentences(need_data, name, split, count, words):
    need_data(name)
    sentences, targets = zoo.data.load(name, split)
    assert len(sentences) == count
    assert [len(sentence) for sentence in sentences] == [len(tags) for tags in targets["labels"]]
    assert all(sentences)
    assert {type(word) for sentence in sentences for word in sentence} == {str}
    assert sum(map(len, sentences)) == words
    if name in ("atis", "snips"):
        assert targets.keys() == {"labels", "intents"}
        assert len(targets["intents"]) == count
    else:
        assert targets.keys() == {"labels"}


@pytest.mark.parametrize(
    ("name", "sentence", "tags", "intent"),
    [
        (
            "atis",
            "i want to fly from baltimore to dallas round trip",
            "O O O O O B-fromloc.city_name O B-toloc.city_name B-round_trip I-round_trip",
            "atis_flight",
        ),
        (
            "snips",
            "listen to westbam alumb allergic on google music",
            "O O B-artist O B-album O B-service I-service",
            "PlayMusic",
        ),
        (
            "conll2000",
            "Confidence in the pound is widely expected to take another sharp dive if trade "
            "figures for September , due for release tomorrow , fail to show a substantial "
            "improvement from July and August 's near-record deficits .",
            "B-NP B-PP B-NP I-NP B-VP I-VP I-VP I-VP I-VP B-NP I-NP I-NP B-SBAR B-NP I-NP B-PP "
            "B-NP O B-ADJP B-PP B-NP B-NP O B-VP I-VP I-VP B-NP I-NP I-NP B-PP B-NP I-NP I-NP "
            "B-NP I-NP I-NP O",
            None,
        ),
    ],
)
def test_sentences_keep_their_order(need_data, name, sentence, tags, intent):
    need_data(name)
    sentences, targets = zoo.data.load(name, "train[:1]")
    assert sentences == [sentence.split()]
    assert targets["labels"] == [tags.split()]
    assert targets.get("intents") == (intent and [intent])


def test_contracted_and_left_out_words_of_a_treebank(need_data):
    need_data("ewt")
    sentences, targets = zoo.data.load("ewt", "dev")
    tags = {
        " ".join(words): " ".join(tags)
        for words, tags in zip(sentences, targets["labels"], strict=True)
    }
    # The file has "It's" besides its two words, and "has", left out, before each "only".
    sentence = (
        "It 's more compact , ISO 6400 capability ( SX40 only 3200 ) , faster lens at f/2 and the "
        "SX40 only f / 2.7 ."
    )
    assert tags[sentence] == (
        "PRON AUX ADV ADJ PUNCT NOUN NUM NOUN PUNCT PROPN ADV NUM PUNCT PUNCT ADJ NOUN ADP NOUN "
        "CCONJ DET PROPN ADJ NOUN PUNCT NUM PUNCT"
    )


@pytest.mark.parametrize(
    ("name", "target", "count", "some"),
    [
        ("atis", "labels", 120, {"O", "B-round_trip"}),
        ("atis", "intents", 21, {"atis_flight", "atis_flight#atis_airfare"}),
        ("snips", "labels", 72, {"O", "I-service"}),
        ("snips", "intents", 7, {"PlayMusic"}),
        ("conll2000", "labels", 22, {"O", "B-NP"}),
        ("ewt", "labels", 17, {"ADJ", "X"}),
    ],
)
def test_labels_of_sentences_are_those_of_training(need_data, name, target, count, some):
    need_data(name)
    labels = zoo.data.labels(name, target)
    assert len(labels) == count
    assert labels == sorted(set(labels))
    assert some <= set(labels)


def test_atis_has_labels_that_training_has_not(need_data):
    need_data("atis")
    tags = set().union(*zoo.data.load("atis", "test")[1]["labels"])
    assert tags - set(zoo.data.labels("atis"))


def test_addresses_and_file_names_of_own_data_sets():
    from zoo.datasets import Atis, Conll2000, Snips

    for builder in (Atis, Snips):
        assert {url: info.filename for url, info in builder.url_infos.items()} == {
            f"{SLOT_GATED}/{builder.name}/{split}/{file}": f"{split}-{file}"
            for split in ("train", "valid", "test")
            for file in ("seq.in", "seq.out", "label")
        }
    assert {url: info.filename for url, info in Conll2000.url_infos.items()} == {
        f"{CONLL2000}/{split}.txt": f"{split}.txt" for split in ("train", "test")
    }


@pytest.mark.parametrize(
    ("name", "raw", "file"),
    [
        ("mnist", None, "train-images-idx3-ubyte.gz"),
        ("mnist", "absent", "train-images-idx3-ubyte.gz"),
        ("mnist", "empty", "train-images-idx3-ubyte.gz"),
        ("atis", "empty", "train-seq.in"),
        ("ewt", "empty", "en_ewt-ud-train.conllu"),
    ],
)
def test_missing_data_is_told_within_seconds(name, raw, file, tmp_path):
    (tmp_path / "empty" / name).mkdir(parents=True)
    seconds, kind, message = refusal(
        name,
        TFDS_DATA_DIR=tmp_path / "tfds",
        ZOO_DATA_DIR=raw and tmp_path / raw,
        **NO_NETWORK,
    )
    assert seconds < 5
    assert kind == "DataUnavailableError"
    assert "ZOO_DATA_DIR" in message
    assert file in message
    assert (str(tmp_path / raw) if raw else "ZOO_DATA_DIR is not set") in message
    assert len(message) < 1000


@pytest.mark.parametrize(
    ("name", "file"),
    [("atis", "test-seq.in"), ("conll2000", "test.txt"), ("ewt", "en_ewt-ud-test.conllu")],
)
def test_truncated_raw_file_is_refused(need_data, name, file, tmp_path):
    need_data(name)
    whole = Path(os.environ.get("ZOO_DATA_DIR", ""), name)
    if not whole.is_dir():
        pytest.skip(f"the raw files of {name} are not on this machine: set ZOO_DATA_DIR")
    shutil.copytree(whole, tmp_path / name)
    with (tmp_path / name / file).open("r+b") as truncated:
        truncated.truncate(truncated.seek(0, 2) - 1)
    _, kind, message = refusal(
        name, TFDS_DATA_DIR=tmp_path / "tfds", ZOO_DATA_DIR=tmp_path, **NO_NETWORK
    )
    assert kind == "IntegrityError"
    assert file in message


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
