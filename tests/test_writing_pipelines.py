"""What is written, from raw input to plain values: against steps of the model taken by hand."""

import json

import keras
import numpy as np
import pytest
from helpers import random_model, random_pictures, run_python

import zoo
from zoo import scores
from zoo.layers.words import BOUNDARY
from zoo.pipelines import writing
from zoo.pipelines.base import softmax

PHONEMES = ["▁AA", "▁B", "▁K", "▁IY", "▁SH"]
TEXTS = ["cab", "", "a", "Becca's", "été 🙂"]


@pytest.fixture(scope="module")
def model():
    # Large weights: random small ones make all symbols alike, and a search of them a lottery.
    model = random_model(
        "encoder_decoder",
        source_vocabulary=list("abces'"),
        target_vocabulary=PHONEMES,
        units=6,
        embedding_units=5,
        decoder_depth=2,
        attention="additive",
    )
    for variable in model.weights:
        variable.assign(3 * variable)
    return model


@pytest.fixture(scope="module")
def write(model):
    return zoo.pipeline(model)


@pytest.fixture(scope="module")
def language():
    model = random_model("language_model", target_vocabulary=list("abc \n"), units=7)
    for variable in model.weights:
        variable.assign(2 * variable)
    return model


def log_prob_of(model, text, output, ended=True):
    """log p of an output, from the logits of the whole target."""
    inputs, following = zoo.preprocessor(model).encode([text], [output])
    log_probs = np.log(softmax(model.predict(inputs, verbose=0)[0]))
    steps = log_probs[np.arange(len(following[0])), following[0]]
    return steps.sum() if ended else steps[:-1].sum()


def greedy(model, text, length):
    """The likeliest symbol after those before it, one call of the model each."""
    preprocessor = zoo.preprocessor(model)
    source = preprocessor.encode([text])["source"]
    symbols = [BOUNDARY]
    for _ in range(length):
        inputs = {"source": source, "target": np.array([symbols])}
        logits = model.predict_on_batch(inputs)[0, -1]
        best = 2 + int(np.argmax(logits[2:]))
        if best == BOUNDARY:
            break
        symbols.append(best)
    return preprocessor.target.text(symbols)


def test_answer_is_plain_and_the_best_of_its_alternatives(write):
    answer = write("cab", n_best=3)
    assert json.loads(json.dumps(answer)) == answer
    assert list(answer) == ["text", "output", "log_prob", "score", "alternatives"]
    best, *others = answer["alternatives"]
    assert {"text": "cab", **best} == {k: v for k, v in answer.items() if k != "alternatives"}
    assert len(others) == 2
    found = [one["score"] for one in answer["alternatives"]]
    assert found == sorted(found, reverse=True)
    assert len({one["output"] for one in answer["alternatives"]}) == 3


def test_log_prob_and_score_are_those_of_the_model(write, model):
    for one in write("Becca's", n_best=4, beam=5)["alternatives"]:
        length = len(one["output"].split())
        if length < 2 * 8 + 10:
            np.testing.assert_allclose(
                one["log_prob"], log_prob_of(model, "Becca's", one["output"]), atol=1e-3
            )
            np.testing.assert_allclose(one["score"], one["log_prob"] / (length + 1), rtol=1e-5)


@pytest.mark.parametrize("text", ["cab", "a", "été 🙂"])
def test_a_beam_of_one_is_greedy(write, model, text):
    assert write(text, beam=1, max_length=6)["output"] == greedy(model, text, 6)


def test_a_batch_is_as_each_alone(write):
    together = write(TEXTS, max_length=7, n_best=2)
    assert [answer["text"] for answer in together] == TEXTS
    for text, answer in zip(TEXTS, together, strict=True):
        alone = write(text, max_length=7, n_best=2)
        outputs = [one["output"] for one in answer["alternatives"]]
        assert outputs == [one["output"] for one in alone["alternatives"]]
        np.testing.assert_allclose(answer["score"], alone["score"], atol=1e-5)
    assert list(write(iter(TEXTS), max_length=7, n_best=2)) == together


def test_an_empty_text_has_an_empty_output(write):
    empty = {"output": "", "log_prob": 0.0, "score": 0.0}
    assert write("", n_best=3) == {"text": "", **empty, "alternatives": [empty]}


def test_a_long_text_is_read_to_its_end(write):
    text = "a" * 4999
    assert write(text + "b", max_length=5) != write(text + "c", max_length=5)


def test_writing_ends(write):
    assert len(write("ab")["output"].split()) <= 2 * 3 + 10
    assert len(write("ab", max_length=3)["output"].split()) <= 3


