"""CMUdict: English words and how they are pronounced."""

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

_URL = (
    "https://raw.githubusercontent.com/HaisongDing/CNTK/"
    "9c758ea693642d016a5deec64304d60fa9839f5c/Examples/SequenceToSequence/CMUDict/Data/"
    "cmudict-0.7b"
)
_FILES = {"train": "train-dev-20-21", "validation": "train-dev-1-21", "test": "test"}


class Cmudict(tfds.core.GeneratorBasedBuilder):
    """CMUdict 0.7b, without stress, as split for grapheme-to-phoneme conversion.

    An example is a word in small letters with all its pronunciations, each a str of phonemes with
    spaces between. Words keep the order of their first lines. The files that the usual training
    split is divided into for development share 721 words, which have a pronunciation in each:
    "validation" leaves them out, so that no word is in two splits.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "source": tfds.features.Text(),
                    "outputs": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            homepage="http://www.speech.cs.cmu.edu/cgi-bin/cmudict",
            citation="""
@misc{weide2014cmudict,
  title = {The {Carnegie Mellon} Pronouncing Dictionary, version 0.7b},
  author = {Weide, Robert L. and others},
  year = {2014},
  howpublished = {http://www.speech.cs.cmu.edu/cgi-bin/cmudict},
}
""",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        paths = dl_manager.download({split: f"{_URL}.{file}" for split, file in _FILES.items()})
        words = {split: _pronunciations(path) for split, path in paths.items()}
        words["validation"] = {
            word: pronunciations
            for word, pronunciations in words["validation"].items()
            if word not in words["train"]
        }
        return {split: self._generate_examples(of_split) for split, of_split in words.items()}

    def _generate_examples(self, words: dict[str, list[str]]) -> Iterator[Any]:
        for number, (word, pronunciations) in enumerate(words.items()):
            yield number, {"source": word, "outputs": pronunciations}


def _pronunciations(path: Any) -> dict[str, list[str]]:
    """Returns the words of a file, each with all its pronunciations."""
    words: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, phonemes = line.split("  ")
        known = words.setdefault(word.lower(), [])
        # Some pronunciations differ by the stress alone, which these files leave out.
        if phonemes not in known:
            known.append(phonemes)
    return words
