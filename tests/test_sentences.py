"""From a raw sentence to labelled words: the preprocessor, its graph, and the pipelines."""

import json
import string
from itertools import pairwise

import numpy as np
import pytest
from helpers import random_model, run_python

import zoo
from zoo.pipelines.base import AT_ONCE
from zoo.pipelines.sentence import chunks
from zoo.preprocessing.sentence import (
    LETTERS,
    SentencePreprocessor,
    normalised,
    tokens_of,
    vocabulary_of,
)

VOCABULARY = ["on", "leave", "arrive", "november", "0nd", "flights", "i̇", "straße", "σ"]
LABELS = ["O", "B-city", "I-city", "B-date", "I-date"]
INTENTS = ["book", "ask"]
TEXT = "leave Taipei on November 2nd"
NASTY = [
    "",
    "   ",
    TEXT,
    "\tTwo\u00a0kinds\u3000of  space \n",
    "emoji 👩‍👩‍👧 and 🇹🇼",
    "a\0b \0",
    "עברית مرحبا LEFT",
    "İstanbul ΣΊΣΥΦΟΣ Straße ǅ ﬁ",
    "\u2028line\x85break\x1cend",
    "x" * 100,
    "123 4٣5 ²",
    "\ufeffmark \u200bzero width",
]


@pytest.fixture(scope="module", params=["slot_filler", "tagger", "tagger without CRF"])
def model(request):
    kinds = {
        "slot_filler": ("slot_filler", {"intents": INTENTS, "window": [1, 1]}),
        "tagger": ("tagger", {"depth": 2, "highway": True}),
        "tagger without CRF": ("tagger", {"crf": False, "cell": "gru"}),
    }
    builder, config = kinds[request.param]
    return random_model(builder, labels=LABELS, vocabulary=VOCABULARY, units=5, **config)


@pytest.fixture(scope="module")
def label(model):
    return zoo.pipeline(model)


def random_texts(count=300):
    rng = np.random.default_rng(7)
    alphabet = [*string.printable, *"éßŁİΣ北🇹👩\u200d\u00a0\u3000\u2029\x1f\ufeff\0٣"]
    # By number: an array of strings would lose a NUL.
    lengths = rng.integers(0, 40, count)
    return ["".join(alphabet[i] for i in rng.integers(0, len(alphabet), n)) for n in lengths]


@pytest.mark.parametrize("text", [*NASTY, *random_texts()])
def test_tokens_are_where_they_say(text):
    tokens = tokens_of(text)
    assert [token.text for token in tokens] == text.split()
    assert all(text[token.start : token.end] == token.text for token in tokens)
    assert all(a.end <= b.start for a, b in pairwise(tokens))


@pytest.mark.parametrize("text", [*NASTY, *random_texts()])
def test_normalised_words_are_as_long_as_they_were(text):
    assert len(normalised(text)) == len(text)


def test_vocabulary_has_the_most_frequent_words_first():
    sentences = [["On", "2nd", "on"], ["4nd", "ON", "b", "a"]]
    assert vocabulary_of(sentences) == ["on", "0nd", "a", "b"]
    assert vocabulary_of(sentences, least=2) == ["on", "0nd"]


def test_encoding():
    inputs = SentencePreprocessor(LABELS, VOCABULARY).encode([TEXT, "on x"])
    np.testing.assert_array_equal(inputs["words"], [[3, 1, 2, 5, 6], [2, 1, 0, 0, 0]])
    assert inputs["words"].dtype == inputs["characters"].dtype == np.int32
    assert inputs["characters"].shape == (2, 5, len("November"))
    letters = ["".join(map(chr, row[row > 0])) for row in inputs["characters"][0]]
    assert letters == ["leave", "taipei", "on", "november", "0nd"]
    cased = SentencePreprocessor(LABELS, VOCABULARY, cased_letters=True).encode(TEXT)
    letters = ["".join(map(chr, row[row > 0])) for row in cased["characters"][0]]
    assert letters == ["leave", "Taipei", "on", "November", "0nd"]
    np.testing.assert_array_equal(cased["words"], inputs["words"][:1])