def test_attention_says_where_each_symbol_was_read(write, model):
    answer = write("cab", attention=True)
    found = answer["attention"]
    assert found["source"] == ["c", "a", "b", ""]
    assert found["output"] == [f"▁{one}" for one in answer["output"].split()] + [""]
    weights = np.array(found["weights"])
    assert weights.shape == (len(found["output"]), 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    # That of a text beside longer ones is its own.
    beside = write(["cab", "Becca's"], attention=True)[0]["attention"]
    count = min(len(weights), len(beside["weights"])) - 1
    np.testing.assert_allclose(beside["weights"][:count], weights[:count], atol=1e-5)


def test_attention_of_a_model_without():
    blind = random_model(
        "encoder_decoder",
        source_vocabulary=["a"],
        target_vocabulary=["b"],
        units=4,
        attention="none",
    )
    write = zoo.pipeline(blind)
    assert isinstance(write("a")["output"], str)
    with pytest.raises(ValueError, match=r"attention: .* has none"):
        write("a", attention=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam must be a positive integer, got 0"),
        ({"beam": 6}, "beam must be from 1 to the 5 symbols, got 6"),
        ({"beam": 2, "n_best": 3}, "beam must be n_best=3 or more, got 2"),
        ({"n_best": 0}, "n_best must be a positive integer, got 0"),
        ({"n_best": "2"}, "n_best must be a positive integer, got '2'"),
        ({"max_length": 0}, "max_length must be a positive integer, got 0"),
    ],
)
def test_bad_options(write, options, message):
    with pytest.raises(ValueError, match=message):
        write("a", **options)


@pytest.mark.parametrize("wrong", [[1], ["a", None], [b"a"]])
def test_what_is_no_text(write, wrong):
    with pytest.raises(TypeError, match="texts must hold texts"):
        write(wrong)


def test_captions_of_pictures():
    model = random_model("vector_to_sequence", target_vocabulary=list("abc"), units=5)
    write = zoo.pipeline(model)
    pictures = random_pictures(3)
    answers = write(pictures, n_best=2, max_length=4)
    assert [write(picture, n_best=2, max_length=4)["output"] for picture in pictures] == [
        answer["output"] for answer in answers
    ]
    assert list(answers[0]) == ["output", "log_prob", "score", "alternatives"]
    assert len(write(pictures[0])["output"]) <= writing.CAPTION
    assert write(pictures[0], max_length=None) == write(pictures[0])


@pytest.mark.parametrize("attention", ["none", "scaled_dot"])
def test_what_a_model_of_mixed_precision_writes(attention):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        sources = {"source_vocabulary": list("abc"), "target_vocabulary": PHONEMES}
        mixed = random_model("encoder_decoder", units=6, attention=attention, **sources)
        language = random_model("language_model", target_vocabulary=list("abc"), units=7)
    finally:
        keras.config.set_dtype_policy("float32")
    answer = zoo.pipeline(mixed)("abc", max_length=5)
    ended = len(answer["output"].split()) < 5
    found = log_prob_of(mixed, "abc", answer["output"], ended=ended)
    assert answer["log_prob"] == pytest.approx(found, abs=0.2)
    steps = zoo.pipeline(language).log_probs("abc" * 40)
    rounded = keras.ops.cast(keras.ops.cast(steps, "bfloat16"), "float64")
    assert (steps != keras.ops.convert_to_numpy(rounded)).mean() > 0.9


def test_probabilities_that_are_no_numbers():
    model = random_model("vector_to_sequence", target_vocabulary=list("abc"), units=5)
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan))
    with pytest.raises(ValueError, match="probabilities that are no numbers"):
        zoo.pipeline(model)(random_pictures(1))


def test_draws_can_be_repeated(language):
    write = zoo.pipeline(language)
    first = write(["ab", "c"], seed=3, max_length=20)
    assert write(["ab", "c"], seed=3, max_length=20) == first
    assert write(["ab", "c"], seed=4, max_length=20) != first
    # Two that are read side by side do not meet.
    streams = [write(iter(["ab", "c"]), seed=3, max_length=20, batch_size=1) for _ in range(2)]
    assert [*zip(*streams, strict=True)] == [
        (one, one) for one in write(["ab", "c"], seed=3, max_length=20, batch_size=1)
    ]
    assert list(first[0]) == ["text", "output", "log_prob", "score"]
    assert len({write("ab", max_length=20)["output"] for _ in range(5)}) > 1


def test_what_is_drawn_has_the_probability_it_has(language):
    write = zoo.pipeline(language)
    for prompt in ("", "ab", "cab\n"):
        answer = write(prompt, seed=1, max_length=5, temperature=2.0)
        whole = log_prob_of(language, "", prompt + answer["output"], ended=False)
        ended = len(answer["output"]) < 5
        if ended:
            whole = log_prob_of(language, "", prompt + answer["output"])
        before = log_prob_of(language, "", prompt, ended=False)
        np.testing.assert_allclose(answer["log_prob"], whole - before, atol=1e-4)
        length = len(answer["output"]) + ended
        np.testing.assert_allclose(answer["score"], answer["log_prob"] / length, rtol=1e-5)


def test_without_temperature_the_likeliest_is_drawn(language):
    write = zoo.pipeline(language)
    cold = write("ab", temperature=0, max_length=8)
    assert cold == write("ab", temperature=0, max_length=8)
    assert cold["output"] == write("ab", top_k=1, max_length=8, temperature=3.0)["output"]


