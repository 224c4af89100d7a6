"""The Stanford Sentiment Treebank: sentences of film reviews, and all their phrases."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import tensorflow_datasets as tfds

from zoo.datasets.archive import files_of

_ARCHIVE = "https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip"
_FILES = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}
# "(", label and a space begin a phrase, ")" ends it; between them are its parts, or its one word.
_TOKEN = re.compile(r"\((\d) |([^() ]+)|\)")
_ESCAPES = {
    "-LRB-": "(",
    "-RRB-": ")",
    "\\/": "/",
    "\\*": "*",
    "``": '"',
    "''": '"',
    "`": "'",
}
_ESCAPE = re.compile("|".join(map(re.escape, _ESCAPES)))


class Sst5(tfds.core.GeneratorBasedBuilder):
    """A sentiment, of five, for each of 8,544, 1,101 and 2,210 sentences.

    "train_phrases" has every phrase of the trees of "train", the sentence first and each before
    its own parts: 318,582. Examples keep their order. Words have a space between, and are as one
    would type them: the files have brackets, slashes, asterisks and quotation marks escaped.

    The files of the archive are taken unpacked from the folder of raw files if they are there.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "train.txt, dev.txt and test.txt of the archive, if at hand."

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "sentence": tfds.features.Text(),
                    "label": tfds.features.ClassLabel(
                        names=["very negative", "negative", "neutral", "positive", "very positive"]
                    ),
                }
            ),
            homepage="https://nlp.stanford.edu/sentiment/",
            citation="""
@inproceedings{socher2013recursive,
  title = {Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank},
  author = {Socher, Richard and Perelygin, Alex and Wu, Jean and Chuang, Jason and
            Manning, Christopher D. and Ng, Andrew and Potts, Christopher},
  booktitle = {Proceedings of the 2013 Conference on Empirical Methods in Natural Language
               Processing},
  pages = {1631--1642},
  year = {2013},
  url = {https://aclanthology.org/D13-1170},
}
""",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        paths = files_of(dl_manager, _ARCHIVE, "trees", _FILES)
        sentences = {split: self._generate_examples(path) for split, path in paths.items()}
        return sentences | {"train_phrases": self._generate_examples(paths["train"], phrases=True)}

    def _generate_examples(self, path: Any, *, phrases: bool = False) -> Iterator[Any]:
        trees = map(_phrases, path.read_text(encoding="utf-8").splitlines())
        examples = chain.from_iterable(tree if phrases else tree[:1] for tree in trees)
        for number, (label, words) in enumerate(examples):
            yield number, {"sentence": " ".join(words), "label": label}


def _phrases(tree: str) -> list[tuple[int, list[str]]]:
    """Returns label and words of each phrase of a tree, in the order of their opening brackets."""
    words: list[str] = []
    phrases: list[tuple[int, list[str]]] = []
    begun: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(tree):
        label, leaf = token.groups()
        if label:
            begun.append((len(phrases), len(words)))
            phrases.append((int(label), words))
        elif leaf:
            # A few leaves hold a space that does not break: "8 1/2".
            words += _ESCAPE.sub(lambda escape: _ESCAPES[escape[0]], leaf).split()
        else:
            number, start = begun.pop()
            phrases[number] = (phrases[number][0], words[start:])
    return phrases
