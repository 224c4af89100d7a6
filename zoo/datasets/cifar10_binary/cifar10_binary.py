"""CIFAR-10, read from its binary batches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from zoo.datasets.archive import files_of

_ARCHIVE = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_FILES = {
    "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    "test": ["test_batch.bin"],
}
_SHAPE = (3, 32, 32)


class Cifar10Binary(tfds.core.GeneratorBasedBuilder):
    """Small colour pictures of ten classes: 50,000 and 10,000, in the order of the files.

    The data set of the same pictures in tensorflow-datasets needs the archive. Here the files of
    the archive are taken unpacked from the folder of raw files if they are there.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = "The six .bin files of the archive, if at hand."

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(32, 32, 3)),
                    "label": tfds.features.ClassLabel(
                        names=[
                            "airplane",
                            "automobile",
                            "bird",
                            "cat",
                            "deer",
                            "dog",
                            "frog",
                            "horse",
                            "ship",
                            "truck",
                        ]
                    ),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
            citation="""
@techreport{krizhevsky2009learning,
  title = {Learning Multiple Layers of Features from Tiny Images},
  author = {Krizhevsky, Alex},
  institution = {University of Toronto},
  year = {2009},
  url = {https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf},
}
""",
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        files = {file: file for of_split in _FILES.values() for file in of_split}
        paths = files_of(dl_manager, _ARCHIVE, "cifar-10-batches-bin", files)
        return {
            split: self._generate_examples([paths[file] for file in of_split])
            for split, of_split in _FILES.items()
        }

    def _generate_examples(self, paths: list[Any]) -> Iterator[Any]:
        rows = np.concatenate([np.frombuffer(path.read_bytes(), np.uint8) for path in paths])
        # A byte for the class, then the pixels, channel by channel.
        for number, row in enumerate(rows.reshape(-1, 1 + np.prod(_SHAPE))):
            picture = row[1:].reshape(_SHAPE).transpose(1, 2, 0)
            yield number, {"image": picture, "label": int(row[0])}
