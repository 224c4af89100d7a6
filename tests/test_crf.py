"""The CRF against an enumeration of all sequences of tags, and what is special to it."""

import itertools

import keras
import numpy as np
import pytest
import references
import tensorflow as tf
from conformance import random_input, randomize, value
from keras import layers

from zoo.layers import CRF
from zoo.layers.crf import (
    log_partition,
    marginals,
    negative_log_likelihood,
    potentials,
    viterbi,
)

FEATURES, TAGS, STEPS = 4, 3, 5
BATCH = 4
LENGTHS = np.array([5, 3, 1, 2])
MASK = np.arange(STEPS) < LENGTHS[:, None]

in_training_or_not = pytest.mark.parametrize("training", [False, True])
masked_or_not = pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])


def random_crf(tags=TAGS, seed=0):
    layer = CRF(tags)
    layer.build((None, None, FEATURES))
    return randomize(layer, seed)


def sequences(steps=STEPS, batch=BATCH):
    return np.random.default_rng(1).normal(size=(batch, steps, FEATURES)).astype("float32")


def random_tags(steps=STEPS, batch=BATCH, tags=TAGS):
    return np.random.default_rng(2).integers(0, tags, (batch, steps))


def lengths_of(x, mask):
    return [x.shape[1]] * len(x) if mask is None else mask.sum(axis=1)


# The reference: every sequence of tags has its score, from the equation in float64.


def score(path, x, kernel, bias, transitions, start, end):
    emissions = x @ kernel + bias
    total = start[path[0]] + end[path[-1]]
    total += sum(emissions[t, tag] for t, tag in enumerate(path))
    return total + sum(transitions[i, j] for i, j in itertools.pairwise(path))


def enumeration(x, weights):
    """All sequences of tags of one input without padding, and the score of each."""
    x, *weights = (np.asarray(array, "float64") for array in (x, *weights))
    paths = list(itertools.product(range(len(weights[1])), repeat=len(x)))
    return np.array(paths), np.array([score(path, x, *weights) for path in paths])


def enumerated_log_partition(x, weights):
    return np.log(np.exp(enumeration(x, weights)[1]).sum())


def enumerated_loss(tags, x, weights):
    paths, scores = enumeration(x, weights)
    (index,) = np.flatnonzero((paths == tags).all(axis=1))
    return np.log(np.exp(scores).sum()) - scores[index]


def enumerated_marginals(x, weights):
    paths, scores = enumeration(x, weights)
    p = np.exp(scores) / np.exp(scores).sum()
    return np.array(
        [[p[paths[:, t] == tag].sum() for tag in range(len(weights[1]))] for t in range(len(x))]
    )


@in_training_or_not
@masked_or_not
@pytest.mark.parametrize("tags", [1, 2, TAGS])
def test_log_partition_is_the_sum_over_all_paths(tags, mask, training):
    layer, x = random_crf(tags), sequences()
    expected = [
        enumerated_log_partition(one[:length], layer.get_weights())
        for one, length in zip(x, lengths_of(x, mask), strict=True)
    ]
    np.testing.assert_allclose(
        log_partition(layer(x, mask=mask, training=training)), expected, atol=1e-5
    )


@in_training_or_not
@masked_or_not
@pytest.mark.parametrize("tags", [1, 2, TAGS])
def test_negative_log_likelihood_is_that_of_the_path_among_all(tags, mask, training):
    layer, x, y = random_crf(tags), sequences(), random_tags(tags=tags)
    expected = [
        enumerated_loss(tags[:length], one[:length], layer.get_weights())
        for tags, one, length in zip(y, x, lengths_of(x, mask), strict=True)
    ]
    loss = negative_log_likelihood(y, layer(x, mask=mask, training=training))
    np.testing.assert_allclose(loss, expected, atol=1e-5)


