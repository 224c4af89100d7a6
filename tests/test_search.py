"""Beam search and draws, against every sequence that a small network can write, in NumPy."""

import itertools
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from zoo.layers.search import NEVER, beam_search, sample

SYMBOLS, UNITS, ROWS = 6, 4, 3
PADDING, UNKNOWN, BOUNDARY = 0, 1, 2
PIECES = range(3, SYMBOLS)

_rng = np.random.default_rng(31)
EMBEDDINGS = _rng.normal(size=(SYMBOLS, UNITS))
KERNEL = _rng.normal(size=(UNITS, UNITS))
# Far from even, or a beam of 2 would find what one of 1 does.
READOUT = _rng.normal(size=(UNITS, SYMBOLS)) * 1.5
STATES = _rng.normal(size=(ROWS, UNITS))


def step(symbols, states, memory=()):
    """A step of a recurrent network of random weights."""
    (h,) = states
    embeddings, kernel, readout = (
        ops.convert_to_tensor(weights, "float32") for weights in (EMBEDDINGS, KERNEL, READOUT)
    )
    h = ops.tanh(ops.take(embeddings, symbols, axis=0) + ops.matmul(h, kernel))
    return ops.matmul(h, readout), [h]


def always(logits):
    """A network without a state, whose logits are always the same."""
    logits = ops.convert_to_tensor(logits, "float32")
    return lambda symbols, states, memory=(): (ops.zeros((*ops.shape(symbols), 1)) + logits, states)


def numpy_step(last, h):
    """The same in float64: log p of every symbol after `last`, and the state."""
    h = np.tanh(EMBEDDINGS[last] + h @ KERNEL)
    logits = h @ READOUT
    return logits - np.log(np.exp(logits).sum()), h


def log_prob(h, symbols, first=BOUNDARY):
    total = 0.0
    for last, symbol in itertools.pairwise([first, *symbols]):
        log_probs, h = numpy_step(last, h)
        total += log_probs[symbol]
    return total


def every_sequence(max_length):
    """What can be written: pieces and the boundary, or `max_length` pieces."""
    for length in range(max_length):
        for pieces in itertools.product(PIECES, repeat=length):
            yield [*pieces, BOUNDARY]
    yield from map(list, itertools.product(PIECES, repeat=max_length))


def plain_beam_search(h, beam, max_length, penalty):
    """A beam search as a textbook has it: a list of (score, log p, symbols, state)."""
    kept = [(0.0, 0.0, [], h)]
    for _ in range(max_length):
        found = []
        for score, total, symbols, h in kept:
            if symbols and symbols[-1] == BOUNDARY:
                found.append((score, total, symbols, h))
                continue
            log_probs, after = numpy_step(symbols[-1] if symbols else BOUNDARY, h)
            for symbol in (BOUNDARY, *PIECES):
                p = total + log_probs[symbol]
                found.append((p / (len(symbols) + 1) ** penalty, p, [*symbols, symbol], after))
        kept = sorted(found, key=lambda one: -one[0])[:beam]
    return kept


def greedy(h, max_length, first=BOUNDARY):
    symbols = []
    while len(symbols) < max_length and symbols[-1:] != [BOUNDARY]:
        log_probs, h = numpy_step(symbols[-1] if symbols else first, h)
        symbols.append(BOUNDARY + int(np.argmax(log_probs[BOUNDARY:])))
    return symbols


def states(rows=STATES):
    return [ops.convert_to_tensor(rows, "float32")]


def search(rows=STATES, step=step, **options):
    found = beam_search(step, states(rows), batch_size=len(rows), **options)
    return [ops.convert_to_numpy(part) for part in found]


def draw(rows=STATES, step=step, first=BOUNDARY, **options):
    first = np.full(len(rows), first) if isinstance(first, int) else first
    found = sample(step, states(rows), batch_size=len(rows), first=first, **options)
    return [ops.convert_to_numpy(part) for part in found]


def padded(symbols, max_length):
    """A row as it is returned: without the boundary."""
    row = [symbol for symbol in symbols if symbol != BOUNDARY]
    return row + [PADDING] * (max_length - len(row))


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0, 2.0, -1.0])
def test_a_beam_as_wide_as_what_can_be_written_finds_all_of_it_in_order(penalty):
    everything = list(every_sequence(3))
    symbols, log_probs, scores = search(beam=45, max_length=3, length_penalty=penalty)
    assert symbols.dtype == np.int32
    assert log_probs.dtype == scores.dtype == np.float32
    for row in range(ROWS):
        totals = [log_prob(STATES[row], one) for one in everything]
        ranks = [p / len(one) ** penalty for p, one in zip(totals, everything, strict=True)]
        order = np.argsort(ranks)[::-1]
        count = len(everything)
        assert count == 40
        np.testing.assert_array_equal(
            symbols[row, :count], [padded(everything[i], 3) for i in order]
        )
        np.testing.assert_allclose(log_probs[row, :count], [totals[i] for i in order], atol=1e-5)
        np.testing.assert_allclose(scores[row, :count], [ranks[i] for i in order], atol=1e-5)
        # The rest of the beam is filled with what is none.
        assert (log_probs[row, count:] < NEVER / 2).all()
        assert (scores[row, count:] < NEVER / 2).all()


