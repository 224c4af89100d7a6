"""Real data sets, and what is said where there are none."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import tensorflow_datasets as tfds
from helpers import ROOT, run_python
from tensorflow_datasets.core.download.checksums import UrlInfo
from web import Web

import zoo

# Nothing listens at the discard port of this machine: no test here can download anything.
NO_NETWORK = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
)

# Loads what each line names, from the folder beside it.
LOAD = """
import json
import os
import sys
import time
import requests
import zoo

for line in sys.stdin:
    name, folder = json.loads(line)
    os.environ.pop("ZOO_DATA_DIR", None)
    if folder:
        os.environ["ZOO_DATA_DIR"] = folder
    # Imports what is needed, so that the time is that of looking alone.
    zoo.data.describe(name)
    start = time.monotonic()
    said = None
    try:
        zoo.data.load(name, "test")
    except (zoo.DataUnavailableError, zoo.IntegrityError) as error:
        said = [time.monotonic() - start, type(error).__name__, str(error)]
    print("said", json.dumps(said), flush=True)
"""

PICTURES = ["cifar10", "fashion_mnist", "mnist"]
SENTENCES = ["atis", "conll2000", "ewt", "snips", "sst5"]
TEXTS = ["cmudict", "mnist_spelled", "multi30k", "tinyshakespeare"]
MADE = ["addition_N", "memorization_N", "parity_N"]
SENTIMENTS = ["very negative", "negative", "neutral", "positive", "very positive"]
SLOT_GATED = (
    "https://raw.githubusercontent.com/MiuLab/SlotGated-SLU/"
    "61f0307c729b1fad479ef1de94aa5ac5dee601b0/data"
)
CMUDICT = (
    "https://raw.githubusercontent.com/HaisongDing/CNTK/"
    "9c758ea693642d016a5deec64304d60fa9839f5c/Examples/SequenceToSequence/CMUDict/Data"
)
MULTI30K = (
    "https://raw.githubusercontent.com/multi30k/dataset/"
    "a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
)
CONLL2000 = (
    "https://raw.githubusercontent.com/teropa/nlp/"
    "f89bc5a15b516208de1cfe2abe9692b7ed9a43e2/resources/corpora/conll2000"
)


@pytest.fixture(scope="module")
def refusal(tmp_path_factory):
    """Called with a data set and a folder of raw data, says how a process without a network fares.

    It returns seconds, kind of error and message.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", LOAD],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name.upper() != "NO_PROXY"}
        | NO_NETWORK
        | {"TFDS_DATA_DIR": str(tmp_path_factory.mktemp("tfds"))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def load(name, folder):
        print(json.dumps([name, folder and str(folder)]), file=process.stdin, flush=True)
        said = next(line for line in process.stdout if line.startswith("said "))
        refused = json.loads(said.removeprefix("said "))
        assert refused, "nothing was refused"
        return refused

    yield load
    process.stdin.close()
    assert process.wait() == 0


def raw_folder(need_data, name):
    """The folder of a data set's raw files; skips the test where there is none."""
    need_data(name)
    folder = Path(os.environ.get("ZOO_DATA_DIR", ""), name)
    if not folder.is_dir():
        pytest.skip(f"the raw files of {name} are not on this machine: set ZOO_DATA_DIR")
    return folder


def test_unknown_name_is_told_the_nearest():
    for function in (zoo.data.labels, zoo.data.describe, lambda name: zoo.data.load(name, "test")):
        with pytest.raises(ValueError, match="no data set named 'mnits'; did you mean mnist"):
            function("mnits")


def test_every_data_set_is_listed():
    assert zoo.data.list_datasets() == sorted(PICTURES + SENTENCES + TEXTS + MADE)


def test_licence_of_every_data_set_is_known():
    from training.driver import LICENCES

    assert sorted(LICENCES) == zoo.data.list_datasets()


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
        ("cifar10", "1.0.0", "Krizhevsky"),
        ("cmudict", "1.0.0", "Carnegie Mellon"),
        ("conll2000", "1.0.0", "Tjong Kim Sang, Erik F. and Buchholz, Sabine"),
        ("ewt", "1.0.1", "A Gold Standard Dependency Corpus"),
        ("fashion_mnist", "3.0.1", "Fashion-MNIST"),
        ("mnist", "3.0.1", "LeCun"),
        ("mnist_spelled", "3.0.1", "LeCun"),
        ("multi30k", "1.0.0", "Elliott, Desmond"),
        ("snips", "1.0.0", "arXiv:1805.10190"),
        ("sst5", "1.0.0", "Socher, Richard"),
        ("tinyshakespeare", "1.0.0", "Karpathy, Andrej"),
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


@pytest.mark.parametrize("name", TEXTS)
def test_where_texts_are_to_be_predicted_no_names_are(name):
    with pytest.raises(ValueError, match=f"no target of {name} named 'labels'; there is none"):
        zoo.data.labels(name)


@pytest.mark.parametrize(("name", "target"), [("mnist", "intents"), ("ewt", "intents")])
def test_unknown_target_is_told_the_known(name, target):
    with pytest.raises(ValueError, match=f"no target of {name} named 'intents'.*labels"):
        zoo.data.labels(name, target)


def cifar_batches():
    return [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]


def test_cifar10_is_what_its_batches_hold(tmp_path):
    folder = Path(os.environ.get("ZOO_DATA_DIR", ""), "cifar10")
    if not all((folder / file).is_file() for file in cifar_batches()):
        pytest.skip("the binary batches of cifar10 are not on this machine")
    raw = np.concatenate([np.fromfile(folder / file, np.uint8) for file in cifar_batches()])
    raw = raw.reshape(60000, 3073)
    for split, rows in (("train", slice(50000)), ("test", slice(50000, None))):
        pictures, ids = zoo.data.load("cifar10", split)
        assert pictures.shape[1:] == (32, 32, 3)
        np.testing.assert_array_equal(ids, raw[rows, 0])
        in_planes = pictures.transpose(0, 3, 1, 2).reshape(len(pictures), -1)
        np.testing.assert_array_equal(in_planes, raw[rows, 1:])


def test_cifar10_of_other_batches_is_refused(refusal, tmp_path):
    (tmp_path / "cifar10").mkdir()
    for file in cifar_batches():
        (tmp_path / "cifar10" / file).write_bytes(bytes(3073))
    _, kind, message = refusal("cifar10", tmp_path)
    assert kind == "IntegrityError"
    assert "cifar10" in message


def test_cifar10_without_its_batches_names_them(refusal, tmp_path):
    (tmp_path / "cifar10").mkdir()
    _, kind, message = refusal("cifar10", tmp_path)
    assert kind == "DataUnavailableError"
    assert all(file in message for file in cifar_batches())


def test_labels_are_in_the_order_of_their_ids():
    assert zoo.data.labels("mnist") == list("0123456789")
    assert zoo.data.labels("fashion_mnist")[:2] == ["T-shirt/top", "Trouser"]
    assert zoo.data.labels("sst5") == SENTIMENTS


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


def test_words_and_their_pronunciations(need_data):
    need_data("cmudict")
    splits = {}
    for split, words, pronunciations in [
        ("train", 102068, 108699),
        ("validation", 4726, 4726),
        ("test", 11994, 12828),
    ]:
        found, targets = zoo.data.load("cmudict", split)
        assert targets.keys() == {"outputs"}
        splits[split] = dict(zip(found, targets["outputs"], strict=True))
        assert len(found) == len(splits[split]) == words
        assert sum(map(len, targets["outputs"])) == pronunciations
    assert all(
        word == word.lower() and len(set(outputs)) == len(outputs) and "" not in outputs
        for words in splits.values()
        for word, outputs in words.items()
    )
    phonemes = {phoneme for outputs in splits["train"].values() for phoneme in outputs[0].split()}
    assert len(phonemes) == 39
    train, validation, test = (words.keys() for words in splits.values())
    assert not train & validation
    assert not train & test
    assert not validation & test
    assert splits["test"]["highway"] == ["HH AY W EY"]
    # This word has a pronunciation in each of the files that are shared out anew.
    assert splits["train"]["again"]
    assert list(splits["train"])[:3] == ["'cause", "'course", "'em"]


def test_sentences_and_their_translations(need_data):
    need_data("multi30k")
    for split, count, english, german in [
        (
            "train",
            29000,
            "Two young, White males are outside near many bushes.",
            "Zwei junge weiße Männer sind im Freien in der Nähe vieler Büsche.",
        ),
        (
            "validation",
            1014,
            "A group of men are loading cotton onto a truck",
            "Eine Gruppe von Männern lädt Baumwolle auf einen Lastwagen",
        ),
        (
            "test",
            1000,
            "A man in an orange hat starring at something.",
            "Ein Mann mit einem orangefarbenen Hut, der etwas anstarrt.",
        ),
    ]:
        sentences, targets = zoo.data.load("multi30k", split)
        assert sentences[0] == english
        assert targets["outputs"][0] == [german]
        assert len(sentences) == len(targets["outputs"]) == count
        assert {len(outputs) for outputs in targets["outputs"]} == {1}
        texts = sentences + [output for [output] in targets["outputs"]]
        assert all(text and text == text.strip() for text in texts)


def test_spelled_digits_are_those_of_the_pictures(need_data):
    need_data("mnist")
    pictures, ids = zoo.data.load("mnist", "test[:300]")
    same, targets = zoo.data.load("mnist_spelled", "test[:300]")
    np.testing.assert_array_equal(same, pictures)
    spelled = {"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four"}
    spelled |= {"5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine"}
    assert set(ids) == set(range(10))
    assert targets == {"outputs": [[spelled[str(label)]] for label in ids]}


def test_a_text_is_split_in_characters(need_data):
    need_data("tinyshakespeare")

    def load(split):
        [text], targets = zoo.data.load("tinyshakespeare", split)
        assert targets == {}
        return text

    whole = load("train+validation+test")
    assert len(whole) == 1_115_394
    assert len(set(whole)) == 65
    assert whole.startswith("First Citizen:\nBefore we proceed any further, hear me speak.\n")
    assert load("train[:95%]") + load("train[95%:]") + load("validation+test") == whole
    assert load("train") == whole[:1_003_854]
    assert load("train[:950000]") == whole[:950_000]
    assert load("train[-54:]") == whole[1_003_800:1_003_854]
    assert load("validation+test") == whole[1_003_854:]
    with pytest.raises(ValueError, match="Unknown split 'dev'"):
        load("dev")


def test_sentiments_of_sentences_and_their_phrases(need_data):
    need_data("sst5")
    for split, counts in [
        ("train", [1092, 2218, 1624, 2322, 1288]),
        ("validation", [139, 289, 229, 279, 165]),
        ("test", [279, 633, 389, 510, 399]),
    ]:
        sentences, targets = zoo.data.load("sst5", split)
        assert [targets["labels"].count(label) for label in SENTIMENTS] == counts
        assert len(sentences) == len(targets["labels"]) == sum(counts)
        words = {word for sentence in sentences for word in sentence}
        assert {"(", ")", "/", '"', "'"} <= words
        assert not [word for word in words if set(word) & set("\\`") or "''" in word]
        assert words.isdisjoint({"", "-LRB-", "-RRB-"})
    phrases, targets = zoo.data.load("sst5", "train_phrases[-9:]")
    assert list(zip(map(" ".join, phrases), targets["labels"], strict=True)) == [
        ("In this case zero .", "negative"),
        ("In this", "neutral"),
        ("In", "neutral"),
        ("this", "neutral"),
        ("case zero .", "negative"),
        ("case", "neutral"),
        ("zero .", "negative"),
        ("zero", "negative"),
        (".", "neutral"),
    ]
    assert len(zoo.data.load("sst5", "train_phrases[318573:]")[0]) == 9


def test_archive_of_trees_is_unpacked(need_data, tmp_path):
    """An archive made here, as that of Stanford cannot be had without the network."""
    import tensorflow_datasets as tfds

    from zoo.datasets import Sst5

    raw = raw_folder(need_data, "sst5")
    archive = tmp_path / "raw" / "trainDevTestTrees_PTB.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as packed:
        for file in ("train.txt", "dev.txt", "test.txt"):
            packed.write(raw / file, f"trees/{file}")
    content = archive.read_bytes()
    info = tfds.core.download.checksums.UrlInfo(
        size=len(content), checksum=hashlib.sha256(content).hexdigest(), filename=archive.name
    )
    manager = tfds.download.DownloadManager(
        download_dir=tmp_path / "downloads",
        manual_dir=archive.parent,
        manual_dir_instructions=Sst5.MANUAL_DOWNLOAD_INSTRUCTIONS,
        url_infos={"https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip": info},
        force_checksums_validation=True,
    )
    splits = Sst5(data_dir=tmp_path)._split_generators(manager)
    counts = {split: sum(1 for _ in examples) for split, examples in splits.items()}
    assert counts == {"train": 8544, "validation": 1101, "test": 2210, "train_phrases": 318582}


def test_addresses_and_file_names_of_own_data_sets():
    from zoo.datasets import Atis, Cmudict, Conll2000, Multi30k, Snips

    for builder in (Atis, Snips):
        assert {url: info.filename for url, info in builder.url_infos.items()} == {
            f"{SLOT_GATED}/{builder.name}/{split}/{file}": f"{split}-{file}"
            for split in ("train", "valid", "test")
            for file in ("seq.in", "seq.out", "label")
        }
    assert {url: info.filename for url, info in Conll2000.url_infos.items()} == {
        f"{CONLL2000}/{split}.txt": f"{split}.txt" for split in ("train", "test")
    }
    assert {url: info.filename for url, info in Cmudict.url_infos.items()} == {
        f"{CMUDICT}/cmudict-0.7b.{split}": f"cmudict-0.7b.{split}"
        for split in ("train-dev-20-21", "train-dev-1-21", "test")
    }
    assert {url: info.filename for url, info in Multi30k.url_infos.items()} == {
        f"{MULTI30K}/{split}.{language}.gz": f"{split}.{language}.gz"
        for split in ("train", "val", "test_2016_flickr")
        for language in ("en", "de")
    }


@pytest.mark.parametrize(
    ("name", "raw", "file"),
    [
        ("mnist", None, "train-images-idx3-ubyte.gz"),
        ("mnist", "absent", "train-images-idx3-ubyte.gz"),
        ("mnist", "empty", "train-images-idx3-ubyte.gz"),
        ("atis", "empty", "train-seq.in"),
        ("ewt", "empty", "en_ewt-ud-train.conllu"),
        ("cmudict", "empty", "cmudict-0.7b.train-dev-20-21"),
        ("multi30k", "empty", "train.de.gz"),
        ("sst5", "empty", "dev.txt, test.txt, train.txt"),
        ("sst5", None, "nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip cannot be reached"),
        ("tinyshakespeare", "empty", "input.txt"),
    ],
)
def test_missing_data_is_told_within_seconds(name, raw, file, refusal, tmp_path):
    (tmp_path / "empty" / name).mkdir(parents=True)
    seconds, kind, message = refusal(name, raw and tmp_path / raw)
    assert seconds < 5
    assert kind == "DataUnavailableError"
    assert "ZOO_DATA_DIR" in message
    assert file in message
    assert (str(tmp_path / raw) if raw else "ZOO_DATA_DIR is not set") in message
    assert len(message) < 1000


def test_a_host_without_the_file(tmp_path, monkeypatch):
    monkeypatch.delenv("ZOO_DATA_DIR", raising=False)
    web = Web(tmp_path)
    url = f"{web.url}/gone.txt"

    class Gone(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")
        url_infos = MappingProxyType({url: UrlInfo(4, "0" * 64, "gone.txt")})

        def _info(self):
            text = tfds.features.FeaturesDict({"text": tfds.features.Text()})
            return tfds.core.DatasetInfo(builder=self, features=text)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(dl_manager.download(url))}

        def _generate_examples(self, path):
            yield 0, {"text": path.read_text()}

    with pytest.raises(zoo.DataUnavailableError, match=r"gone: .*404.*gone.txt, into a folder"):
        zoo.data._prepare("gone", Gone(data_dir=tmp_path / "prepared"))
    web.stop()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("atis", "test-seq.in"),
        ("cmudict", "cmudict-0.7b.test"),
        ("conll2000", "test.txt"),
        ("ewt", "en_ewt-ud-test.conllu"),
        ("multi30k", "val.en.gz"),
        ("sst5", "dev.txt"),
        ("tinyshakespeare", "input.txt"),
    ],
)
def test_truncated_raw_file_is_refused(need_data, name, file, refusal, tmp_path):
    shutil.copytree(raw_folder(need_data, name), tmp_path / name)
    with (tmp_path / name / file).open("r+b") as truncated:
        truncated.truncate(truncated.seek(0, 2) - 1)
    _, kind, message = refusal(name, tmp_path)
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
