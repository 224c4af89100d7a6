"""Keras layers of the zoo."""

from zoo.layers.highway import Highway, HighwayStack
from zoo.layers.recurrent import Bidirectional, Recurrent

__all__ = ["Bidirectional", "Highway", "HighwayStack", "Recurrent"]
