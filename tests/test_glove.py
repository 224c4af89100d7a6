"""Embeddings that start from GloVe."""

import keras
import numpy as np
import pytest

from training import glove
from zoo.layers.words import UNKNOWN
from zoo.preprocessing.sentence import SentencePreprocessor

WORDS = ["the", "gearshift", "qqzzqq", "taipei"]


def test_vocabulary_has_the_words_of_training_then_the_most_frequent():
    found = glove.vocabulary(WORDS, 10)
    assert found[:4] == ["the", "gearshift", "taipei", "qqzzqq"]
    assert found[4:8] == [",", ".", "of", "to"]
    assert len(found) == 10
    assert glove.vocabulary(WORDS, 3) == ["the", "gearshift", "taipei"]
    SentencePreprocessor(["O"], glove.vocabulary(WORDS, 40_000))


def test_known_words_have_their_vectors_and_others_keep_theirs():
    embedding = keras.layers.Embedding(len(WORDS) + UNKNOWN + 1, 50)
    embedding.build((None, None))
    before = keras.ops.convert_to_numpy(embedding.embeddings)
    glove.start_from_glove(embedding, WORDS)
    after = keras.ops.convert_to_numpy(embedding.embeddings)
    kept = [0, UNKNOWN, UNKNOWN + 1 + WORDS.index("qqzzqq")]
    np.testing.assert_array_equal(after[kept], before[kept])
    # As glove.6B.50d.txt has it.
    np.testing.assert_allclose(after[UNKNOWN + 1][:4], [0.418, 0.24968, -0.41242, 0.1217])
    nearest = {word: after[UNKNOWN + 1 + WORDS.index(word)] for word in ("the", "taipei")}
    assert not np.allclose(nearest["the"], nearest["taipei"], atol=0.1)


def test_an_embedding_of_another_size_is_refused():
    embedding = keras.layers.Embedding(6, 40)
    embedding.build((None, None))
    with pytest.raises(ValueError, match="word_units must be 50 with GloVe, got 40"):
        glove.start_from_glove(embedding, WORDS)
