"""Words to vectors: letters and trigrams of letters, so that a word never seen has a vector too.

A word by its number, 1-of-N, is a `keras.layers.Embedding`: the row that it looks up is the product
of the 1-of-N vector and the matrix of embeddings.
"""

import keras
from keras import ops

from zoo.arguments import fraction, positive_integer

# Numbers that a preprocessor gives to no word: padding, and every word without a number of its own.
PADDING, UNKNOWN = 0, 1
# The number that begins and ends a sequence which a network writes.
BOUNDARY = 2

# A prime above the code points of the Latin, Greek and Cyrillic letters; a number of three digits
# to this base is less than 2**31.
_BASE = 1289
_BOUNDARY = ord("#")


def _letters(characters, name):
    """Checks the shape of characters and returns them as integers."""
    if len(characters.shape) != 3:
        raise ValueError(
            f"{name}: characters must have the shape (batch, time, letters), "
            f"got {tuple(characters.shape)}"
        )
    return ops.cast(characters, "int32")


def _is_word(characters):
    """The mask `(batch, time)` of words that have letters."""
    return ops.any(characters > 0, axis=-1)


@keras.saving.register_keras_serializable("zoo")
class LetterTrigrams(keras.layers.Layer):
    """Word hashing: a word is the mean of the embeddings of its letter trigrams.

    "cat" has the trigrams #ca, cat and at#. Each is one of `buckets` by a hash of its code points,
    which is the same on every machine and backend; two trigrams may share a bucket.

    Source: Huang et al., *Learning Deep Structured Semantic Models for Web Search*, CIKM 2013,
    section 3.2, with an embedding in the place of its first layer, and hashes in that of a list.

    Args:
        buckets: number of embeddings.
        units: size of an embedding.

    Call arguments:
        characters: code points `(batch, time, letters)`, integers, 0 after a word's last letter.

    Returns:
        `(batch, time, units)`; 0 for a word without letters.

    Raises:
        ValueError: if `buckets` or `units` is not a positive integer, or the characters have
            another rank.
    """

    def __init__(self, buckets, units, **kwargs):
        super().__init__(**kwargs)
        self.buckets = positive_integer("buckets", buckets)
        self.units = positive_integer("units", units)

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            name="embeddings", shape=(self.buckets, self.units), initializer="uniform"
        )

    def call(self, characters):
        letters = _letters(characters, "LetterTrigrams")
        is_letter = letters > 0
        here = ops.mod(letters, _BASE)
        edge = ops.full_like(here[..., :1], _BOUNDARY)
        before = ops.concatenate([edge, here[..., :-1]], axis=-1)
        after = ops.concatenate([here[..., 1:], ops.zeros_like(edge)], axis=-1)
        # The letter after a word's last is its boundary.
        after = ops.where(ops.logical_and(is_letter, after == 0), _BOUNDARY, after)
        bucket = ops.mod((before * _BASE + here) * _BASE + after, self.buckets)
        counted = ops.expand_dims(ops.cast(is_letter, self.compute_dtype), -1)
        vectors = ops.take(ops.cast(self.embeddings, self.compute_dtype), bucket, axis=0)
        return ops.sum(vectors * counted, axis=-2) / ops.maximum(ops.sum(counted, axis=-2), 1)

    def compute_mask(self, characters, mask=None):
        return _is_word(characters)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return super().get_config() | {"buckets": self.buckets, "units": self.units}


