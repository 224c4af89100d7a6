"""Builders of the data sets that tensorflow-datasets lacks; importing this registers them there.

Each has a folder of its own, because tensorflow-datasets looks for the sizes, hashes and file
names of the raw files in a `checksums.tsv` beside the builder's module.
"""

from zoo.datasets.atis.atis import Atis
from zoo.datasets.cifar10_binary.cifar10_binary import Cifar10Binary
from zoo.datasets.cmudict.cmudict import Cmudict
from zoo.datasets.conll2000.conll2000 import Conll2000
from zoo.datasets.multi30k.multi30k import Multi30k
from zoo.datasets.snips.snips import Snips
from zoo.datasets.sst5.sst5 import Sst5

__all__ = ["Atis", "Cifar10Binary", "Cmudict", "Conll2000", "Multi30k", "Snips", "Sst5"]
