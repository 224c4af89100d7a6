"""Keras layers of the zoo."""

from zoo.layers.highway import Highway, HighwayStack

__all__ = ["Highway", "HighwayStack"]
