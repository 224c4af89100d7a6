"""What `Pieces` does, as TensorFlow operations, for a graph that is served."""

import tensorflow as tf

from zoo.layers.words import PADDING, UNKNOWN
from zoo.preprocessing.pieces import FIRST, SPACE, Pieces
from zoo.preprocessing.sentence_graph import WHITE_SPACE, SmallLetters, table

# A state of the tree of pieces and a code point are one key: state * POINTS + point.
POINTS = 1 << 21
# After the last letter of each text: no code point, so that no piece goes on into the next text.
END = POINTS - 1
# The states of the tree: of letters that no piece begins with, and of none.
NO_PIECE, ROOT = 0, 1


class PiecesGraph(tf.Module):
    """Cuts texts into pieces, and writes them, as `Pieces` does.

    Args:
        pieces: whose vocabulary is taken.
    """

    def __init__(self, pieces: Pieces):
        super().__init__()
        self.words = pieces.words
        self.small = SmallLetters() if pieces.lower else None
        self.written = tf.constant([""] * FIRST + pieces.vocabulary)
        # Every beginning of a piece is a state, which goes to others by the letters after it.
        states = {"": ROOT}
        # A table cannot be empty.
        following = {NO_PIECE: NO_PIECE}
        for piece in pieces.vocabulary:
            for end, letter in enumerate(piece):
                state = states.setdefault(piece[: end + 1], len(states) + ROOT)
                following[states[piece[:end]] * POINTS + ord(letter)] = state
        self.following = table(list(following), list(following.values()), tf.int64, NO_PIECE)
        numbers = [PADDING] * (len(states) + ROOT)
        for number, piece in enumerate(pieces.vocabulary, FIRST):
            numbers[states[piece]] = number
        self.state_numbers = tf.constant(numbers)

    def numbers(self, texts: tf.Tensor) -> tf.Tensor:
        """Returns the numbers of the pieces of texts.

        Args:
            texts: UTF-8 strings `(batch,)`; bytes that are not UTF-8 are read as U+FFFD.

        Returns:
            int32 `(batch, time)`, 0 after a text's last; the time is 1 or more.
        """
        if self.words:
            texts = tf.strings.regex_replace(SPACE + texts, f"({WHITE_SPACE}|{SPACE})+", SPACE)
            texts = tf.strings.regex_replace(texts, f"{SPACE}$", "")
        points = tf.strings.unicode_decode(texts, "UTF-8")
        ends = tf.fill((tf.shape(texts)[0], 1), END)
        # All texts are one row of letters, in which every position is looked at.
        points = tf.concat([points, ends], axis=1)
        letters = points.flat_values
        numbers, lengths = self._longest(self.small(letters) if self.small else letters)
        begins = tf.logical_and(_reached(lengths), letters != END)
        kept = tf.ragged.boolean_mask(
            points.with_flat_values(numbers), points.with_flat_values(begins)
        ).to_tensor(PADDING)
        none = tf.cast(tf.shape(kept)[1] == 0, tf.int32)
        return tf.pad(kept, [[0, 0], [0, none]], constant_values=PADDING)

    def text(self, symbols: tf.Tensor) -> tf.Tensor:
        """Returns the texts of the numbers of pieces; those of no piece, below 3, are left out.

        Args:
            symbols: int32 `(…, time)`, less than the number of symbols.

        Returns:
            Strings `(…)`.
        """
        texts = tf.strings.reduce_join(tf.gather(self.written, tf.maximum(symbols, 0)), axis=-1)
        if not self.words:
            return texts
        return tf.strings.strip(tf.strings.regex_replace(texts, f"{SPACE}+", " "))

    def _longest(self, letters: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns number and length of the longest piece that begins at each letter."""

        def read_on(length, states, ahead, numbers, lengths):
            keys = tf.cast(states, tf.int64) * POINTS + tf.cast(ahead, tf.int64)
            states = self.following.lookup(keys)
            found = tf.gather(self.state_numbers, states)
            return (
                length + 1,
                states,
                tf.pad(ahead[1:], [[0, 1]], constant_values=END),
                tf.where(found > 0, found, numbers),
                tf.where(found > 0, length, lengths),
            )

        *_, numbers, lengths = tf.while_loop(
            lambda length, states, *_: tf.reduce_any(states != NO_PIECE),
            read_on,
            (
                tf.constant(1),
                tf.fill(tf.shape(letters), ROOT),
                letters,
                tf.fill(tf.shape(letters), UNKNOWN),
                tf.ones_like(letters),
            ),
        )
        return numbers, lengths


def _reached(lengths: tf.Tensor) -> tf.Tensor:
    """Returns which positions a walk from the first comes to, by steps of the lengths there.

    It takes as many rounds as the logarithm of their number: the n-th looks 2 ** n steps ahead.
    """
    count = tf.size(lengths)

    def look_ahead(reached, after):
        reached = tf.tensor_scatter_nd_max(reached, after[:, None], reached)
        return reached, tf.gather(after, after)

    reached, _ = tf.while_loop(
        lambda _, after: tf.reduce_any(after < count - 1),
        look_ahead,
        (tf.one_hot(0, count, dtype=tf.int32), tf.minimum(tf.range(count) + lengths, count - 1)),
    )
    return reached > 0