def test_long_words_are_known_by_their_first_letters():
    inputs = SentencePreprocessor(LABELS, VOCABULARY).encode("x" * 1000)
    assert inputs["characters"].shape == (1, 1, LETTERS)


def test_targets():
    preprocessor = SentencePreprocessor(LABELS, VOCABULARY, INTENTS)
    sentences = [["on", "a"], ["b"]]
    _, targets = preprocessor.encode(
        sentences, {"labels": [["O", "B-city"], [3]], "intents": ["ask", 0]}
    )
    np.testing.assert_array_equal(targets["labels"], [[0, 1], [3, -1]])
    np.testing.assert_array_equal(targets["intents"], [1, 0])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {"labels": [["O"], ["O"]], "intents": ["ask", "ask"]},
            r"labels\[0\] must have one for each of 2 words",
        ),
        ({"labels": [["O", "X"], ["O"]], "intents": ["ask", "ask"]}, "got 'X'"),
        ({"labels": [["O", "O"]], "intents": ["ask", "ask"]}, "labels of 1 sentences for 2"),
        ({"labels": [["O", "O"], ["O"]], "intents": ["ask"]}, "got 1 intents for 2 sentences"),
        ({"labels": [["O", "O"], ["O"]]}, r"a dict of \['intents', 'labels'\]"),
    ],
)
def test_bad_targets(labels, message):
    preprocessor = SentencePreprocessor(LABELS, VOCABULARY, INTENTS)
    with pytest.raises(ValueError, match=message):
        preprocessor.encode([["on", "a"], ["b"]], labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": ["a b"]}, "without white space, got 'a b'"),
        ({"vocabulary": [""]}, "without white space, got ''"),
        ({"vocabulary": ["2nd"]}, "as they are looked up, '0nd'; got '2nd'"),
        ({"vocabulary": ["a", "a"]}, "vocabulary must be distinct, got 'a'"),
        ({"labels": ["O", "O"]}, "labels must be distinct, got 'O'"),
    ],
)
def test_bad_preprocessors(change, message):
    with pytest.raises(ValueError, match=message):
        SentencePreprocessor(**{"labels": LABELS, "vocabulary": VOCABULARY} | change)


@pytest.mark.parametrize("cased", [False, True])
def test_graph_encodes_as_the_preprocessor_does(cased):
    import tensorflow as tf

    from zoo.preprocessing.sentence_graph import SentenceGraph

    preprocessor = SentencePreprocessor(LABELS, VOCABULARY, cased_letters=cased)
    graph = tf.function(SentenceGraph(preprocessor), [tf.TensorSpec((None,), tf.string)])
    for texts in (NASTY, random_texts(), [""], ["", " "], []):
        inputs, tokens = graph(tf.constant(texts, tf.string))
        expected = preprocessor.encode(texts)
        for name, array in expected.items():
            np.testing.assert_array_equal(inputs[name], array, err_msg=name)
        words = [[word.decode() for word in row if word] for row in tokens.numpy()]
        assert words == [text.split() for text in texts]


def test_dataset_of_texts():
    import tensorflow as tf

    preprocessor = SentencePreprocessor(LABELS, VOCABULARY)
    encoded = preprocessor.encode(tf.data.Dataset.from_tensor_slices(NASTY))
    (batch,) = encoded.padded_batch(len(NASTY)).as_numpy_iterator()
    for name, expected in preprocessor.encode(NASTY).items():
        np.testing.assert_array_equal(batch[name], expected)
    with pytest.raises(TypeError, match="one text an element"):
        preprocessor.encode(tf.data.Dataset.range(3))


def test_chunks_are_those_of_the_scorer():
    from seqeval.metrics.sequence_labeling import get_entities

    rng = np.random.default_rng(3)
    for _ in range(500):
        tags = rng.choice(["O", "B-a", "I-a", "B-b", "I-b", "B-a-c", "I-a-c"], rng.integers(0, 9))
        assert list(chunks(tags.tolist())) == get_entities(tags.tolist())