@pytest.mark.parametrize("penalty", [0.0, 1.0])
@pytest.mark.parametrize("beam", [1, 2, 3, 7])
def test_a_narrow_beam_finds_what_a_plain_one_does(beam, penalty):
    symbols, log_probs, scores = search(beam=beam, max_length=7, length_penalty=penalty)
    for row in range(ROWS):
        expected = plain_beam_search(STATES[row], beam, 7, penalty)
        np.testing.assert_array_equal(symbols[row], [padded(one[2], 7) for one in expected])
        np.testing.assert_allclose(log_probs[row], [one[1] for one in expected], atol=1e-5)
        np.testing.assert_allclose(scores[row], [one[0] for one in expected], atol=1e-5)


def test_greedy_alike():
    expected = [greedy(h, 8) for h in STATES]
    rows = [padded(symbols, 8) for symbols in expected]
    assert len({sum(map(bool, row)) for row in rows}) > 1
    totals = [log_prob(h, one) for h, one in zip(STATES, expected, strict=True)]
    symbols, log_probs, _ = search(beam=1, max_length=8)
    np.testing.assert_array_equal(symbols[:, 0], rows)
    np.testing.assert_allclose(log_probs[:, 0], totals, atol=1e-5)
    for options in ({"temperature": 0.0}, {"temperature": 0}, {"top_k": 1, "temperature": 5.0}):
        symbols, log_probs = draw(max_length=8, **options)
        assert symbols.dtype == np.int32
        np.testing.assert_array_equal(symbols, rows)
        np.testing.assert_allclose(log_probs, totals, atol=1e-5)


def test_a_beam_finds_what_is_likelier_than_the_greedy_sequence():
    one = search(beam=1, max_length=7, length_penalty=0.0)[1]
    wide = search(beam=7, max_length=7, length_penalty=0.0)[1]
    assert (wide[:, 0] > one[:, 0] - 1e-5).all()
    assert (wide[:, 0] > one[:, 0] + 0.1).any()


def test_a_length_penalty_favours_longer_sequences():
    # The end has p = 0.4, a piece 0.6: log p alone is best for the empty text.
    step = always(np.log([1e-9, 1e-9, 0.4, 0.6]))
    best = {
        penalty: np.count_nonzero(
            search(STATES[:1], step, beam=6, max_length=4, length_penalty=penalty)[0][0, 0]
        )
        for penalty in (0.0, 1.0)
    }
    assert best == {0.0: 0, 1.0: 4}


def test_what_fills_a_beam_is_last_whatever_the_penalty():
    symbols, log_probs, scores = search(beam=45, max_length=3, length_penalty=30.0)
    assert (log_probs[:, :40] > NEVER / 2).all()
    assert (log_probs[:, 40:] < NEVER / 2).all()
    assert len({tuple(row) for row in symbols[0, :40]}) == 40
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_batch_gives_what_each_row_alone_does():
    together = search(beam=4, max_length=6)
    for row in range(ROWS):
        alone = search(STATES[row : row + 1], beam=4, max_length=6)
        np.testing.assert_array_equal(alone[0][0], together[0][row])
        np.testing.assert_allclose(alone[1][0], together[1][row], atol=1e-5)
    symbols, _ = draw(max_length=6, temperature=0)
    for row in range(ROWS):
        np.testing.assert_array_equal(
            draw(STATES[row : row + 1], max_length=6, temperature=0)[0][0], symbols[row]
        )


@pytest.mark.parametrize(
    "logits", [[5, 5, 0, 1], [50, 50, -50, -50]], ids=["likely", "likelier by far"]
)
def test_padding_and_the_unknown_symbol_are_never_written(logits):
    step = always(logits)
    symbols, log_probs, _ = search(step=step, beam=3, max_length=4)
    assert set(symbols[log_probs > NEVER / 2].ravel()) <= {PADDING, 3}
    for options in ({}, {"top_k": 1}, {"top_k": 3}, {"temperature": 1e12}):
        symbols, _ = draw(np.zeros((50, UNITS)), step, max_length=4, seed=1, **options)
        # A piece, or the end and nothing after it.
        assert set(np.unique(symbols)) <= {PADDING, 3}
        assert (np.diff(symbols, axis=1) <= 0).all()


