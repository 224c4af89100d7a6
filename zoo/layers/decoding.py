"""From the scores of labels to the labels: what a network that labels words has found."""

from collections.abc import Sequence

import numpy as np
from keras import ops

from zoo.layers.crf import NEVER, argmax, marginals, trace, viterbi
from zoo.layers.loop import scan


def best_labels(outputs, labels: Sequence[str]):
    """Returns the likeliest labels of every word, and their probabilities.

    Args:
        outputs: the potentials of a CRF `(batch, time, labels, labels)`, of which the best path is
            taken; or logits `(batch, time, labels)`, 0 where there is no word, of which it is each
            word's largest, but that a chunk of IOB labels has a beginning: I-city stands after
            B-city or I-city alone, if there is a B-city.
        labels: their names.

    Returns:
        int32 `(batch, time)`, and float32 `(batch, time)`: the probability of each label by
        itself, which in a CRF is its marginal.
    """
    if len(outputs.shape) == 4:
        best, probabilities = viterbi(outputs), marginals(outputs)
    else:
        outputs = ops.cast(outputs, "float32")
        best, probabilities = _best_chunks(outputs, labels), ops.softmax(outputs, axis=-1)
    chosen = ops.take_along_axis(probabilities, best[..., None], axis=-1)
    return best, chosen[..., 0]


def _best_chunks(logits, labels):
    """The path of labels with the largest sum of logits, whose chunks have their beginnings.

    It is the Viterbi algorithm where all pairs of labels are either allowed or not; because only
    two labels may stand before an I-label, its cost is that of the labels, not of their pairs.
    """
    beginning = np.array([_beginning(i, labels) for i in range(len(labels))], np.int32)
    own = np.arange(len(labels), dtype=np.int32)
    is_inside = beginning != own
    if not is_inside.any():
        return argmax(logits, axis=-1)
    at_first = ops.arange(ops.shape(logits)[1])[:, None, None] == 0
    steps = ops.transpose(logits, (1, 0, 2))
    steps = ops.where(ops.logical_and(at_first, is_inside), NEVER, steps)

    def step(before, logits):
        inside = ops.maximum(before, ops.take(before, beginning, axis=-1))
        after = logits + ops.where(is_inside, inside, ops.max(before, axis=-1, keepdims=True))
        return after, after

    scores = scan(step, ops.zeros_like(steps[0]), steps)
    # Once more for all steps: on TensorFlow a scan returns nothing of another type than its state.
    before = ops.concatenate([ops.zeros_like(steps[:1]), scores[:-1]], axis=0)
    inside = ops.where(before > ops.take(before, beginning, axis=-1), own, beginning)
    best_before = ops.where(is_inside, inside, argmax(before, axis=-1)[..., None])
    return trace(scores[-1], best_before)


def _beginning(i, labels):
    """Returns the number of the B-label of an I-label, and of any other label its own."""
    begin = f"B-{labels[i][2:]}"
    return labels.index(begin) if labels[i].startswith("I-") and begin in labels else i