@keras.saving.register_keras_serializable("zoo")
class CharacterCNN(keras.layers.Layer):
    """A word by a convolution over its letters, and the largest value of each filter.

    Source: Ma and Hovy, *End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF*,
    arXiv:1603.01354, section 2.1.

    Args:
        filters: number of filters.
        width: number of letters that a filter sees.
        units: size of a letter's embedding.
        alphabet: code points below it have an embedding of their own, all others one in common.

    Call arguments:
        characters: code points `(batch, time, letters)`, integers, 0 after a word's last letter.

    Returns:
        `(batch, time, filters)`.

    Raises:
        ValueError: if an argument is not a positive integer, or the characters have another rank.
    """

    def __init__(self, filters, width=3, units=30, alphabet=1280, **kwargs):
        super().__init__(**kwargs)
        self.filters = positive_integer("filters", filters)
        self.width = positive_integer("width", width)
        self.units = positive_integer("units", units)
        self.alphabet = positive_integer("alphabet", alphabet)

    def build(self, input_shape):
        self.embeddings = self.add_weight(
            name="embeddings", shape=(self.alphabet + 1, self.units), initializer="uniform"
        )
        self.kernel = self.add_weight(name="kernel", shape=(self.width, self.units, self.filters))
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def call(self, characters):
        letters = _letters(characters, "CharacterCNN")
        # Not `[..., None]`: LiteRT has no slice of so many axes.
        is_letter = ops.expand_dims(ops.cast(letters > 0, self.compute_dtype), -1)
        ids = ops.minimum(letters, self.alphabet)
        x = ops.take(ops.cast(self.embeddings, self.compute_dtype), ids, axis=0) * is_letter
        batch, time, length = ops.shape(letters)
        x = ops.reshape(x, (batch * time, length, self.units))
        x = ops.conv(x, ops.cast(self.kernel, self.compute_dtype), padding="same")
        x = ops.relu(x + ops.cast(self.bias, self.compute_dtype))
        return ops.max(ops.reshape(x, (batch, time, length, self.filters)) * is_letter, axis=-2)

    def compute_mask(self, characters, mask=None):
        return _is_word(characters)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return super().get_config() | {
            "filters": self.filters,
            "width": self.width,
            "units": self.units,
            "alphabet": self.alphabet,
        }


@keras.saving.register_keras_serializable("zoo")
class WordDropout(keras.layers.Layer):
    """Takes words for unknown ones in training, so that the unknown one is trained.

    Args:
        rate: fraction of the words.
        seed: of the draws.

    Call arguments:
        words: integers of any shape, as `PADDING` and `UNKNOWN` have them.

    Returns:
        The same, where some words that are not padding are `UNKNOWN`.

    Raises:
        ValueError: if `rate` is not in [0, 1).
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = fraction("rate", rate)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, words, training=False):
        if not training or not self.rate:
            return words
        draw = keras.random.uniform(ops.shape(words), seed=self.seed_generator)
        dropped = ops.logical_and(draw < self.rate, ops.not_equal(words, PADDING))
        return ops.where(dropped, UNKNOWN, words)

    def compute_output_spec(self, words, training=False):
        return keras.KerasTensor(words.shape, words.dtype)

    def get_config(self):
        return super().get_config() | {"rate": self.rate, "seed": self.seed}


@keras.saving.register_keras_serializable("zoo")
class ContextWindow(keras.layers.Layer):
    """Sets the vectors of a step's neighbours beside its own.

    A network that walks one way sees the next words so, as in Mesnil et al., *Using Recurrent
    Neural Networks for Slot Filling in Spoken Language Understanding*, 2015.

    Args:
        before, after: number of steps on either side; beyond an end, and where the mask is False,
            a neighbour is 0.

    Call arguments:
        sequences: `(batch, time, features)`.
        mask: boolean `(batch, time)`.

    Returns:
        `(batch, time, (before + 1 + after) * features)`, in the order of time.

    Raises:
        ValueError: if `before` or `after` is negative.
    """

    def __init__(self, before, after, **kwargs):
        super().__init__(**kwargs)
        if before < 0 or after < 0:
            raise ValueError(f"before and after must be 0 or more, got {before!r} and {after!r}")
        self.before, self.after = int(before), int(after)
        self.supports_masking = True

    def call(self, sequences, mask=None):
        x = sequences
        if mask is not None:
            x = x * ops.cast(mask, x.dtype)[..., None]
        length = ops.shape(x)[1]
        padded = ops.pad(x, [(0, 0), (self.before, self.after), (0, 0)])
        count = self.before + 1 + self.after
        return ops.concatenate([padded[:, i : i + length] for i in range(count)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], (self.before + 1 + self.after) * input_shape[-1])

    def get_config(self):
        return super().get_config() | {"before": self.before, "after": self.after}
