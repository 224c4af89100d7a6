"""Keras layers of the zoo."""

from zoo.layers.crf import CRF
from zoo.layers.grid import GridLSTM3D, GridLSTMBlock
from zoo.layers.highway import Highway, HighwayStack
from zoo.layers.pointer import Pointer
from zoo.layers.pooling import AttentionPooling
from zoo.layers.recurrent import Bidirectional, Recurrent
from zoo.layers.words import CharacterCNN, ContextWindow, LetterTrigrams, WordDropout

__all__ = [
    "CRF",
    "AttentionPooling",
    "Bidirectional",
    "CharacterCNN",
    "ContextWindow",
    "GridLSTM3D",
    "GridLSTMBlock",
    "Highway",
    "HighwayStack",
    "LetterTrigrams",
    "Pointer",
    "Recurrent",
    "WordDropout",
]