def test_a_long_text_is_walked_in_windows(language, monkeypatch):
    model = zoo.pipeline(language)
    text = "abc a\nb" * 5
    whole = model.log_prob(text)
    np.testing.assert_allclose(whole, log_prob_of(language, "", text, ended=False), rtol=1e-5)
    monkeypatch.setattr(writing, "WINDOW", 4)
    np.testing.assert_allclose(model.log_prob(text), whole, rtol=1e-5)
    assert model.log_prob("") == 0
    nats = scores.language_modelling(model, [text, "b"], {})["nats"]
    np.testing.assert_allclose(nats, -(whole + model.log_prob("b")) / (len(text) + 1), rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature must be 0 or more, got -1"),
        ({"temperature": float("nan")}, "temperature must be 0 or more, got nan"),
        ({"temperature": "hot"}, "temperature must be 0 or more, got 'hot'"),
        ({"top_k": 0}, "top_k must be a positive integer, got 0"),
        ({"top_k": 6}, "top_k must be from 1 to the 5 symbols, got 6"),
        ({"max_length": 0}, "max_length must be a positive integer, got 0"),
        ({"seed": -1}, "seed must be an integer from 0"),
    ],
)
def test_bad_options_of_draws(language, options, message):
    with pytest.raises(ValueError, match=message):
        zoo.pipeline(language)("a", **options)


def test_error_rates_are_those_of_the_nearest_pronunciation(monkeypatch, write):
    found = {"a": "AA B", "b": "B IY", "c": "K K K", "d": ""}
    right = [["AA", "AA B"], ["B AA", "IY"], ["SH"], ["B"]]
    monkeypatch.setattr(
        type(write), "__call__", lambda self, texts: [{"output": found[t]} for t in texts]
    )
    rates = scores.sequence_to_sequence(write, list(found), {"outputs": right})
    # Edits 0, 1, 3 and 1, of 2, 2, 1 and 1 symbols.
    assert rates == {"per": 5 / 6, "wer": 3 / 4}


def test_a_translation_is_scored_by_sacrebleu(monkeypatch):
    import sacrebleu

    model = random_model(
        "encoder_decoder", source_vocabulary=["a"], target_vocabulary=["▁a", "b"], units=3
    )
    write = zoo.pipeline(model)
    texts = ["ein Hund läuft schnell im Schnee", "zwei Hunde"]
    outputs = [["ein Hund läuft im Schnee"], ["zwei Hunde schlafen"]]
    monkeypatch.setattr(type(write), "__call__", lambda self, texts: [{"output": t} for t in texts])
    found = scores.sequence_to_sequence(write, texts, {"outputs": outputs})
    references = [[one for (one,) in outputs]]
    assert found["bleu"] == sacrebleu.corpus_bleu(texts, references).score > 0
    assert found["chrf"] == sacrebleu.corpus_chrf(texts, references).score
    assert "tok:13a" in scores.signature(found)
    assert scores.signature({"per": 0.1}) is None


SERVE = """
import sys

# None makes an import fail: what is loaded must need neither.
sys.modules["zoo"] = sys.modules["keras"] = None

import json
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
answers = []
for texts in json.loads(sys.argv[2]):
    extra = {"temperature": tf.constant(0.0)} if len(sys.argv) > 3 else {}
    answer = serve(texts=tf.constant(texts), **extra)
    answers.append([text.decode() for text in answer["outputs"].numpy()])
print("answers:", json.dumps(answers))
"""


def served(model, tmp_path, batches, *extra):
    folder = zoo.export(model, tmp_path / "exported")
    output = run_python(SERVE, folder, json.dumps(batches), *extra).stdout
    return json.loads(output.partition("answers:")[2])


def test_a_saved_model_takes_strings_and_returns_strings(model, write, tmp_path):
    batches = [TEXTS, ["cab"], ["a" * 50, "b"]]
    expected = [[answer["output"] for answer in write(texts)] for texts in batches]
    assert served(model, tmp_path, batches) == expected


def test_a_saved_language_model(language, tmp_path):
    texts = ["ab", "", "cab\n"]
    answers = zoo.pipeline(language)(texts, temperature=0)
    expected = [answer["output"] for answer in answers]
    assert served(language, tmp_path, [texts], "temperature") == [expected]


def test_what_a_model_of_another_precision_stores(model, tmp_path):
    sha256 = zoo.save(model, tmp_path / "half", dtype="float16")
    half = zoo.load(tmp_path / "half", sha256=sha256)
    zoo.verify(half)
    whole = zoo.save(model, tmp_path / "whole") and (tmp_path / "whole/model.safetensors")
    assert whole.stat().st_size > 1.5 * (tmp_path / "half/model.safetensors").stat().st_size
    for found, variable in zip(half.weights, model.weights, strict=True):
        value = keras.ops.convert_to_numpy(variable)
        np.testing.assert_array_equal(found, value.astype("float16").astype("float32"))
    with pytest.raises(ValueError, match=r"dtype must be .* got 'int8'"):
        zoo.save(model, tmp_path / "no", dtype="int8")
    large = zoo.load(model)
    large.weights[0].assign(large.weights[0] + 1e6)
    with pytest.raises(ValueError, match="is too large for float16"):
        zoo.save(large, tmp_path / "no", dtype="float16")
    assert not (tmp_path / "no").exists()
