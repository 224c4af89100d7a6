"""What `SentencePreprocessor` does, as TensorFlow operations, for a graph that is served."""

import sys
from functools import cache

import tensorflow as tf

from zoo.layers.words import PADDING, UNKNOWN
from zoo.preprocessing.sentence import LETTERS, SentencePreprocessor

# What Python calls white space, for a regular expression of RE2.
WHITE_SPACE = r"[\pZ\t-\r\x1c-\x1f\x{85}]+"


class SmallLetters(tf.Module):
    """What `zoo.preprocessing.sentence.small` does, of int32 code points."""

    def __init__(self):
        super().__init__()
        lower = _small_letters()
        self.lower = table(list(lower), list(lower.values()), tf.int32, 0)

    def __call__(self, points: tf.Tensor) -> tf.Tensor:
        low = self.lower.lookup(points)
        return tf.where(low > 0, low, points)


class SentenceGraph(tf.Module):
    """Encodes texts as a preprocessor does.

    Args:
        preprocessor: whose vocabulary and options are taken.
    """

    def __init__(self, preprocessor: SentencePreprocessor):
        super().__init__()
        self.cased_letters = preprocessor.cased_letters
        self.small = SmallLetters()
        words = preprocessor.vocabulary
        # A table cannot be empty.
        self.numbers = table(
            [*words, "\n"], [*range(UNKNOWN + 1, UNKNOWN + 1 + len(words)), UNKNOWN], tf.string, 1
        )

    def __call__(self, texts: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Returns what a model of sentences takes, and the words.

        Args:
            texts: UTF-8 strings `(batch,)`; bytes that are not UTF-8 are read as U+FFFD.

        Returns:
            `words` and `characters`, as `SentencePreprocessor.encode` has them, and the words as
            strings `(batch, time)`, "" after a sentence's last.
        """
        words = tf.strings.split(tf.strings.regex_replace(texts, WHITE_SPACE, " "))
        points = tf.strings.unicode_decode(words, "UTF-8")
        digits = tf.logical_and(points.flat_values >= ord("0"), points.flat_values <= ord("9"))
        cased = tf.where(digits, ord("0"), points.flat_values)
        small = self.small(cased)
        known = tf.strings.unicode_encode(points.with_flat_values(small), "UTF-8")
        numbers = known.with_flat_values(self.numbers.lookup(known.flat_values))
        letters = points.with_flat_values(cased if self.cased_letters else small)
        letters = letters[..., :LETTERS].to_tensor(0)
        # No word and no letter are read as one of padding.
        none = [
            [0, 0],
            *([0, tf.cast(size == 0, tf.int32)] for size in tf.unstack(tf.shape(letters))[1:]),
        ]
        inputs = {
            "words": tf.pad(numbers.to_tensor(PADDING), none[:2], constant_values=PADDING),
            "characters": tf.pad(letters, none),
        }
        return inputs, tf.pad(words.to_tensor(""), none[:2], constant_values="")


def table(keys, values, key_type, default):
    """Returns a table of int32 values that a SavedModel can hold."""
    initializer = tf.lookup.KeyValueTensorInitializer(keys, values, key_type, tf.int32)
    return tf.lookup.StaticHashTable(initializer, default)


@cache
def _small_letters() -> dict[int, int]:
    """Returns the code point of the small letter of every code point that has another."""
    return {
        point: ord(low)
        for point in range(sys.maxunicode + 1)
        if len(low := chr(point).lower()) == 1 and ord(low) != point
    }
