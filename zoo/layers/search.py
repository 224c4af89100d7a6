"""From a network that scores the next symbol to sequences: beam search, and draws.

All runs in one graph, for a batch of sequences. What a network is comes in as its step, so that an
encoder-decoder and a language model are searched alike.
"""

import keras
from keras import ops

from zoo.arguments import positive_integer
from zoo.layers.words import BOUNDARY, PADDING, UNKNOWN

# The log-probability of what cannot be. Minus infinity would give NaN where it meets itself.
NEVER = -1e9


def beam_search(step, states, memory=None, *, batch_size, beam, max_length, length_penalty=1.0):
    """Returns the likeliest sequences, by a search that follows `beam` of them at once.

    Sequences are ranked by their score, log p / length ** length_penalty, in which the boundary
    that ends a sequence counts. One that has ended stays while it is among the best; a row whose
    sequences have all ended takes part in no further step, but on JAX, whose shapes are fixed; and
    the search stops when all rows have. A sequence that has `max_length` symbols by then is kept as
    it is.

    Args:
        step: `(symbols, states, memory) -> (logits, states)`, of the symbols chosen last, int32
            `(rows, n)`, and states `(rows, n, size)`, for some rows of the batch; logits are
            `(rows, n, symbols)`. At the first step n is 1, then `beam`.
        states: before the first step, `(batch, size)` each.
        memory: what a step reads besides, tensors `(batch, ...)` in any structure; it is given
            those of its rows.
        batch_size: number of rows, an integer or a tensor.
        beam: number of sequences followed in each.
        max_length: of a sequence in symbols; on TensorFlow it may be a tensor.
        length_penalty: how much a long sequence is favoured; with 0 log p alone counts.

    Returns:
        Symbols, int32 `(batch, beam, max_length)`, padding from the end on; log p, float32
        `(batch, beam)`; and scores, likewise; the best come first. Where there are fewer sequences
        than `beam`, what fills the beam has a log p below `NEVER / 2`.

    Raises:
        ValueError: if `beam` or `max_length` is less than 1, or `length_penalty` is not finite.
    """
    beam = positive_integer("beam", beam)
    _check_length(max_length)
    if not abs(length_penalty) < float("inf"):
        raise ValueError(f"length_penalty must be a finite number, got {length_penalty!r}")

    def beams(x, *sizes):
        return ops.reshape(x, (-1, beam, *sizes))

    def unfinished(ended, log_probs):
        goes_on = ops.logical_and(ops.logical_not(ended), log_probs > NEVER / 2)
        return ops.any(goes_on, axis=1)

    def advance(t, memory, last, ended, symbols, log_probs, scores, lengths, *states):
        width = last.shape[1]
        first = width * ops.expand_dims(ops.arange(ops.shape(last)[0]), 1)

        def gone_on(x, parents, size):
            """Returns what belongs to the sequences that are gone on with."""
            # Whole rows are copied: `take_along_axis` would look up every number.
            return beams(ops.take(ops.reshape(x, (-1, size)), first + parents, axis=0), size)

        logits, states = step(last, list(states), memory)
        count = logits.shape[-1]
        costs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        # What has ended goes on with padding, which costs nothing.
        number = ops.arange(count)
        costs = ops.where(
            ended[..., None],
            ops.where(number == PADDING, 0.0, NEVER),
            ops.where(_is_written(number), costs, NEVER),
        )
        lengths = lengths + ops.cast(ops.logical_not(ended), "int32")
        totals = log_probs[..., None] + costs
        ranks = totals / ops.cast(lengths, "float32")[..., None] ** length_penalty
        ranks = ops.where(totals > NEVER / 2, ranks, NEVER)
        # One sequence may have fewer that go on with it than the beam is wide.
        missing = beam - width * count

        def candidates(x):
            x = ops.reshape(x, (-1, width * count))
            return ops.pad(x, ((0, 0), (0, missing)), constant_values=NEVER) if missing > 0 else x

        scores, best = ops.top_k(candidates(ranks), beam)
        best = beams(ops.cast(best, "int32"))
        parents, last = ops.minimum(best // count, width - 1), best % count
        ended = ops.logical_or(last == PADDING, last == BOUNDARY)
        last = ops.where(ended, PADDING, last)
        symbols = gone_on(symbols, parents, max_length)
        symbols = ops.where(ops.arange(max_length) == t, last[..., None], symbols)
        return (
            last,
            ended,
            beams(symbols, max_length),
            beams(ops.take_along_axis(candidates(totals), best, axis=1)),
            beams(scores),
            beams(ops.take_along_axis(lengths, parents, axis=1)),
            *(gone_on(state, parents, state.shape[-1]) for state in states),
        )

    def advance_unfinished(t, last, ended, symbols, log_probs, *others):
        variables = (last, ended, symbols, log_probs, *others)
        if keras.backend.backend() == "jax":
            return (t + 1, *advance(t, memory, *variables))
        rows = ops.nonzero(unfinished(ended, log_probs))[0]

        def some(x):
            return None if x is None else ops.take(x, rows, axis=0)

        after = advance(t, keras.tree.map_structure(some, memory), *map(some, variables))
        places = ops.expand_dims(rows, 1)
        pairs = zip(variables, after, strict=True)
        return (t + 1, *(ops.scatter_update(x, places, part) for x, part in pairs))

    # Every row begins with one sequence, which takes the first step alone.
    nothing = ops.zeros((batch_size, 1), "int32")
    nought = ops.zeros((batch_size, 1), "float32")
    begun = advance(
        0,
        memory,
        nothing + BOUNDARY,
        nothing > 0,
        ops.zeros((batch_size, 1, max_length), "int32"),
        nought,
        nought,
        nothing,
        *(ops.expand_dims(state, 1) for state in states),
    )
    _, _, _, symbols, log_probs, scores, *_ = ops.while_loop(
        lambda t, last, ended, symbols, log_probs, *_: ops.logical_and(
            t < max_length, ops.any(unfinished(ended, log_probs))
        ),
        advance_unfinished,
        (ops.convert_to_tensor(1), *begun),
    )
    return symbols, log_probs, scores


def sample(step, states, *, batch_size, first, max_length, temperature=1.0, top_k=None, seed=None):
    """Returns sequences that are drawn symbol by symbol.

    Args:
        step: `(symbols, states) -> (logits, states)`, of the symbols chosen last, int32
            `(batch, 1)`, and states `(batch, 1, size)`; logits are `(batch, 1, symbols)`.
        states: before the first step, `(batch, size)` each.
        batch_size: number of rows, an integer or a tensor.
        first: int32 `(batch,)`, the symbol that the first one drawn comes after.
        max_length: of a sequence in symbols; on TensorFlow it may be a tensor.
        temperature: what logits are divided by, a number or a tensor `(batch, 1)`; at 0 the
            likeliest symbol is taken.
        top_k: how many of the likeliest symbols may be drawn; without, all.
        seed: an integer, or a `keras.random.SeedGenerator`.

    Returns:
        Symbols, int32 `(batch, max_length)`, padding from the boundary that ends a sequence on; and
        log p, float32 `(batch,)`, of the network itself, whatever the temperature and `top_k`.

    Raises:
        ValueError: if `max_length` or `top_k` is less than 1, or `temperature` is not 0 or more.
    """
    _check_length(max_length)
    if top_k is not None:
        top_k = positive_integer("top_k", top_k)
    if not ops.is_tensor(temperature) and not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature must be 0 or more, got {temperature!r}")

    def rows(x, *sizes):
        return ops.reshape(x, (batch_size, *sizes))

    def after(last, states):
        """Returns the logits after the symbols chosen last, and the states."""
        logits, states = step(last[:, None], list(states))
        count = logits.shape[-1]
        states = [rows(state, 1, state.shape[-1]) for state in states]
        return ops.cast(rows(logits, count), "float32"), states

    logits, states = after(
        rows(ops.cast(first, "int32")), [rows(state, 1, state.shape[-1]) for state in states]
    )
    count = logits.shape[-1]
    # Drawn for all steps at once: inside of a loop a generator cannot go on. The largest of logits
    # with Gumbel noise is a draw from their softmax, and at a temperature of 0 it is the largest.
    draws = keras.random.uniform(
        (max_length, batch_size, count), minval=1e-20, dtype="float32", seed=seed
    )
    noise = -temperature * ops.log(-ops.log(draws))

    def unfinished(t, ended, *_):
        return ops.logical_and(t < max_length, ops.any(ops.logical_not(ended)))

    def advance(t, ended, symbols, log_probs, logits, *states):
        allowed = _is_written(ops.arange(count))
        if top_k is not None and top_k < count:
            likeliest, _ = ops.top_k(ops.where(allowed, logits, NEVER), top_k)
            allowed = ops.logical_and(allowed, logits >= likeliest[:, -1:])
        # Not NEVER: noise is less than that where a temperature is very high.
        drawn = ops.where(allowed, logits + noise[t], float("-inf"))
        last = ops.cast(ops.argmax(drawn, axis=-1), "int32")
        costs = ops.take_along_axis(ops.log_softmax(logits, axis=-1), last[:, None], axis=-1)
        log_probs = log_probs + ops.where(ended, 0.0, rows(costs))
        ended = rows(ops.logical_or(ended, last == BOUNDARY))
        last = ops.where(ended, PADDING, last)
        symbols = ops.where(ops.arange(max_length) == t, last[:, None], symbols)
        logits, states = after(last, states)
        return (t + 1, ended, rows(symbols, max_length), rows(log_probs), logits, *states)

    _, _, symbols, log_probs, *_ = ops.while_loop(
        unfinished,
        advance,
        (
            ops.convert_to_tensor(0),
            rows(ops.zeros((batch_size,), "bool")),
            rows(ops.zeros((batch_size, max_length), "int32"), max_length),
            rows(ops.zeros((batch_size,), "float32")),
            logits,
            *states,
        ),
    )
    return symbols, log_probs


def _check_length(max_length):
    """Raises a ValueError if `max_length` is a number and not one of symbols."""
    if not ops.is_tensor(max_length):
        positive_integer("max_length", max_length)


def _is_written(number):
    """Returns which symbols a sequence may have: pieces, and the boundary that ends it."""
    return ops.logical_and(number != PADDING, number != UNKNOWN)