def test_answer_to_a_text(label):
    answer = json.loads(json.dumps(label(TEXT)))
    assert answer["text"] == TEXT
    assert [token["text"] for token in answer["tokens"]] == TEXT.split()
    assert [token["tag"] for token in answer["tokens"]] == answer["tags"]
    assert set(answer["tags"]) <= set(LABELS)
    assert all(0 < token["score"] <= 1 for token in answer["tokens"])
    for part in [*answer["tokens"], *answer.get("slots", [])]:
        assert TEXT[part["start"] : part["end"]] == part["text"]


def test_slots_and_intent():
    fill = zoo.pipeline(
        random_model("slot_filler", labels=LABELS, vocabulary=VOCABULARY, intents=INTENTS, units=5)
    )
    found = 0
    for answer in fill(random_texts()):
        scores = {token["start"]: token["score"] for token in answer["tokens"]}
        for slot in answer["slots"]:
            inside = [s for start, s in scores.items() if slot["start"] <= start < slot["end"]]
            assert slot["score"] == pytest.approx(np.mean(inside))
            assert answer["text"][slot["start"] : slot["end"]] == slot["text"]
            found += 1
        assert [(s["slot"], s["text"].split()) for s in answer["slots"]] == [
            (name, answer["text"].split()[first : last + 1])
            for name, first, last in chunks(answer["tags"])
        ]
        if answer["tokens"]:
            assert answer["intent"] in INTENTS
            assert 0.5 <= answer["intent_score"] <= 1
        else:
            assert answer["intent"] is answer["intent_score"] is None
    assert found > 10


def test_answers_do_not_depend_on_company(label):
    texts = [*NASTY, *random_texts(40)]
    together = label(texts, batch_size=7)
    assert [answer["text"] for answer in together] == texts
    for text, answer in zip(texts, together, strict=True):
        alone = label(text)
        assert alone["tags"] == answer["tags"]
        scores = [one.get("intent_score") or 0 for one in (alone, answer)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-4)
        np.testing.assert_allclose(
            [token["score"] for token in alone["tokens"]],
            [token["score"] for token in answer["tokens"]],
            rtol=1e-4,
        )


def test_lists_of_words(label):
    words = ["leave", "New York", "", "on"]
    answer = label(words=words)
    assert answer["text"] == "leave New York  on"
    assert [token["text"] for token in answer["tokens"]] == words
    assert all(answer["text"][t["start"] : t["end"]] == t["text"] for t in answer["tokens"])
    assert label(words=[words, ["on"]])[0]["tags"] == answer["tags"]
    assert label(words=[]) == label([]) == []


def test_iterators_are_read_no_further_than_needed(label):
    read = []

    def texts():
        for i in range(10):
            read.append(i)
            yield f"leave {i}"

    answers = label(texts(), batch_size=3)
    assert next(answers)["text"] == "leave 0"
    assert read == [0, 1, 2]
    assert len(list(answers)) == 9
    assert len(list(label(words=iter([["a"], ["b", "c"]])))) == 2


def test_long_input_is_read_to_its_end(label):
    text = " ".join(["leave Taipei on"] * 3334)
    answer = label([text, "on"])[0]
    assert len(answer["tokens"]) == 10_002 > AT_ONCE
    assert answer["tokens"][-1]["end"] == len(text)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((), {}, ValueError, "give texts or words="),
        ((TEXT,), {"words": ["a"]}, ValueError, "give texts or words="),
        ((3,), {}, TypeError, "inputs must be one sentence, a list or an iterator, got 3"),
        ((["a", 3],), {}, TypeError, r"inputs\[1\] must be a text, got 3"),
        ((b"\xff\xfe",), {}, TypeError, r"got b'\\xff\\xfe'"),
        (([b"\xff"],), {}, TypeError, r"inputs\[0\] must be a text, got b'\\xff'"),
        ((), {"words": "leave"}, TypeError, "words must be one sentence, a list"),
        ((), {"words": ["a", 3]}, TypeError, r"words must be a list of words, got \['a', 3\]"),
        ((), {"words": [["a"], "b"]}, TypeError, r"words\[1\] must be a list of words, got 'b'"),
        ((TEXT,), {"top_k": 3}, TypeError, "has no option 'top_k'"),
        ((TEXT,), {"batch_size": 0}, ValueError, "batch_size must be a positive integer, got 0"),
    ],
)
def test_bad_input(label, arguments, options, error, message):
    with pytest.raises(error, match=message):
        label(*arguments, **options)


