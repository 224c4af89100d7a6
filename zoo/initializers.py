"""Initializers that Keras lacks."""

import keras
from keras import ops


class StackedInitializer(keras.initializers.Initializer):
    """Fills a `(depth, ...)` tensor by initialising each `(...)` slice by itself.

    An initializer that sees the whole tensor would take a (50, 50, 50) kernel for a convolution
    and scale its fans by 50. `first` is added to an integer seed, so that two tensors of one
    initializer differ.
    """

    def __init__(self, initializer, first=0):
        self.initializer = keras.initializers.get(initializer)
        self.first = first

    def __call__(self, shape, dtype=None):
        slices = range(self.first, self.first + shape[0])
        return ops.stack([self._for_slice(i)(shape[1:], dtype=dtype) for i in slices])

    def _for_slice(self, index):
        """An initializer of the slice's own: one instance repeats its values on every call."""
        if not isinstance(self.initializer, keras.initializers.Initializer):
            return self.initializer
        config = self.initializer.get_config()
        seed = config.get("seed")
        if isinstance(seed, dict):
            # A SeedGenerator moves on by itself, and a copy of it would not.
            return self.initializer
        if isinstance(seed, int):
            config["seed"] = seed + index
        return self.initializer.from_config(config)

    def get_config(self):
        return {
            "initializer": keras.initializers.serialize(self.initializer),
            "first": self.first,
        }
