"""SNIPS: requests to a voice assistant."""

import tensorflow_datasets as tfds

from zoo.datasets.slots_and_intents import GOO_2018, SlotsAndIntents


class Snips(SlotsAndIntents):
    """SNIPS as split by Goo et al. (2018): 13,084, 700 and 700 utterances, in lower case."""

    VERSION = tfds.core.Version("1.0.0")

    homepage = "https://github.com/sonos/nlu-benchmark"
    citation = (
        """
@article{coucke2018snips,
  title = {Snips Voice Platform: an embedded Spoken Language Understanding system for
           private-by-design voice interfaces},
  author = {Coucke, Alice and Saade, Alaa and Ball, Adrien and Bluche, Th{\\'e}odore and
            Caulier, Alexandre and Leroy, David and Doumouro, Cl{\\'e}ment and
            Gisselbrecht, Thibault and Caltagirone, Francesco and Lavril, Thibaut and
            Primet, Ma{\\"e}l and Dureau, Joseph},
  journal = {arXiv preprint arXiv:1805.10190},
  year = {2018},
  url = {https://arxiv.org/abs/1805.10190},
}
"""
        + GOO_2018
    )
