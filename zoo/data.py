"""Public data sets, through tensorflow-datasets, and those of `zoo.tasks`, which are made.

`ZOO_DATA_DIR` names a folder of raw files, one sub-folder a data set, that is used before the
network. What tensorflow-datasets makes of them is kept in its own folder (`TFDS_DATA_DIR`).
"""

import os
import sys
import tempfile
from contextlib import redirect_stdout
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urldefrag

import numpy as np

from zoo import tasks
from zoo.errors import DataUnavailableError, IntegrityError, unknown_name

# name in the zoo -> name in tensorflow-datasets, its version pinned
_TFDS = {
    "atis": "atis:1.0.0",
    "cifar10": "cifar10_binary:1.0.0",
    "cmudict": "cmudict:1.0.0",
    "conll2000": "conll2000:1.0.0",
    "ewt": "universal_dependencies/en_ewt:1.0.1",
    "fashion_mnist": "fashion_mnist:3.0.1",
    "mnist": "mnist:3.0.1",
    "mnist_spelled": "mnist:3.0.1",
    "multi30k": "multi30k:1.0.0",
    "snips": "snips:1.0.0",
    "sst5": "sst5:1.0.0",
    "tinyshakespeare": "tiny_shakespeare:1.0.0",
}

# Of this one, tensorflow-datasets names the authors of all treebanks of all languages.
_CITATIONS = {
    "ewt": """
@inproceedings{silveira2014gold,
  title = {A Gold Standard Dependency Corpus for {English}},
  author = {Silveira, Natalia and Dozat, Timothy and de Marneffe, Marie-Catherine and
            Bowman, Samuel and Connor, Miriam and Bauer, John and Manning, Christopher D.},
  booktitle = {Proceedings of the Ninth International Conference on Language Resources and
               Evaluation},
  year = {2014},
}
""".strip(),
}

# Targets that are names, and the features that hold them.
_NAMED = {"labels": {"label", "tags", "upos"}, "intents": {"intent"}}

_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_SECONDS_TO_REACH = 3.0


def list_datasets() -> list[str]:
    """Returns the names that `load` takes, sorted; those of `zoo.tasks` have a size besides."""
    return sorted([*_TFDS, *(f"{task}_N" for task in tasks.TASKS)])


def listed_name(name: str) -> str:
    """Returns the name of a data set as `list_datasets` has it, of "addition_15" "addition_N"."""
    return f"{name.rsplit('_', 1)[0]}_N" if tasks.parsed(name) else name


def load(name: str, split: str) -> tuple[Any, Any]:
    """Returns a split of a data set: what a model is given, and what is right for it.

    Args:
        name: one of `list_datasets()`.
        split: as tensorflow-datasets has it: `"train"`, `"test"`, `"train[:55000]"`. The third
            split, where there is one, is `"validation"`, in ewt `"dev"`. Of tinyshakespeare it
            counts characters.

    Returns:
        Of cifar10, fashion_mnist and mnist, pictures and class ids: an array, uint8, `(count,
        height, width)`, of cifar10 `(count, height, width, 3)`, and int64 `(count,)`.

        Of others, a list (of mnist_spelled, such an array of pictures), and a dict of lists that
        are as long:

        - atis, conll2000, ewt, snips: lists of words, and `"labels"`, a list of tags for each, a
          tag a word; of atis and snips, `"intents"` has a str for each besides. In ewt the words
          are the syntactic ones, so "don't" is the two words "do" and "n't", and the tags are
          universal parts of speech.
        - sst5: lists of words, and `"labels"`, a str for each, one of `labels("sst5")`. Its split
          "train_phrases" has the phrases of "train" besides the sentences.
        - cmudict, mnist_spelled, multi30k: a str (a word; an English sentence) or a picture, and
          `"outputs"`, a list of all strs that are right for it (phonemes; the name of the digit;
          a German sentence).
        - tinyshakespeare: one str, the text of the split, and no targets.
        - addition_N, memorization_N, parity_N: a str ("123+989", N letters, N bits) and
          `"outputs"`, what is right for it. Of each split there is no end: it has 1,000, or as many
          as "train[:5000]" asks for.

    Raises:
        ValueError: if there is no such data set; the nearest names are listed. Or if there is no
            such split.
        DataUnavailableError: if it is neither on disk nor reachable; the message says what to do.
        IntegrityError: if a raw file is not the published one.
    """
    if tasks.parsed(name):
        return tasks.load(name, split)
    if name == "mnist_spelled":
        pictures, ids = load("mnist", split)
        return pictures, {"outputs": [[_DIGITS[label]] for label in ids]}
    builder = _prepared(name)
    features = builder.info.features
    if "image" in features:
        return _pictures(builder, split)
    if "outputs" in features:
        return _pairs(builder, split)
    if features.keys() == {"text"}:
        return _text(builder, split)
    if "sentence" in features:
        return _classified(builder, split)
    return _sentences(builder, split)


