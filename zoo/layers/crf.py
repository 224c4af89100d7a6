"""A linear-chain conditional random field: tags of a sequence that depend on their neighbours.

The layer returns potentials, which hold all of the model's scores for one input, or in training
the fewer numbers that they are made of. Loss, best path and marginals are pure functions of either,
so that a model with a CRF on top compiles, fits and predicts as any other.

Sources: Lafferty, McCallum and Pereira, *Conditional Random Fields*, ICML 2001; as the output layer
of a recurrent tagger, Huang, Xu and Yu, *Bidirectional LSTM-CRF Models for Sequence Tagging*,
arXiv:1508.01991.
"""

import keras
from keras import ops

from zoo.arguments import positive_integer
from zoo.layers.loop import scan

# The log of a probability of 0. It is finite because infinities make gradients NaN, it is far below
# any score, and a float32 holds the sum of several.
NEVER = -1e30
# In training a transition counts as no less likely than exp(-60) times the likeliest, so that sums
# of products of probabilities neither vanish nor overflow.
SPREAD = 60.0


@keras.saving.register_keras_serializable("zoo")
class CRF(keras.layers.Layer):
    r"""Linear-chain conditional random field, the head of a tagger.

    The score of tags y_0 … y_n for inputs x_0 … x_n is

        s(y, x) = start[y_0] + Σ_t e_t[y_t] + Σ_{t > 0} transitions[y_{t-1}, y_t] + end[y_n]

    with e_t = x_t W + b, and their probability is `p(y | x) = exp(s(y, x)) / Z(x)`, where Z sums
    over all sequences of tags. The layer returns *potentials*: entry `[b, t, i, j]` is what s gains
    by tag i at t - 1 and tag j at t. There is no tag before t = 0, so all rows i are equal there.
    Padding is the identity: 0 where i = j, and a large negative number elsewhere, so that the
    functions below carry their result through it.

    In training it returns *scores*, of which `potentials` makes potentials: the emissions of each
    step, start and end among them, and below them the transitions. The functions below take either.
    The loss of the scores costs a product of matrices a step, and not a table of pairs of tags for
    every word: with 159 tags it takes a tenth of the time.

    Train with `negative_log_likelihood` as the loss; decode with `viterbi` or `marginals`.

    Sources: Lafferty, McCallum and Pereira, *Conditional Random Fields*, ICML 2001; on top of a
    recurrent network, Huang, Xu and Yu, arXiv:1508.01991.

    Args:
        tags: number of tags, at least 1.
        kernel_initializer: of W. All other weights start at zero.
        **kwargs: as for every Keras layer; `dtype` has no effect.

    Weights: `kernel` W `(features, tags)`, `bias` b `(tags,)`, `transitions` `(tags, tags)`,
    `start` `(tags,)`, `end` `(tags,)`.

    Shapes: input `(batch, time, features)`; mask boolean `(batch, time)`, True on the real steps,
    which come before the padding; output `(batch, time, tags, tags)`, in training
    `(batch, time + tags, tags)`. A mask ends here: the output holds it. Weights, computation and
    output are float32 under every dtype policy.

    Raises:
        ValueError: if `tags` is not a positive integer, the input does not have three axes, the
            size of its last axis is not known, or a mask is not `(batch, time)`.
    """

    def __init__(self, tags, kernel_initializer="glorot_uniform", **kwargs):
        # Half precision would lose the small differences between the sums of long sequences.
        super().__init__(**kwargs | {"dtype": "float32"})
        self.tags = positive_integer("tags", tags)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape):
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"CRF needs an input whose last axis is known, got {tuple(input_shape)}"
            )
        self.input_spec = keras.layers.InputSpec(ndim=3, axes={-1: features})
        self.kernel = self.add_weight(
            name="kernel", shape=(features, self.tags), initializer=self.kernel_initializer
        )
        self.bias = self.add_weight(name="bias", shape=(self.tags,), initializer="zeros")
        self.transitions = self.add_weight(
            name="transitions", shape=(self.tags, self.tags), initializer="zeros"
        )
        self.start = self.add_weight(name="start", shape=(self.tags,), initializer="zeros")
        self.end = self.add_weight(name="end", shape=(self.tags,), initializer="zeros")

    def call(self, x, mask=None, training=False):
        if mask is None:
            real = ops.ones_like(x[..., 0], "bool")
        else:
            real = ops.cast(mask, "bool")
            _check_mask(real.shape, x.shape)
        following = ops.concatenate([real[:, 1:], ops.zeros_like(real[:, :1])], axis=1)
        is_last = ops.logical_and(real, ops.logical_not(following))
        is_first = ops.arange(ops.shape(x)[1])[:, None] == 0

        # On JAX some operations refuse a variable.
        start, end = ops.convert_to_tensor(self.start), ops.convert_to_tensor(self.end)
        emissions = ops.matmul(x, self.kernel) + self.bias
        emissions = emissions + ops.where(is_last[..., None], end, 0.0)
        emissions = emissions + ops.where(is_first, start, 0.0)
        emissions = ops.where(real[..., None], emissions, NEVER)
        shape = (ops.shape(x)[0], self.tags, self.tags)
        transitions = ops.broadcast_to(ops.convert_to_tensor(self.transitions), shape)
        scores = ops.concatenate([emissions, transitions], axis=1)
        return scores if training else potentials(scores)

    def compute_mask(self, inputs, previous_mask):
        # Keras would multiply a mask of steps with the loss, which is one number a sequence.
        return None

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.tags, self.tags)

    def get_config(self):
        return super().get_config() | {
            "tags": self.tags,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _check_mask(mask_shape, input_shape):
    expected = tuple(input_shape)[:2]
    fits = len(mask_shape) == 2 and all(
        None in sizes or sizes[0] == sizes[1] for sizes in zip(mask_shape, expected, strict=True)
    )
    if not fits:
        raise ValueError(
            f"CRF needs a mask (batch, time), here {expected}, got the shape {tuple(mask_shape)}"
        )


def _parts(scores):
    """Returns emissions `(batch, time, tags)`, NEVER in padding, and transitions."""
    tags = scores.shape[-1]
    return scores[:, :-tags], scores[:, -tags:]


def potentials(scores):
    """Potentials of a CRF's scores.

    Args:
        scores: float `(batch, time + tags, tags)`, as `CRF` returns them in training; or potentials
            `(batch, time, tags, tags)`, which come back as they are.

    Returns:
        `(batch, time, tags, tags)`, of the dtype of `scores`.
    """
    scores = ops.convert_to_tensor(scores)
    if len(scores.shape) == 4:
        return scores
    emissions, transitions = _parts(scores)
    # Two parts, because neither needs a length, which a graph may not know.
    first = emissions[:, :1, None, :] + ops.zeros_like(transitions)[:, None]
    others = emissions[:, 1:, None, :] + transitions[:, None]
    identity = ops.where(ops.eye(scores.shape[-1], dtype="bool"), 0.0, NEVER)
    real = emissions[:, :, None, :1] > NEVER / 2
    return ops.where(real, ops.concatenate([first, others], axis=1), identity)


def log_partition(scores):
    """Log of Z, the sum of exp(score) over all sequences of tags, by the forward algorithm.

    Args:
        scores: float, as `CRF` returns them: potentials `(batch, time, tags, tags)`, or scores
            `(batch, time + tags, tags)`, whose transitions are taken to differ by 60 at the most.

    Returns:
        `(batch,)`, of the dtype of `scores`.
    """
    scores = ops.convert_to_tensor(scores)
    if len(scores.shape) == 4:
        return _log_partition_of_potentials(scores)
    return _log_partition_of_scores(*_parts(scores))


# Both have a gradient of their own: `compile` turns XLA on by default, and XLA refuses TensorFlow's
# gradient of a loop whose length is not known.
@ops.custom_gradient
def _log_partition_of_potentials(potentials):
    steps = _time_first(potentials)
    scores = _forward(steps, ops.logsumexp)

    def gradient(*args, upstream=None):
        # PyTorch hands the inputs over, and this by name.
        if upstream is None:
            (upstream,) = args
        # What a potential adds to log Z is the probability of its pair of tags.
        after = _backward(steps)
        # All of log Z at every step, but for rounding, which this keeps out of the probabilities.
        before = _before(steps, scores) - ops.logsumexp(scores + after, axis=-1, keepdims=True)
        pairs = ops.exp(before[..., None] + steps + after[:, :, None, :])
        return ops.transpose(pairs, (1, 0, 2, 3)) * upstream[:, None, None, None]

    return ops.logsumexp(scores[-1], axis=-1), gradient


@ops.custom_gradient
def _log_partition_of_scores(emissions, transitions):
    steps = ops.transpose(emissions, (1, 0, 2))
    real = steps[..., :1] > NEVER / 2
    top = ops.max(transitions, axis=(1, 2))[:, None]
    factors = ops.exp(ops.maximum(transitions - top[..., None], -SPREAD))

    def forward(before, emissions):
        # Before the first tag there is nothing to come from.
        is_first = ops.max(before, axis=-1, keepdims=True) <= NEVER / 2
        after = emissions + ops.where(is_first, 0.0, _log_product(before, factors) + top)
        after = ops.where(emissions[:, :1] > NEVER / 2, after, before)
        return after, after

    scores = scan(forward, ops.full_like(steps[0], NEVER), steps)
    none = ops.max(scores[-1], axis=-1) <= NEVER / 2
    log_z = ops.where(none, 0.0, ops.logsumexp(scores[-1], axis=-1))

    def gradient(*args, upstream=None):
        if upstream is None:
            (upstream,) = args
        backwards = ops.transpose(factors, (0, 2, 1))

        def backward(after, emissions):
            before = _log_product(emissions + after, backwards) + top
            return ops.where(emissions[:, :1] > NEVER / 2, before, after), after

        after = scan(backward, ops.zeros_like(steps[0]), steps, reverse=True)
        tags = ops.where(real, ops.softmax(scores + after, axis=-1), 0.0)
        # Probabilities of pairs of tags, summed over the steps: a product of what leads to the one
        # and what follows the other, each brought to a largest value of 1. Nothing leads to the
        # first step, whose share is 0.
        all_paths = ops.logsumexp(scores + after, axis=-1, keepdims=True)
        before = ops.concatenate([ops.full_like(steps[:1], NEVER), scores[:-1]], axis=0)
        after = steps + after
        highest_before = ops.max(before, axis=-1, keepdims=True)
        highest_after = ops.max(after, axis=-1, keepdims=True)
        share = ops.exp(highest_before + highest_after + top - all_paths)
        pairs = factors * ops.einsum(
            "tbi,tbj->bij",
            ops.exp(before - highest_before) * ops.where(real, share, 0.0),
            ops.exp(after - highest_after),
        )
        upstream = upstream[:, None, None]
        return ops.transpose(tags, (1, 0, 2)) * upstream, pairs * upstream

    return log_z, gradient


def _log_product(scores, factors):
    """Log of exp(scores) times a matrix for each sequence: `(batch, tags)`."""
    highest = ops.max(scores, axis=-1, keepdims=True)
    product = ops.matmul(ops.exp(scores - highest)[:, None, :], factors)[:, 0]
    return highest + ops.log(product)


@keras.saving.register_keras_serializable("zoo")
def negative_log_likelihood(tags, scores):
    """-log p(tags | x) of each sequence, in nats: a loss for `compile`.

    Args:
        tags: `(batch, time)`, the true tags as integers from 0. On padding any value is allowed;
            steps whose tag is negative must be padding.
        scores: float, as `CRF` returns them: potentials `(batch, time, tags, tags)`, or scores
            `(batch, time + tags, tags)`, whose transitions are taken to differ by 60 at the most.

    Returns:
        `(batch,)`, of the dtype of `scores`; NaN for a sequence with a tag that is too large.
    """
    scores = ops.convert_to_tensor(scores)
    # Keras hands the labels of a loss over as floats.
    tags = ops.cast(tags, "int32")
    count = scores.shape[-1]
    is_known = tags < count
    known = ops.where(ops.logical_and(tags >= 0, is_known), tags, 0)
    # The number of each pair of tags; before the first tag any will do.
    pairs = known + count * ops.concatenate([ops.zeros_like(known[:, :1]), known[:, :-1]], axis=1)
    if len(scores.shape) == 4:
        tables = ops.reshape(scores, (*ops.shape(scores)[:2], count * count))
        gains = ops.take_along_axis(tables, pairs[..., None], axis=-1)[..., 0]
        # A corner off the diagonal tells padding; a single tag has none, and its padding holds 0.
        corner = scores[:, :, 0, -1]
    else:
        emissions, transitions = _parts(scores)
        table = ops.reshape(transitions, (-1, count * count))
        moves = ops.take_along_axis(table, pairs, axis=-1)
        moves = ops.where(ops.arange(ops.shape(tags)[1]) == 0, 0.0, moves)
        gains = ops.take_along_axis(emissions, known[..., None], axis=-1)[..., 0] + moves
        corner = emissions[..., 0]
    real = ops.logical_and(tags >= 0, corner > NEVER / 2)
    gains = ops.where(is_known, gains, float("nan"))
    return log_partition(scores) - ops.sum(ops.where(real, gains, 0.0), axis=1)


def viterbi(scores):
    """The likeliest sequence of tags, by the Viterbi algorithm.

    Args:
        scores: float, as `CRF` returns them: potentials `(batch, time, tags, tags)`, or scores
            `(batch, time + tags, tags)`.

    Returns:
        int32 `(batch, time)`. Padding repeats the last tag.
    """
    steps = _time_first(potentials(scores))
    scores = _forward(steps, ops.max)
    # [t, b, j] is the best tag at t - 1, if the tag at t is j.
    best_before = argmax(_before(steps, scores)[..., None] + steps, axis=2)
    return trace(scores[-1], best_before)


def argmax(x, axis):
    """`keras.ops.argmax` as int32, without the bits of floats, which other runtimes cannot read."""
    if keras.backend.backend() != "tensorflow":
        return ops.cast(ops.argmax(x, axis=axis), "int32")
    import tensorflow as tf

    return tf.argmax(x, axis=axis, output_type="int32")


def trace(scores, best_before):
    """The best path, from its end to its beginning.

    Args:
        scores: `(batch, tags)`, of the best path that ends in each tag.
        best_before: int32 `(time, batch, tags)`, the tag before each tag on the best path to it.

    Returns:
        int32 `(batch, time)`.
    """

    def step(tag, best_before):
        return ops.take_along_axis(best_before, tag[:, None], axis=1)[:, 0], tag

    last = argmax(scores, axis=-1)
    return ops.transpose(scan(step, last, best_before, reverse=True))


def marginals(scores):
    """Probabilities of each tag at each step, by the forward-backward algorithm.

    Args:
        scores: float, as `CRF` returns them: potentials `(batch, time, tags, tags)`, or scores
            `(batch, time + tags, tags)`.

    Returns:
        `(batch, time, tags)`, of the dtype of `scores`; the sum over the tags is 1. Padding
        repeats the last step.
    """
    steps = _time_first(potentials(scores))
    scores = _forward(steps, ops.logsumexp) + _backward(steps)
    return ops.transpose(ops.softmax(scores, axis=-1), (1, 0, 2))


def _time_first(potentials):
    return ops.transpose(potentials, (1, 0, 2, 3))


def _before_the_first(steps):
    """Scores `(batch, tags)` from which the first step reads row 0 of its potentials, no other."""
    zeros = ops.zeros_like(steps[0, :, 0, :])
    return ops.where(ops.arange(steps.shape[-1]) == 0, zeros, NEVER)


def _before(steps, scores):
    """Scores `(time, batch, tags)` of what ends in each tag one step earlier."""
    return ops.concatenate([_before_the_first(steps)[None], scores[:-1]], axis=0)


def _forward(steps, reduce):
    """Scores `(time, batch, tags)` of what ends in each tag: of all paths, or of the best one.

    Args:
        steps: potentials `(time, batch, tags, tags)`.
        reduce: how paths that meet in a tag add up: `ops.logsumexp`, or `ops.max`.
    """

    def step(before, potentials):
        after = reduce(before[:, :, None] + potentials, axis=1)
        # On TensorFlow a scan returns the scores of every step or none: no choice but to keep them.
        return after, after

    return scan(step, _before_the_first(steps), steps)


def _backward(steps):
    """Scores `(time, batch, tags)` of all that follows each tag."""

    def step(after, potentials):
        return ops.logsumexp(potentials + after[:, None, :], axis=2), after

    return scan(step, ops.zeros_like(steps[0, :, 0, :]), steps, reverse=True)
