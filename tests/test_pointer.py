"""The pointer to what was read before, against sums in NumPy, symbol by symbol."""

import keras
import numpy as np
import pytest
from helpers import random_model

import zoo
from zoo.layers import Pointer
from zoo.layers.pointer import mixed
from zoo.models.writing import Decoder

SYMBOLS, LENGTH, UNITS, FEATURES = 6, 4, 3, 5
ROWS, STEPS = 2, 9
_rng = np.random.default_rng(7)
H = _rng.normal(size=(ROWS, STEPS, FEATURES))
READ = _rng.integers(2, SYMBOLS, (ROWS, STEPS))
LOGITS = _rng.normal(size=(ROWS, STEPS, SYMBOLS))


def pointer(**options):
    layer = Pointer(SYMBOLS, LENGTH, **{"units": UNITS} | options)
    layer.build(H.shape)
    for i, variable in enumerate(layer.weights):
        variable.assign(np.random.default_rng(i).normal(size=variable.shape))
    return layer


def value(x):
    return keras.ops.convert_to_numpy(x)


def log_probs(layer, h, read, logits):
    """log p of every symbol after each step of a row, in float64."""
    query, bias, key, sentinel, sentinel_bias = (
        np.asarray(value(weight), "float64") for weight in layer.weights
    )
    rows = []
    for t in range(len(read)):
        q = h[t] @ query + bias
        own = (q @ sentinel + sentinel_bias)[0]
        before = range(max(0, t - LENGTH), t)
        scores = np.array([*(q @ (h[j] @ key) for j in before), own]) / UNITS**0.5
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        p = shares[-1] * np.exp(logits[t]) / np.exp(logits[t]).sum()
        for share, j in zip(shares, before, strict=False):
            p[read[j + 1]] += share
        rows.append(np.log(p))
    return np.array(rows)


EXPECTED = np.stack([log_probs(pointer(), *row) for row in zip(H, READ, LOGITS, strict=True)])


def as_float(x):
    return np.asarray(x, "float32")


def test_equals_sums_in_numpy():
    layer = pointer()
    found, states = layer(as_float(H), READ)
    assert found.shape == (ROWS, STEPS, 1 + SYMBOLS)
    assert [state.shape for state in states] == [(ROWS, LENGTH * UNITS), (ROWS, LENGTH)]
    np.testing.assert_allclose(value(mixed(as_float(LOGITS), found)), EXPECTED, atol=1e-5)
    np.testing.assert_allclose(np.exp(EXPECTED).sum(-1), 1, atol=1e-12)
    np.testing.assert_array_equal(value(states[1]), READ[:, -LENGTH:])


@pytest.mark.parametrize("cuts", [[1] * STEPS, [3, 6], [7, 2], [2, 1, 6]])
def test_parts_are_the_whole(cuts):
    layer = pointer()
    states, parts, start = None, [], 0
    for count in cuts:
        part = slice(start, start := start + count)
        found, states = layer(as_float(H[:, part]), READ[:, part], states)
        parts.append(value(mixed(as_float(LOGITS[:, part]), found)))
    np.testing.assert_allclose(np.concatenate(parts, axis=1), EXPECTED, atol=1e-5)


def test_rows_of_their_own_lengths():
    layer = pointer()
    lengths = np.array([3, 6])
    _, states = layer(as_float(H), READ, count=lengths[:, None])
    for row, length in enumerate(lengths):
        one = slice(row, row + 1)
        _, alone = layer(as_float(H[one, :length]), READ[one, :length])
        for found, expected in zip(states, alone, strict=True):
            np.testing.assert_allclose(value(found)[row], value(expected)[0], atol=1e-6)


def test_at_first_the_network_speaks_for_itself():
    layer = Pointer(SYMBOLS, 500, units=8)
    h = as_float(_rng.normal(size=(1, 400, FEATURES)))
    found, _ = layer(h, _rng.integers(2, SYMBOLS, (1, 400)))
    assert 0.8 < np.exp(value(found)[..., 0]).mean() < 0.99


