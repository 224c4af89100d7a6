"""A batch in parts that are computed side by side, one a core, where TensorFlow walks a loop.

The operations of one step are too small for two cores to share, and each waits for the one before:
a loop keeps one core busy. Loops over the halves of a batch do not wait for one another.
"""

import os
from itertools import pairwise

import keras

from zoo.layers.portable import loops_are_portable

# A part has at least so many rows, where their number is known.
ROWS_A_PART = 8
MOST_PARTS = 4


def in_parts(function, tensors, walks=1):
    """Returns what `function` returns, computed for parts of the batch.

    Args:
        function: from a list of tensors to a list of tensors.
        tensors: a list; the batch is the last axis but one of each, and of each that is returned.
        walks: how many loops the function has side by side by itself.
    """
    if keras.backend.backend() != "tensorflow" or loops_are_portable():
        return function(tensors)
    import tensorflow as tf

    batch_size = tensors[0].shape[-2]
    threads = tf.config.threading.get_inter_op_parallelism_threads() or _cores()
    rows = MOST_PARTS if batch_size is None else max(1, batch_size // ROWS_A_PART)
    count = min(threads // walks, rows, MOST_PARTS)
    if count <= 1 or tf.config.list_logical_devices("GPU"):
        return function(tensors)

    @tf.custom_gradient
    def cut(tensor):
        """Cuts a tensor in parts; the gradient of a slice would be as large as the whole."""
        # Known sizes stay known: gradients of operations on them are shorter.
        rows = tf.shape(tensor)[-2] if batch_size is None else batch_size
        bounds = [rows * i // count for i in range(count + 1)]
        parts = [tensor[..., a:b, :] for a, b in pairwise(bounds)]
        return parts, lambda *d_parts: tf.concat(d_parts, axis=-2)

    results = [function(list(part)) for part in zip(*map(cut, tensors), strict=True)]
    return [tf.concat(parts, axis=-2) for parts in zip(*results, strict=True)]


def _cores():
    """Returns how many cores this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
