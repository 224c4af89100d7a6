"""ATIS: questions to an air travel information system."""

import tensorflow_datasets as tfds

from zoo.datasets.slots_and_intents import GOO_2018, SlotsAndIntents


class Atis(SlotsAndIntents):
    """ATIS as split by Goo et al. (2018): 4,478, 500 and 893 utterances, in lower case."""

    VERSION = tfds.core.Version("1.0.0")

    homepage = "https://github.com/MiuLab/SlotGated-SLU"
    citation = (
        """
@inproceedings{hemphill1990atis,
  title = {The {ATIS} Spoken Language Systems Pilot Corpus},
  author = {Hemphill, Charles T. and Godfrey, John J. and Doddington, George R.},
  booktitle = {Speech and Natural Language: Proceedings of a Workshop Held at Hidden Valley,
               Pennsylvania, June 24-27, 1990},
  year = {1990},
  url = {https://aclanthology.org/H90-1021},
}
"""
        + GOO_2018
    )