def test_saved_and_loaded_with_its_vocabulary(model, label, tmp_path):
    sha256 = zoo.save(model, tmp_path / "mine")
    assert (tmp_path / "mine" / "vocabulary.txt").read_text().split("\n") == [*VOCABULARY, ""]
    assert (
        "vocabulary" not in json.loads((tmp_path / "mine" / "config.json").read_text())["arguments"]
    )
    loaded = zoo.load(tmp_path / "mine", sha256=sha256)
    assert zoo.pipeline(loaded)(NASTY) == label(NASTY)
    assert zoo.verify(loaded)["golden"] == 0
    assert zoo.preprocessor(tmp_path / "mine").vocabulary == VOCABULARY


def test_new_heads(model, caplog):
    heads = {"labels": ["O", "B-food"]}
    if "intents" in model.output:
        heads["intents"] = ["eat", "drink", "sleep"]
    new = zoo.load(model, **heads)
    assert {name: output.shape[-1] for name, output in new.output.items()} == {
        name: len(labels) for name, labels in heads.items()
    }
    new_layers = {*heads, "pooling"} if "intents" in heads else set(heads)
    assert {record.args[1] for record in caplog.records} == new_layers
    old = {variable.path: variable for variable in model.weights}
    for variable in new.weights:
        if variable.path.split("/")[0] not in new_layers:
            np.testing.assert_array_equal(variable, old[variable.path], err_msg=variable.path)
    inputs, targets = zoo.preprocessor(new).encode(
        ["eat rice", "drink"],
        {"labels": [["O", "B-food"], ["O"]]}
        | ({"intents": ["eat", "drink"]} if len(heads) > 1 else {}),
    )
    # Not what `fit` reports: it is of a network with dropout.
    before = new.evaluate(inputs, targets, verbose=0, return_dict=True)["loss"]
    new.fit(inputs, targets, epochs=30, verbose=0)
    assert new.evaluate(inputs, targets, verbose=0, return_dict=True)["loss"] < before


def test_features(model):
    features = zoo.load(model, num_classes=0)
    outputs = features.predict(zoo.preprocessor(features).encode([TEXT, "on"]), verbose=0)
    assert outputs.shape == (2, 5, 10)
    with pytest.raises(ValueError, match="has no head"):
        zoo.pipeline(features)


def test_intents_come_and_go(caplog):
    config = {"labels": LABELS, "vocabulary": VOCABULARY, "units": 5}
    without = random_model("slot_filler", **config)
    assert set(zoo.load(without, intents=INTENTS).output) == {"labels", "intents"}
    with_intents = random_model("slot_filler", intents=INTENTS, **config)
    assert set(zoo.load(with_intents, intents=[]).output) == {"labels"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vocabulary": ["on", "leave"]}, "vocabulary belongs to the weights"),
        ({"num_classes": -1}, "num_classes must be an integer of 0 or more, got -1"),
        ({"labels": ["O", "O"]}, "labels must be distinct, got 'O'"),
        ({"units": 6}, "the weights do not fit"),
        ({"cell": "lstn"}, "no cell named 'lstn'; did you mean lstm"),
        ({"depth": 0}, "depth must be a positive integer, got 0"),
        ({"word_units": 0}, "word_units must be a positive integer, got 0"),
        ({"trigram_units": -5}, "trigram_units must be an integer of 0 or more, got -5"),
        ({"character_filters": 1.5}, "character_filters must be an integer of 0 or more, got 1.5"),
    ],
)
def test_bad_overrides(model, change, message):
    with pytest.raises(ValueError, match=message):
        zoo.load(model, **change)


