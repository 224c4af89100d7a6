"""The best labels of words, against an enumeration of all sequences of labels."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from conformance import value

from zoo.layers.decoding import best_labels
from zoo.pipelines.sentence import chunks

LABELS = ["I-a", "O", "B-a", "I-b", "B-b", "I-c"]
STEPS = 4


def is_allowed(path):
    """Whether each I-label stands in a chunk that a B-label began; I-c has no B-label."""
    for before, label in itertools.pairwise(["O", *path]):
        if label in ("I-a", "I-b") and before[2:] != label[2:]:
            return False
    return True


def best_allowed(logits):
    paths = [p for p in itertools.product(LABELS, repeat=len(logits)) if is_allowed(p)]
    steps = np.arange(len(logits))
    totals = [logits[steps, [LABELS.index(label) for label in path]].sum() for path in paths]
    return list(paths[int(np.argmax(totals))])


def random_logits(seed, batch=6, steps=STEPS):
    return np.random.default_rng(seed).normal(size=(batch, steps, len(LABELS))).astype("float32")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("steps", [1, 2, STEPS])
def test_best_labels_are_the_best_allowed_ones(seed, steps):
    logits = random_logits(seed, steps=steps)
    best, scores = map(value, best_labels(logits, LABELS))
    for row, found, score in zip(logits, best, scores, strict=True):
        assert [LABELS[i] for i in found] == best_allowed(row)
        probabilities = np.exp(row) / np.exp(row).sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(score, probabilities[np.arange(steps), found], rtol=1e-5)
    assert best.dtype == "int32"


def test_what_stands_after_the_last_word_changes_nothing():
    logits = random_logits(7)
    padded = np.concatenate([logits, np.zeros_like(logits)], axis=1)
    np.testing.assert_array_equal(
        value(best_labels(padded, LABELS)[0])[:, :STEPS], value(best_labels(logits, LABELS)[0])
    )


def test_without_chunks_each_word_has_its_likeliest_label():
    logits = random_logits(8)
    best, _ = best_labels(logits, [f"tag{i}" for i in range(len(LABELS))])
    np.testing.assert_array_equal(value(best), logits.argmax(axis=-1))


def test_every_chunk_begins_with_its_b_label():
    labels = ["O", "B-from.city", "I-from.city", "B-to.city", "I-to.city"]
    logits = np.random.default_rng(9).normal(scale=3, size=(100, 12, 5)).astype("float32")
    for row in value(best_labels(logits, labels)[0]):
        tags = [labels[i] for i in row]
        assert all(tags[first] == f"B-{label}" for label, first, _ in chunks(tags))


def test_a_graph_of_unknown_length_gives_the_same():
    logits = random_logits(10)

    @tf.function(input_signature=[tf.TensorSpec((None, None, len(LABELS)))])
    def graph(logits):
        return best_labels(logits, LABELS)

    for found, expected in zip(graph(logits), best_labels(logits, LABELS), strict=True):
        np.testing.assert_allclose(value(found), value(expected), rtol=1e-6)