@in_training_or_not
@masked_or_not
@pytest.mark.parametrize("seed", range(5))
def test_viterbi_is_the_best_of_all_paths(seed, mask, training):
    layer, x = random_crf(seed=seed), sequences()
    tags = value(viterbi(layer(x, mask=mask, training=training)))
    assert tags.dtype == "int32"
    assert tags.shape == x.shape[:2]
    for one, found, length in zip(x, tags, lengths_of(x, mask), strict=True):
        paths, scores = enumeration(one[:length], layer.get_weights())
        np.testing.assert_array_equal(found[:length], paths[scores.argmax()])


@in_training_or_not
@masked_or_not
def test_marginals_are_sums_over_paths(mask, training):
    layer, x = random_crf(), sequences()
    p = value(marginals(layer(x, mask=mask, training=training)))
    np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-6)
    for one, found, length in zip(x, p, lengths_of(x, mask), strict=True):
        expected = enumerated_marginals(one[:length], layer.get_weights())
        np.testing.assert_allclose(found[:length], expected, atol=1e-6)


def test_best_path_is_not_the_likeliest_tag_of_each_step():
    # Or the tests above could not tell viterbi from the marginals.
    potentials = random_crf()(sequences(batch=50))
    assert np.any(value(viterbi(potentials)) != value(marginals(potentials)).argmax(axis=-1))


@in_training_or_not
@masked_or_not
def test_gradient_of_the_loss(mask, training):
    layer, x, y = random_crf(), sequences(), random_tags()
    factors = np.array([0.5, -1, 2, 3], "float32")

    def loss(x, *weights):
        return sum(
            factor * enumerated_loss(tags[:length], one[:length], weights)
            for factor, tags, one, length in zip(factors, y, x, lengths_of(x, mask), strict=True)
        )

    numeric = references.numeric_gradients(loss, [x, *layer.get_weights()])
    with tf.GradientTape() as tape:
        inputs = tf.Variable(x)
        potentials = layer(inputs.value(), mask=mask, training=training)
        total = tf.reduce_sum(factors * negative_log_likelihood(y, potentials))
    exact = tape.gradient(total, [inputs, *(weight.value for weight in layer.weights)])
    for one, other in zip(exact, numeric, strict=True):
        assert np.abs(other).max() > 0.1
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_gradient_of_the_log_partition_is_the_marginals():
    # Of each emission, and so of what is added to every row of its step.
    potentials = random_crf()(sequences())
    with tf.GradientTape() as tape:
        extra = tf.Variable(tf.zeros(potentials.shape[:3]))
        total = tf.reduce_sum(log_partition(potentials + extra[:, :, None, :]))
    np.testing.assert_allclose(tape.gradient(total, extra), marginals(potentials), atol=1e-5)


# Potentials


def test_potentials_are_what_the_score_gains():
    layer, x = random_crf(), sequences()
    kernel, bias, transitions, start, end = layer.get_weights()
    expected = (x @ kernel + bias)[:, :, None, :] + np.where(
        np.arange(STEPS)[:, None, None] == 0, start, transitions
    )
    for b, length in enumerate(LENGTHS):
        expected[b, length - 1] += end
        expected[b, length:] = np.where(np.eye(TAGS), 0, -1e30)
    potentials = layer(x, mask=MASK)
    assert keras.backend.standardize_dtype(potentials.dtype) == "float32"
    np.testing.assert_allclose(potentials, expected, atol=1e-5)


@masked_or_not
@pytest.mark.parametrize("tags", [1, TAGS])
def test_scores_of_training_make_the_same_potentials(tags, mask):
    layer, x = random_crf(tags), sequences()
    scores = layer(x, mask=mask, training=True)
    assert scores.shape == (BATCH, STEPS + tags, tags)
    np.testing.assert_array_equal(potentials(scores), layer(x, mask=mask))