def counted(step):
    calls = []

    def counting(symbols, states, memory=()):
        calls.append(1)
        return step(symbols, states)

    return counting, calls


def test_decoding_stops_when_all_have_ended():
    ends, calls = counted(always([0, 0, 50, -50]))
    symbols, log_probs, _ = search(step=ends, beam=1, max_length=1000)
    assert len(calls) == 1
    assert not symbols.any()
    np.testing.assert_allclose(log_probs, 0, atol=1e-5)
    ends, calls = counted(always([0, 0, 50, -50]))
    symbols, log_probs = draw(step=ends, max_length=1000, seed=1)
    assert len(calls) == 2
    assert not symbols.any()
    np.testing.assert_allclose(log_probs, 0, atol=1e-5)


def test_the_first_step_is_of_one_sequence():
    """Which all others of a beam would only repeat."""
    widths = []

    def seen(symbols, states, memory=None):
        widths.append((symbols.shape[1], states[0].shape[1]))
        return step(symbols, states)

    whole = search(step=seen, beam=4, max_length=3)
    assert widths == [(1, 1), (4, 4), (4, 4)]
    one = search(beam=4, max_length=1)
    first = plain_beam_search(STATES[0], 4, 1, 1.0)
    np.testing.assert_array_equal(one[0][0, : len(first)], [padded(row[2], 1) for row in first])
    assert whole[0].shape == (ROWS, 4, 3)


def test_a_row_that_has_ended_takes_no_further_step():
    """Of each row the number that its memory holds is written, as often as the number says."""
    seen = []

    def repeat(symbols, states, memory):
        seen.append(np.array(memory["number"]).tolist())
        goes_on = states[0][..., 0] < ops.cast(memory["number"], "float32")
        likeliest = ops.where(goes_on, memory["number"] + BOUNDARY, BOUNDARY)
        return 100 * ops.one_hot(likeliest, SYMBOLS), [states[0] + 1]

    numbers = np.array([[2], [3], [1]], np.int32)
    nothing = [ops.zeros((3, 1), "float32")]
    symbols, *_ = beam_search(
        repeat, nothing, {"number": numbers, "mask": None}, batch_size=3, beam=1, max_length=9
    )
    expected = [padded([BOUNDARY + n] * n, 9) for n in (2, 3, 1)]
    np.testing.assert_array_equal(symbols[:, 0], expected)
    assert seen == [[[2], [3], [1]]] * 2 + [[[2], [3]], [[3]]]


@pytest.mark.parametrize(
    "logits",
    [[0, 0, -1e30, 1], [0, 0, -np.inf, 1], [np.nan] * 4],
    ids=["unlikely", "impossible", "NaN"],
)
def test_decoding_ends_though_the_boundary_never_comes(logits):
    symbols, *_ = search(step=always(logits), beam=2, max_length=9)
    assert symbols.shape == (ROWS, 2, 9)
    drawn, _ = draw(step=always(logits), max_length=9, seed=1)
    assert drawn.shape == (ROWS, 9)
    if not np.isnan(logits[0]):
        assert (symbols[:, 0] == 3).all()
        assert (drawn == 3).all()


def test_one_graph_for_any_batch_and_length():
    traces = []

    @tf.function(input_signature=[tf.TensorSpec((None, UNITS)), tf.TensorSpec((), tf.int32)])
    def searched(h, max_length):
        traces.append(1)
        rows = tf.shape(h)[0]
        first = tf.fill((rows,), BOUNDARY)
        options = {"batch_size": rows, "max_length": max_length}
        return (
            *beam_search(step, [h], beam=3, **options),
            *sample(step, [h], first=first, temperature=0.0, seed=1, **options),
        )

    for rows, max_length in ((3, 5), (1, 2), (2, 9)):
        part = STATES[:rows]
        found = searched(tf.constant(part, tf.float32), max_length)
        expected = [
            *search(part, beam=3, max_length=max_length),
            *draw(part, max_length=max_length, temperature=0),
        ]
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    empty = searched(tf.zeros((0, UNITS)), 4)
    assert [tuple(part.shape) for part in empty] == [(0, 3, 4), (0, 3), (0, 3), (0, 4), (0,)]
    assert len(traces) == 1