def labels(name: str, target: str = "labels") -> list[str]:
    """Returns the names of what is to be predicted in a data set.

    Args:
        name: one of `list_datasets()`.
        target: `"labels"`, or of atis and snips also `"intents"`.

    Returns:
        Of pictures the class names in the order of their ids, of sst5 the sentiments from "very
        negative" to "very positive", neither of which needs data. Of other sentences what the
        training split has, sorted; the other splits may have more.

    Raises:
        ValueError: if there is no such data set or target; where texts are to be predicted, there
            is none.
        DataUnavailableError, IntegrityError: as `load`, where the data are needed.
    """
    has_texts = name == "mnist_spelled" or tasks.parsed(name)
    features = {} if has_texts else _builder(name).info.features
    targets = [key for key, named in _NAMED.items() if named & features.keys()]
    if target not in targets:
        raise unknown_name(f"target of {name}", target, targets)
    if "label" in features:
        return list(features["label"].names)
    found = load(name, "train")[1][target]
    return sorted(set(found) if target == "intents" else set().union(*found))


def describe(name: str) -> dict[str, str]:
    """Returns name, version, citation and address of a data set. Needs no data."""
    if tasks.parsed(name):
        return {"name": name, **tasks.DESCRIPTION}
    info = _builder(name).info
    return {
        "name": name,
        "version": str(info.version),
        "homepage": info.homepage,
        "citation": _CITATIONS.get(name, info.citation),
    }