def test_large_scores_in_training():
    layer, x = random_crf(), sequences(60)
    kernel, bias, transitions, start, end = layer.get_weights()
    large = [1000 * weight for weight in (kernel, bias)]
    layer.set_weights([*large, 20 * transitions, 1000 * start, 1000 * end])
    expected, found = (layer(x, training=training) for training in (False, True))
    tags = viterbi(expected)
    np.testing.assert_array_equal(viterbi(found), tags)
    # float32 has four digits after a sum of 60 numbers of some thousands.
    np.testing.assert_allclose(log_partition(found), log_partition(expected), rtol=1e-5)
    np.testing.assert_allclose(negative_log_likelihood(tags, found), 0, atol=0.5)


def test_forbidden_transitions_in_training():
    layer, x = random_crf(), sequences()
    kernel, bias, transitions, start, end = layer.get_weights()
    transitions[0, TAGS - 1] = -1e9
    layer.set_weights([kernel, bias, transitions, start, end])
    tags = value(viterbi(layer(x)))
    for training in (False, True):
        with tf.GradientTape() as tape:
            loss = negative_log_likelihood(tags, layer(x, training=training))
        expected = [
            enumerated_loss(path, one, layer.get_weights())
            for path, one in zip(tags, x, strict=True)
        ]
        np.testing.assert_allclose(loss, expected, atol=1e-5)
        gradient = value(tape.gradient(loss, layer.transitions.value))
        assert gradient[0, TAGS - 1] == pytest.approx(0, abs=1e-6)
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_all_is_float32_under_every_policy(policy):
    layer = CRF(TAGS, dtype=policy)
    x = sequences()
    symbolic = layer(keras.Input((None, FEATURES), dtype="float16"))
    assert symbolic.dtype == "float32"
    assert {variable.dtype for variable in randomize(layer).weights} == {"float32"}
    np.testing.assert_array_equal(value(layer(x)), value(random_crf()(x)))
    twin = CRF.from_config(layer.get_config())
    assert twin.dtype == "float32"


# Padding


def results(potentials, tags):
    return {
        "log_partition": value(log_partition(potentials)),
        "loss": value(negative_log_likelihood(tags, potentials)),
        "viterbi": value(viterbi(potentials)),
        "marginals": value(marginals(potentials)),
    }


@pytest.mark.parametrize("steps", [1, 2, STEPS])
@pytest.mark.parametrize("filling", [-1, 0, TAGS - 1, 1000])
def test_padding_changes_nothing(steps, filling):
    layer, x, y = random_crf(), sequences(steps), random_tags(steps)
    plain = results(layer(x), y)
    padded = np.concatenate([x, np.full_like(x[:, :1], 50), sequences(3)], axis=1)
    mask = np.arange(steps + 4) < np.full((len(x), 1), steps)
    y = np.concatenate([y, np.full((len(y), 4), filling)], axis=1)
    for name, result in results(layer(padded, mask=mask), y).items():
        kept = result[:, :steps] if result.ndim > 1 else result
        np.testing.assert_allclose(kept, plain[name], atol=1e-6, err_msg=name)


def test_one_step_is_a_softmax():
    layer, x = random_crf(), sequences(1)
    kernel, bias, _, start, end = layer.get_weights()
    logits = x[:, 0] @ kernel + bias + start + end
    found = results(layer(x), logits.argmax(axis=-1)[:, None])
    np.testing.assert_array_equal(found["viterbi"][:, 0], logits.argmax(axis=-1))
    p = references.softmax(logits)
    np.testing.assert_allclose(found["marginals"][:, 0], p, atol=1e-6)
    np.testing.assert_allclose(found["loss"], -np.log(p.max(axis=-1)), atol=1e-6)


