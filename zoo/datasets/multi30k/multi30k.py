"""Multi30k: descriptions of pictures, in English and in German."""

import gzip
from collections.abc import Iterator
from typing import Any

import tensorflow_datasets as tfds

_URL = (
    "https://raw.githubusercontent.com/multi30k/dataset/"
    "a3d2e0d26b56f3846f66a952536ffed4e401d05a/data/task1/raw"
)
_FILES = {"train": "train", "validation": "val", "test": "test_2016_flickr"}


class Multi30k(tfds.core.GeneratorBasedBuilder):
    """English to German of Multi30k's first task: 29,000, 1,014 and 1,000 pairs of sentences.

    Sentences are as written, neither cut into words nor in lower case, and keep their order. The
    test split is that of 2016.
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
            homepage="https://github.com/multi30k/dataset",
            citation="""
@inproceedings{elliott2016multi30k,
  title = {{Multi30K}: Multilingual {English}-{German} Image Descriptions},
  author = {Elliott, Desmond and Frank, Stella and Sima'an, Khalil and Specia, Lucia},
  booktitle = {Proceedings of the 5th Workshop on Vision and Language},
  pages = {70--74},
  year = {2016},
  doi = {10.18653/v1/W16-3210},
}
""",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        paths = dl_manager.download(
            {
                split: {language: f"{_URL}/{file}.{language}.gz" for language in ("en", "de")}
                for split, file in _FILES.items()
            }
        )
        return {split: self._generate_examples(**files) for split, files in paths.items()}

    def _generate_examples(self, en: Any, de: Any) -> Iterator[Any]:
        english, german = (
            gzip.decompress(path.read_bytes()).decode().splitlines() for path in (en, de)
        )
        for number, (source, output) in enumerate(zip(english, german, strict=True)):
            # Some lines have white space around the sentence.
            yield number, {"source": source.strip(), "outputs": [output.strip()]}
