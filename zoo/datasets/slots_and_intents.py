"""What ATIS and SNIPS have in common: the form and the split of Goo et al. (2018)."""

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

_URL = (
    "https://raw.githubusercontent.com/MiuLab/SlotGated-SLU/"
    "61f0307c729b1fad479ef1de94aa5ac5dee601b0/data"
)
_FOLDERS = {"train": "train", "validation": "valid", "test": "test"}
_FILES = {"words": "seq.in", "tags": "seq.out", "intent": "label"}

GOO_2018 = """
@inproceedings{goo2018slot,
  title = {Slot-Gated Modeling for Joint Slot Filling and Intent Prediction},
  author = {Goo, Chih-Wen and Gao, Guang and Hsu, Yun-Kai and Huo, Chih-Li and Chen, Tsung-Chieh
            and Hsu, Keng-Wei and Chen, Yun-Nung},
  booktitle = {Proceedings of the 2018 Conference of the North American Chapter of the Association
               for Computational Linguistics: Human Language Technologies, Volume 2 (Short Papers)},
  pages = {753--757},
  year = {2018},
  doi = {10.18653/v1/N18-2118},
}
"""


class SlotsAndIntents(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Base of the builders: a slot tag (IOB) for each word and an intent for each utterance.

    Three files a split hold a line an utterance. Examples keep their order. Tags and intents are
    strings, not class ids: a test split may have some that its training split has not.
    """

    homepage: str
    citation: str

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "words": tfds.features.Sequence(tfds.features.Text()),
                    "tags": tfds.features.Sequence(tfds.features.Text()),
                    "intent": tfds.features.Text(),
                }
            ),
            homepage=self.homepage,
            citation=self.citation,
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        paths = dl_manager.download(
            {
                split: {key: f"{_URL}/{self.name}/{folder}/{file}" for key, file in _FILES.items()}
                for split, folder in _FOLDERS.items()
            }
        )
        return {split: self._generate_examples(**files) for split, files in paths.items()}

    def _generate_examples(self, words: Any, tags: Any, intent: Any) -> Iterator[Any]:
        files = [path.read_text(encoding="utf-8").splitlines() for path in (words, tags, intent)]
        for number, (sentence, labels, label) in enumerate(zip(*files, strict=True)):
            # Some lines of SNIPS hold two spaces in a row, or one at their end.
            yield number, {"words": sentence.split(), "tags": labels.split(), "intent": label}