@in_training_or_not
def test_sequence_of_padding_alone_neither_counts_nor_breaks(training):
    layer, x = random_crf(), sequences()
    mask = MASK & (np.arange(len(x)) != 1)[:, None]
    tags = np.where(mask, random_tags(), -1)
    with tf.GradientTape() as tape:
        inputs = tf.Variable(x)
        loss = negative_log_likelihood(tags, layer(inputs.value(), mask=mask, training=training))
    assert loss[1] == 0
    variables = [weight.value for weight in layer.weights]
    d_x, *d_weights = tape.gradient(loss, [inputs, *variables])
    assert np.isfinite(d_x).all()
    assert np.all(value(d_x)[~mask] == 0)
    assert all(np.isfinite(value(d)).all() for d in d_weights)


def test_large_scores_and_long_sequences():
    layer = random_crf()
    layer.set_weights([1000 * weight for weight in layer.get_weights()])
    x = sequences(60)
    potentials = layer(x)
    tags = viterbi(potentials)
    # One sequence is so much better than all others that it has all of the probability.
    np.testing.assert_allclose(negative_log_likelihood(tags, potentials), 0, atol=0.5)
    assert np.isfinite(log_partition(potentials)).all()
    np.testing.assert_array_equal(value(marginals(potentials)).argmax(axis=-1), value(tags))


def test_forbidden_transitions_are_not_padding():
    layer, x = random_crf(), sequences()
    kernel, bias, transitions, start, end = layer.get_weights()
    transitions[0, TAGS - 1], start[TAGS - 1] = -1e9, -1e9
    layer.set_weights([kernel, bias, transitions, start, end])
    tags = value(viterbi(layer(x)))
    assert np.all(tags[:, 0] != TAGS - 1)
    assert not np.any((tags[:, :-1] == 0) & (tags[:, 1:] == TAGS - 1))
    expected = [
        enumerated_loss(path, one, layer.get_weights()) for path, one in zip(tags, x, strict=True)
    ]
    np.testing.assert_allclose(negative_log_likelihood(tags, layer(x)), expected, atol=1e-5)


def test_tag_that_is_too_large_gives_nan():
    tags = random_tags()
    tags[1, 2] = TAGS
    loss = value(negative_log_likelihood(tags, random_crf()(sequences())))
    np.testing.assert_array_equal(np.isnan(loss), np.arange(len(loss)) == 1)


# Errors


@pytest.mark.parametrize("tags", [0, -1, 2.5, True, None, "3"])
def test_number_of_tags_must_be_positive(tags):
    with pytest.raises(ValueError, match="tags must be a positive integer"):
        CRF(tags)


@pytest.mark.parametrize("shape", [(2, FEATURES), (2, 3, 4, FEATURES)])
def test_input_must_have_three_axes(shape):
    for layer in (CRF(TAGS), random_crf()):
        with pytest.raises(ValueError, match="expected ndim=3"):
            layer(np.zeros(shape, "float32"))


def test_features_must_be_known_and_stay():
    with pytest.raises(ValueError, match="last axis is known"):
        CRF(TAGS)(keras.Input((5, None)))
    with pytest.raises(ValueError, match="expected axis -1"):
        random_crf()(np.zeros((2, 3, FEATURES + 1), "float32"))


@pytest.mark.parametrize(
    "shape",
    [(STEPS,), (4, STEPS, 1), (4, STEPS, FEATURES), (4, STEPS - 1), (3, STEPS), (4, 1)],
)
def test_mask_must_be_of_batch_and_time(shape):
    with pytest.raises(ValueError, match=r"mask \(batch, time\), here \(4, 5\), got the shape"):
        random_crf()(sequences(), mask=np.ones(shape, bool))


# In models