@pytest.mark.parametrize("window", [3, "ab", [1], [1.5, 0], [-1, 0]])
def test_bad_windows(window):
    with pytest.raises(ValueError, match="window must be"):
        zoo.build("slot_filler", labels=LABELS, vocabulary=VOCABULARY, window=window)


def test_paths_are_chosen_in_full_precision():
    import keras

    config = {"labels": LABELS, "vocabulary": VOCABULARY, "units": 5}
    full = random_model("tagger", **config)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        scores = [token["score"] for token in zoo.pipeline(full)(TEXT)["tokens"]]
    finally:
        keras.config.set_dtype_policy("float32")
    expected = [token["score"] for token in zoo.pipeline(full)(TEXT)["tokens"]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_keras_can_save_a_compiled_model(model, tmp_path):
    import keras

    model.save(tmp_path / "model.keras")
    inputs = zoo.preprocessor(model).encode(NASTY)
    for ours, theirs in zip(
        keras.tree.flatten(model(inputs)),
        keras.tree.flatten(keras.models.load_model(tmp_path / "model.keras")(inputs)),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_saved_model_takes_strings(model, label, tmp_path):
    exported = zoo.export(model, tmp_path / "exported")
    code = """
import json, sys
import tensorflow as tf
texts = json.load(open(sys.argv[2]))
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
found = serve(texts=tf.constant(texts, tf.string))
decode = lambda value: [decode(one) for one in value] if isinstance(value, list) else value.decode()
strings = {k: decode(v.numpy().tolist()) for k, v in found.items() if v.dtype == tf.string}
numbers = {k: v.numpy().tolist() for k, v in found.items() if v.dtype != tf.string}
print(json.dumps(strings | numbers))
assert serve(texts=tf.constant([b"\\xff on"]))["tokens"].shape == (1, 2)
assert serve(texts=tf.constant(["one"]))["tags"].shape == (1, 1)
assert not any(name.split(".")[0] == "zoo" for name in sys.modules)
"""
    (tmp_path / "texts.json").write_text(json.dumps(NASTY))
    result = run_python(code, exported, tmp_path / "texts.json", PYTHONPATH=None)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    for i, answer in enumerate(label(NASTY)):
        count = len(answer["tags"])
        assert found["tokens"][i][:count] == [token["text"] for token in answer["tokens"]]
        assert found["tags"][i][:count] == answer["tags"]
        assert not any(found["tags"][i][count:])
        np.testing.assert_allclose(
            found["scores"][i][:count], [t["score"] for t in answer["tokens"]], atol=1e-5
        )
        if "intent" in answer:
            assert found["intents"][i] == (answer["intent"] or "")
            assert found["intent_scores"][i] == pytest.approx(answer["intent_score"] or 0, abs=1e-5)


def test_a_slot_filler_with_a_crf_learns_intents_beside_it():
    model = random_model(
        "slot_filler", labels=LABELS, vocabulary=VOCABULARY, intents=INTENTS, units=5, crf=True
    )
    targets = {"labels": [["O", "B-city", "O", "B-date", "I-date"], ["O"]], "intents": ["ask"] * 2}
    inputs, encoded = zoo.preprocessor(model).encode([TEXT, "arrive"], targets)
    assert model(inputs)["labels"].shape == (2, 5, len(LABELS), len(LABELS))
    losses = model.evaluate(inputs, encoded, verbose=0, return_dict=True)
    assert losses["loss"] == pytest.approx(losses["labels_loss"] + 10 * losses["intents_loss"])
    before = losses["loss"]
    model.fit(inputs, encoded, epochs=3, verbose=0)
    assert model.evaluate(inputs, encoded, verbose=0, return_dict=True)["loss"] < before
    answer = zoo.pipeline(model)(TEXT)
    assert answer["intent"] in INTENTS
    assert all(tag in LABELS for tag in answer["tags"])