@pytest.mark.parametrize(
    ("temperature", "top_k"), [(1.0, None), (0.5, None), (2.0, None), (1.0, 2), (0.7, 3), (1, 100)]
)
def test_draws_are_as_frequent_as_they_are_likely(temperature, top_k):
    """Of two symbols, so that the second depends on the state and on the first."""
    count = 20_000
    symbols, log_probs = draw(
        np.repeat(STATES[:1], count, axis=0),
        max_length=2,
        temperature=temperature,
        top_k=top_k,
        seed=3,
    )

    def chances(last, h):
        logits, h = numpy_step(last, h)
        logits = np.where(np.arange(SYMBOLS) < BOUNDARY, -np.inf, logits)
        if top_k is not None:
            logits[np.argsort(-logits)[top_k:]] = -np.inf
        p = np.exp(logits / temperature)
        return p / p.sum(), h

    first, h = chances(BOUNDARY, STATES[0])
    expected = {(PADDING, PADDING): first[BOUNDARY]}
    for piece in PIECES:
        second, _ = chances(piece, h)
        for symbol in (BOUNDARY, *PIECES):
            row = (piece, PADDING if symbol == BOUNDARY else symbol)
            expected[row] = first[piece] * second[symbol]
    found = Counter(map(tuple, symbols.tolist()))
    assert found.keys() <= {row for row, chance in expected.items() if chance}
    for row, chance in expected.items():
        error = np.sqrt(chance * (1 - chance) / count)
        assert abs(found[row] / count - chance) < 5 * error + 1e-9, row
    for row in range(20):
        written = [symbol or BOUNDARY for symbol in symbols[row]]
        ended = 1 + written.index(BOUNDARY) if BOUNDARY in written else 2
        assert log_probs[row] == pytest.approx(log_prob(STATES[0], written[:ended]), abs=1e-5)


def test_the_same_seed_draws_the_same():
    rows = np.repeat(STATES, 10, axis=0)
    one, other, third = (draw(rows, max_length=6, seed=seed)[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()
    generator = keras.random.SeedGenerator(5)
    first, second = (draw(rows, max_length=6, seed=generator)[0] for _ in range(2))
    assert (first != second).any()
    # The rows of one batch are draws of their own.
    assert len({tuple(row) for row in draw(rows[:10] * 0, max_length=6, seed=5)[0]}) > 1


def test_a_temperature_for_each_row():
    rows = np.repeat(STATES[:1], 40, axis=0)
    temperatures = ops.convert_to_tensor(np.repeat([0.0, 3.0], 20)[:, None], "float32")
    symbols, _ = draw(rows, max_length=6, temperature=temperatures, seed=2)
    assert (symbols[:20] == padded(greedy(STATES[0], 6), 6)).all()
    assert len({tuple(row) for row in symbols[20:]}) > 5


def test_what_is_drawn_goes_on_from_the_symbol_before():
    first = [3, 4, 5]
    expected = [greedy(h, 6, symbol) for h, symbol in zip(STATES, first, strict=True)]
    symbols, log_probs = draw(first=np.array(first), max_length=6, temperature=0)
    np.testing.assert_array_equal(symbols, [padded(row, 6) for row in expected])
    assert log_probs[0] == pytest.approx(log_prob(STATES[0], expected[0], first[0]), abs=1e-5)


def test_low_precision_of_a_network_is_not_that_of_the_sums():
    def half(symbols, states, memory=()):
        logits, _ = step(symbols, [ops.cast(states[0], "float32")])
        return ops.cast(logits, "float16"), states

    rows = [ops.convert_to_tensor(STATES, "float16")]
    _, log_probs, scores = beam_search(half, rows, batch_size=ROWS, beam=3, max_length=4)
    assert log_probs.dtype == scores.dtype == "float32"
    assert np.isfinite(log_probs).all()
    drawn, log_probs = sample(
        half, rows, batch_size=ROWS, first=np.full(ROWS, 2), max_length=4, temperature=0
    )
    assert log_probs.dtype == "float32"
    np.testing.assert_array_equal(
        drawn, beam_search(half, rows, batch_size=ROWS, beam=1, max_length=4)[0][:, 0]
    )


@pytest.mark.parametrize(
    ("function", "change", "message"),
    [
        (search, {"beam": 0}, "beam must be a positive integer, got 0"),
        (search, {"beam": 1.5}, "beam must be a positive integer, got 1.5"),
        (search, {"max_length": 0}, "max_length must be a positive integer, got 0"),
        (search, {"max_length": np.int64(0)}, "max_length must be a positive integer"),
        (search, {"length_penalty": float("nan")}, "length_penalty must be a finite number"),
        (draw, {"max_length": -1}, "max_length must be a positive integer, got -1"),
        (draw, {"temperature": -0.1}, "temperature must be 0 or more, got -0.1"),
        (draw, {"temperature": np.float32(-1)}, "temperature must be 0 or more"),
        (draw, {"temperature": float("nan")}, "temperature must be 0 or more, got nan"),
        (draw, {"temperature": float("inf")}, "temperature must be 0 or more, got inf"),
        (draw, {"top_k": 0}, "top_k must be a positive integer, got 0"),
    ],
)
def test_bad_arguments(function, change, message):
    options = {"max_length": 3} | ({"beam": 2} if function is search else {}) | change
    with pytest.raises(ValueError, match=message):
        function(**options)