def cycles():
    """Tags that go round, 0 1 2 0 …, of which the input shows the first alone; many lengths."""
    rng = np.random.default_rng(4)
    y = (rng.integers(0, TAGS, (64, 1)) + np.arange(8)) % TAGS
    x = np.zeros((64, 8, TAGS), "float32")
    x[np.arange(64), 0, y[:, 0]] = 1
    x[:, 1:] = rng.normal(scale=0.1, size=x[:, 1:].shape)
    padding = np.arange(8) >= rng.integers(1, 9, (64, 1))
    return np.where(padding[..., None], 9, x), np.where(padding, -1, y)


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((None, TAGS)), layers.Masking(9.0), CRF(TAGS, name="tags")]
    )
    model.compile(keras.optimizers.Adam(0.3), loss=negative_log_likelihood)
    x, y = cycles()
    history = model.fit(x, y, batch_size=16, epochs=15, verbose=0).history["loss"]
    return model, history


def test_fit_learns_a_transition_rule(trained):
    model, history = trained
    x, y = cycles()
    potentials = model.predict(x, verbose=0)
    tags = value(viterbi(potentials))
    assert history[-1] < 0.1 * history[0]
    np.testing.assert_array_equal(np.where(y < 0, -1, tags), y)
    # It is the transitions that carry the first tag along: the emissions cannot know.
    kernel, bias = model.layers[-1].get_weights()[:2]
    guesses = (x @ kernel + bias).argmax(axis=-1)
    assert np.mean((guesses == y)[:, 1:][y[:, 1:] >= 0]) < 0.6
    loss = value(negative_log_likelihood(y, potentials))
    np.testing.assert_allclose(model.evaluate(x, y, verbose=0), loss.mean(), rtol=1e-4)


def test_compiled_model_comes_back_with_its_loss(trained, tmp_path):
    model, _ = trained
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x, y = cycles()
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
    loaded.fit(x, y, verbose=0)


def test_saved_model_of_any_batch_and_length(trained, tmp_path):
    model, _ = trained
    layer = model.layers[-1]

    def decode(x, mask):
        potentials = layer(x, mask=mask)
        return {
            "log_partition": log_partition(potentials),
            "viterbi": viterbi(potentials),
            "marginals": marginals(potentials),
        }

    archive = keras.export.ExportArchive()
    archive.track(model)
    specs = [tf.TensorSpec((None, None, TAGS)), tf.TensorSpec((None, None), tf.bool)]
    archive.add_endpoint("decode", decode, specs)
    archive.write_out(tmp_path, verbose=False)
    exported = tf.saved_model.load(tmp_path)
    x, y = cycles()
    for batch, steps in [(64, 8), (5, 3), (1, 1)]:
        part, mask = x[:batch, :steps], y[:batch, :steps] >= 0
        expected = decode(part, mask)
        found = exported.decode(part, mask)
        assert found.keys() == expected.keys()
        for name, result in found.items():
            np.testing.assert_allclose(result, expected[name], atol=1e-4, err_msg=name)


@in_training_or_not
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_graph_of_unknown_length_has_the_gradient(jit_compile, training):
    layer, y = random_crf(), random_tags()

    def gradients(x, mask, tags):
        with tf.GradientTape() as tape:
            loss = negative_log_likelihood(tags, layer(x, mask=mask, training=training))
        return loss, *tape.gradient(loss, layer.trainable_variables)

    graph = tf.function(
        gradients,
        [
            tf.TensorSpec((None, None, FEATURES)),
            tf.TensorSpec((None, None), tf.bool),
            tf.TensorSpec((None, None), tf.int64),
        ],
        jit_compile=jit_compile,
    )
    for steps in (STEPS, 1):
        arguments = sequences()[:, :steps], MASK[:, :steps], y[:, :steps]
        for one, other in zip(
            graph(*arguments), gradients(*map(tf.constant, arguments)), strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_weights_start_at_zero_but_the_kernel():
    layer = CRF(TAGS, kernel_initializer="ones")
    layer(random_input((STEPS, FEATURES)))
    assert [weight.name for weight in layer.weights] == [
        "kernel",
        "bias",
        "transitions",
        "start",
        "end",
    ]
    kernel, *others = layer.get_weights()
    assert np.all(kernel == 1)
    assert not any(weight.any() for weight in others)