def test_a_name_comes_again():
    """A network of one state and a pointer learns to repeat what it cannot know."""
    rng = np.random.default_rng(3)
    names = rng.integers(3, 13, (600, 6))
    target = np.concatenate([np.full((600, 1), 2), names, np.full((600, 1), 13), names], axis=1)
    before, after = target[:, :-1], target[:, 1:].copy()
    after[:, :7] = 0
    keras.utils.set_random_seed(0)
    accuracy = {}
    for length in (0, 8):
        model = zoo.build(
            "language_model", target_vocabulary=list("0123456789-"), units=32, embedding_units=16,
            dropout=0.0, pointer_length=length,
        )  # fmt: skip
        model.optimizer.learning_rate = 0.01
        model.fit({"target": before[:500]}, after[:500], epochs=25, batch_size=50, verbose=0)
        found = model.evaluate({"target": before[500:]}, after[500:], verbose=0, return_dict=True)
        accuracy[length] = found["accuracy"]
    assert accuracy[0] < 0.85 < 0.95 < accuracy[8], accuracy


@pytest.mark.parametrize("depth", [0, 2])
def test_steps_and_windows_of_a_language_model(depth, monkeypatch):
    model = random_model(
        "language_model", target_vocabulary=list("abcd"), units=5, depth=depth, pointer_length=4
    )
    text = "abcadbdbcaabcd"
    inputs, following = zoo.preprocessor(model).encode([text], [text])
    logits = model.predict(inputs, verbose=0)[0].astype("float64")
    np.testing.assert_allclose(np.exp(logits).sum(-1), 1, atol=1e-5)
    decoder = Decoder.of(model)
    states = [state[:, None] for state in decoder.initial_state(1)]
    step = decoder.stepping()
    for t in range(len(text)):
        symbols = keras.ops.convert_to_tensor(inputs["target"][:, t : t + 1])
        found, states = step(symbols, states)
        np.testing.assert_allclose(value(found)[0, 0], logits[t], atol=1e-5, err_msg=f"step {t}")
    expected = logits[np.arange(len(text)), following[0, : len(text)]].sum()
    for window in (1000, 5):
        monkeypatch.setattr("zoo.pipelines.writing.WINDOW", window)
        assert zoo.pipeline(model).log_prob(text) == pytest.approx(expected, abs=1e-4)


def test_what_is_drawn_can_be_copied():
    model = random_model(
        "language_model", target_vocabulary=list("abcd"), units=5, pointer_length=4
    )
    write = zoo.pipeline(model)
    prompts = ["ab", "", "abcadbdb"]
    answers = write(prompts, max_length=9, temperature=0.7, seed=3)
    for prompt, answer in zip(prompts, answers, strict=True):
        whole = write.log_prob(prompt + answer["output"]) - write.log_prob(prompt)
        if len(answer["output"]) == 9:
            assert answer["log_prob"] == pytest.approx(whole, abs=1e-4)
    assert any(len(answer["output"]) == 9 for answer in answers)


def test_config_and_bad_sizes():
    layer = Pointer(SYMBOLS, LENGTH, units=UNITS)
    again = Pointer.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    for name in ("symbols", "length", "units"):
        with pytest.raises(ValueError, match=f"{name} must be a positive integer, got 0"):
            Pointer(**{"symbols": 2, "length": 2, name: 0})
    with pytest.raises(ValueError, match="pointer_length must be an integer of 0 or more, got -1"):
        zoo.build("language_model", target_vocabulary=["a"], pointer_length=-1)


@pytest.mark.parametrize("format", ["onnx", "litert"])
def test_export(format, tmp_path):
    model = random_model(
        "language_model", target_vocabulary=list("abcd"), units=5, pointer_length=4
    )
    assert zoo.export(model, tmp_path / "exported", format=format).is_dir()
