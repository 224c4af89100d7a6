"""From the scores of labels to the labels: what a network that labels words has found."""

from keras import ops

from zoo.layers.crf import marginals, viterbi


def best_labels(outputs):
    """Returns the likeliest labels of every word, and their probabilities.

    Args:
        outputs: logits `(batch, time, labels)`, of which each word's largest is taken, or the
            potentials of a CRF `(batch, time, labels, labels)`, of which the best path is.

    Returns:
        int32 `(batch, time)`, and float32 `(batch, time)`: the probability of each label by
        itself, which in a CRF is its marginal.
    """
    if len(outputs.shape) == 4:
        best, probabilities = viterbi(outputs), marginals(outputs)
    else:
        best = ops.cast(ops.argmax(outputs, axis=-1), "int32")
        probabilities = ops.softmax(ops.cast(outputs, "float32"), axis=-1)
    chosen = ops.take_along_axis(probabilities, best[..., None], axis=-1)
    return best, chosen[..., 0]
