"""Words to vectors: each layer against NumPy, written from its definition."""

import keras
import numpy as np
import pytest

from zoo.layers import CharacterCNN, ContextWindow, LetterTrigrams, WordDropout
from zoo.layers.words import PADDING, UNKNOWN


def characters(*sentences):
    """Code points of lists of words, padded with 0."""
    time = max(map(len, sentences))
    letters = max(len(word) for sentence in sentences for word in sentence)
    points = np.zeros((len(sentences), time, letters), np.int32)
    for i, sentence in enumerate(sentences):
        for t, word in enumerate(sentence):
            points[i, t, : len(word)] = [ord(letter) for letter in word]
    return points


WORDS = characters(["cat", "a", "Łódź"], ["taipei", "北京"])


def randomized(layer, inputs):
    layer.build(inputs.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=weight.shape) for weight in layer.get_weights()])
    return layer


def value(tensor):
    return keras.ops.convert_to_numpy(tensor)


def bucket(trigram, buckets):
    number = 0
    for letter in trigram:
        number = number * 1289 + ord(letter) % 1289
    return number % buckets


@pytest.mark.parametrize("buckets", [7, 4096])
def test_a_word_is_the_mean_of_its_trigrams(buckets):
    layer = randomized(LetterTrigrams(buckets, 5), WORDS)
    table = value(layer.embeddings)
    found = value(layer(WORDS))
    for index, word in {(0, 0): "cat", (0, 1): "a", (0, 2): "Łódź", (1, 1): "北京"}.items():
        marked = f"#{word}#"
        rows = [bucket(marked[i : i + 3], buckets) for i in range(len(word))]
        np.testing.assert_allclose(found[index], table[rows].mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(found[1, 2], 0)


def test_padding_of_letters_changes_no_word():
    padded = np.pad(WORDS, [(0, 0), (0, 1), (0, 4)])
    for layer in (LetterTrigrams(64, 5), CharacterCNN(6)):
        randomized(layer, WORDS)
        np.testing.assert_allclose(value(layer(padded))[:, :3], value(layer(WORDS)), atol=1e-6)


def test_convolution_over_letters():
    layer = randomized(CharacterCNN(6, width=3, units=4, alphabet=300), WORDS)
    table, kernel, bias = (value(weight) for weight in layer.weights)
    found = value(layer(WORDS))
    for index, word in {(0, 0): "cat", (0, 1): "a", (0, 2): "Łódź", (1, 1): "北京"}.items():
        letters = np.stack([table[min(ord(letter), 300)] for letter in word])
        letters = np.pad(letters, [(1, 1), (0, 0)])
        sums = [sum(letters[i + k] @ kernel[k] for k in range(3)) + bias for i in range(len(word))]
        np.testing.assert_allclose(found[index], np.maximum(sums, 0).max(axis=0), atol=1e-5)


def test_word_dropout_takes_words_for_unknown_in_training_alone():
    layer = WordDropout(0.3, seed=1)
    words = np.tile(np.arange(50), (100, 1)).astype("int32")
    np.testing.assert_array_equal(value(layer(words)), words)
    dropped = value(layer(words, training=True))
    changed = dropped != words
    assert set(np.unique(dropped[changed])) == {UNKNOWN}
    assert not changed[words == PADDING].any()
    assert changed[words > UNKNOWN].mean() == pytest.approx(0.3, abs=0.03)
    assert (value(layer(words, training=True)) != dropped).any()


@pytest.mark.parametrize(("before", "after"), [(0, 0), (2, 1), (0, 3), (9, 0)])
def test_window(before, after):
    x = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    mask = np.array([[True] * 5, [True] * 3 + [False] * 2])
    found = value(ContextWindow(before, after)(x, mask=mask))
    assert found.shape == (2, 5, (before + 1 + after) * 3)
    zeroed = np.pad(x * mask[..., None], [(0, 0), (before, after), (0, 0)])
    for t in range(5):
        expected = zeroed[:, t : t + before + 1 + after].reshape(2, -1)
        np.testing.assert_array_equal(found[:, t], expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LetterTrigrams(0, 5), "buckets must be a positive integer, got 0"),
        (lambda: LetterTrigrams(5, -1), "units must be a positive integer, got -1"),
        (lambda: CharacterCNN(1.5), "filters must be a positive integer, got 1.5"),
        (lambda: WordDropout(1.0), "rate must be at least 0 and less than 1, got 1.0"),
        (lambda: ContextWindow(-1, 0), "0 or more, got -1 and 0"),
        (lambda: LetterTrigrams(5, 5)(np.zeros((2, 3), "int32")), r"letters\), got \(2, 3\)"),
        (lambda: CharacterCNN(5)(np.zeros((2, 3), "int32")), r"letters\), got \(2, 3\)"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