def _pictures(builder: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    pictures, ids = builder.as_dataset(split=split, batch_size=-1, as_supervised=True)
    pictures = pictures.numpy()
    return pictures[..., 0] if pictures.shape[-1] == 1 else pictures, ids.numpy()


def _pairs(builder: Any, split: str) -> tuple[list[str], dict[str, list]]:
    sources: list[str] = []
    outputs: list[list[str]] = []
    for batch in builder.as_dataset(split=split).ragged_batch(1000):
        sources += _strings(batch["source"])
        outputs += _lists(batch["outputs"])
    return sources, {"outputs": outputs}


def _text(builder: Any, split: str) -> tuple[list[str], dict[str, list]]:
    import tensorflow_datasets as tfds

    # The whole text of a split is one example there: it is its characters that are counted here.
    texts = {
        name: _strings(next(iter(examples.batch(1)))["text"])[0]
        for name, examples in builder.as_dataset().items()
    }
    lengths = {
        name: tfds.core.SplitInfo(name=name, shard_lengths=[len(text)], num_bytes=0)
        for name, text in texts.items()
    }
    parts = tfds.core.ReadInstruction.from_spec(split).to_absolute(lengths)
    return ["".join(texts[part.splitname][part.from_ : part.to] for part in parts)], {}


def _sentences(builder: Any, split: str) -> tuple[list[list[str]], dict[str, list]]:
    examples = builder.as_dataset(split=split)
    if "upos" in builder.info.features:
        examples = examples.map(_of_treebank(builder.info.features["upos"].feature.names))
    sentences: list[list[str]] = []
    targets: dict[str, list] = {"labels": []}
    # In batches: going through sentences one by one takes many times as long.
    for batch in examples.ragged_batch(1000):
        sentences += _lists(batch["words"])
        targets["labels"] += _lists(batch["tags"])
        if "intent" in batch:
            targets.setdefault("intents", []).extend(_strings(batch["intent"]))
    return sentences, targets


def _classified(builder: Any, split: str) -> tuple[list[list[str]], dict[str, list]]:
    names = builder.info.features["label"].names
    sentences: list[list[str]] = []
    labels: list[str] = []
    for batch in builder.as_dataset(split=split).batch(1000):
        sentences += [sentence.split() for sentence in _strings(batch["sentence"])]
        labels += [names[label] for label in batch["label"].numpy()]
    return sentences, {"labels": labels}


def _of_treebank(upos: list[str]) -> Any:
    """Returns a function from an example of a treebank to its words and their parts of speech."""
    import tensorflow as tf

    def convert(example: Any) -> Any:
        # tensorflow-datasets passes on what is no word of the tree and so has no head there: the
        # spelling of contracted words ("don't", before "do" and "n't"), and words left out.
        is_word = example["head"] != "None"
        return {
            "words": tf.boolean_mask(example["tokens"], is_word),
            "tags": tf.gather(tf.constant(upos), tf.boolean_mask(example["upos"], is_word)),
        }

    return convert


def _strings(tensor: Any) -> list[str]:
    return [value.decode() for value in tensor.numpy()]


def _lists(ragged: Any) -> list[list[str]]:
    flat = _strings(ragged.flat_values)
    return [flat[start:end] for start, end in pairwise(ragged.row_splits.numpy())]


def _builder(name: str) -> Any:
    if name not in _TFDS:
        raise unknown_name("data set", name, _TFDS)
    import tensorflow_datasets as tfds

    import zoo.datasets  # noqa: F401 - registers the builders there

    return tfds.builder(_TFDS[name])


def _prepared(name: str) -> Any:
    """Returns the tensorflow-datasets builder of `name`, its data made ready."""
    builder = _builder(name)
    if builder.is_prepared():
        return builder
    import filelock

    place = Path(builder.data_dir)
    place.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{place}.lock"):
        # Another process may have made it ready while this one waited.
        builder = _builder(name)
        if not builder.is_prepared():
            _prepare(name, builder)
    return builder


def _prepare(name: str, builder: Any) -> None:
    """Makes the data of a builder ready, from raw files on disk or from the network."""
    import requests
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError

    folder = os.environ.get("ZOO_DATA_DIR")
    raw = Path(folder) / name if folder else None
    if raw is None or not all((raw / file).is_file() for file in _raw_files(builder).values()):
        _check_reachable(name, builder, raw)
    if raw is not None and not raw.is_dir():
        raw = None
    # tensorflow-datasets keeps what it unpacks by file name alone, and several data sets call
    # their files alike: each must have a folder of its own. What it says of its progress is not
    # what a program on a pipe asked for.
    with tempfile.TemporaryDirectory() as unpacked, redirect_stdout(sys.stderr):
        try:
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(
                    extract_dir=unpacked,
                    manual_dir=raw,
                    try_download_gcs=False,
                    force_checksums_validation=True,
                )
            )
        except NonMatchingChecksumError as error:
            raise IntegrityError(f"{name}: {error}") from error
        except (tfds.download.DownloadError, requests.RequestException) as error:
            raise _unavailable(name, builder, raw, str(error)) from error


def _raw_files(builder: Any) -> dict[str, str]:
    """Returns the raw files of a data set: URL -> file name."""
    files = {url: info.filename for url, info in builder.url_infos.items()}
    if builder.builder_config is not None:
        # The files of all treebanks are registered together.
        prefix = builder.builder_config.name
        return {url: file for url, file in files.items() if file.startswith(prefix)}
    # Of an archive whose files are registered too, a folder of raw files holds these.
    return {url: file for url, file in files.items() if "#" in url} or files


def _check_reachable(name: str, builder: Any, raw: Path | None) -> None:
    """Raises an error within seconds where tensorflow-datasets would retry for minutes."""
    import requests

    url, _ = urldefrag(next(iter(_raw_files(builder))))
    outcome = "no answer"

    def reach() -> None:
        nonlocal outcome
        try:
            requests.head(url, timeout=_SECONDS_TO_REACH)
            outcome = ""
        except requests.RequestException as error:
            outcome = type(error).__name__

    # The look-up of a host's name knows no time limit: the wait on the thread has one, and a
    # daemon does not hold up the end of the program.
    thread = Thread(target=reach, daemon=True)
    thread.start()
    thread.join(_SECONDS_TO_REACH)
    if outcome:
        raise _unavailable(name, builder, raw, f"{url} cannot be reached ({outcome})")


def _unavailable(name: str, builder: Any, raw: Path | None, reason: str) -> DataUnavailableError:
    """Returns the error that says why there are no data, and where they are looked for."""
    where = f"{raw} does not hold its files" if raw else "ZOO_DATA_DIR is not set"
    return DataUnavailableError(
        f"{name}: not on disk ({where}) and {reason}. Put its raw files, "
        f"{', '.join(_raw_files(builder).values())}, into a folder {name}/ and set ZOO_DATA_DIR to "
        "the folder above it"
    )
