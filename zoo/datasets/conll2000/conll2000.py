"""CoNLL-2000: text chunking of the Wall Street Journal."""

from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

_URL = (
    "https://raw.githubusercontent.com/teropa/nlp/"
    "f89bc5a15b516208de1cfe2abe9692b7ed9a43e2/resources/corpora/conll2000"
)


class Conll2000(tfds.core.GeneratorBasedBuilder):
    """A chunk tag (IOB) for each word: 8,936 sentences to train on and 2,012 to test on.

    Examples keep their order. The part of speech, which a tagger set, is left out.
    """

    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "words": tfds.features.Sequence(tfds.features.Text()),
                    "tags": tfds.features.Sequence(tfds.features.Text()),
                }
            ),
            homepage="https://www.clips.uantwerpen.be/conll2000/chunking/",
            citation="""
@inproceedings{tjongkimsang2000conll,
  title = {Introduction to the {CoNLL}-2000 Shared Task: Chunking},
  author = {Tjong Kim Sang, Erik F. and Buchholz, Sabine},
  booktitle = {Fourth Conference on Computational Natural Language Learning and the Second Learning
               Language in Logic Workshop},
  pages = {127--132},
  year = {2000},
  url = {https://aclanthology.org/W00-0726},
}
""",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        paths = dl_manager.download({split: f"{_URL}/{split}.txt" for split in ("train", "test")})
        return {split: self._generate_examples(path) for split, path in paths.items()}

    def _generate_examples(self, path: Any) -> Iterator[Any]:
        sentences = path.read_text(encoding="utf-8").strip().split("\n\n")
        for number, sentence in enumerate(sentences):
            rows = [line.split() for line in sentence.splitlines()]
            yield number, {"words": [row[0] for row in rows], "tags": [row[2] for row in rows]}
