"""Pieces in a graph that is served, against `Pieces`."""

import json

import numpy as np
import pytest
import tensorflow as tf
from helpers import run_python
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_pieces import LETTERS, WORDS
from test_sentences import NASTY, random_texts

from zoo.preprocessing.pieces import Pieces, padded
from zoo.preprocessing.pieces_graph import PiecesGraph

SUBWORDS = Pieces(
    [
        "▁",
        "▁the",
        "▁th",
        "th",
        "e",
        "re",
        "▁Str",
        "aße",
        "n",
        "in",
        "ing",
        "▁北",
        "👩\u200d👩",
        "\0",
    ]
)
VOCABULARIES = {
    "letters": LETTERS,
    "small letters": Pieces([*"abcdefghijklmnopqrstuvwxyzß "]),
    "words": Pieces(["▁leave", "▁on", "▁taipei", "▁straße", "▁北", "▁x"]),
    "pieces of words": WORDS,
    "subwords": SUBWORDS,
    "nothing": Pieces([]),
}
# Few enough that a text often has the letters of a piece, and the odd ones of Unicode.
LETTER = st.one_of(
    st.sampled_from("abAB▁ \t\n\u3000\x1f\x85\0"), st.characters(exclude_categories=["Cs"])
)
TEXTS = st.lists(st.text(LETTER, max_size=30), max_size=4)


def strings(texts):
    return tf.constant(texts, tf.string, shape=(len(texts),))


def decoded(texts):
    return [text.decode() for text in texts.numpy()]


@st.composite
def vocabularies_and_texts(draw):
    """Texts, and a vocabulary of which many a piece is in them."""
    texts = draw(TEXTS)
    cut_out = [text[i : i + n] for text in texts for i in range(len(text)) for n in (1, 2, 3, 5)]
    cut_out += ["▁" + part for part in cut_out]
    piece = st.one_of(st.sampled_from([*cut_out, "a"]), st.text(LETTER, min_size=1, max_size=4))
    pieces = draw(st.lists(piece, unique=True, max_size=12))
    if any(piece.startswith("▁") for piece in pieces):
        pieces = [piece for piece in pieces if piece.split() == [piece]]
    return pieces, texts


@settings(deadline=None)
@given(vocabularies_and_texts())
@example((["▁a", "b"], []))
@example(([], ["", "a"]))
@example((["ab", "abababab", "b"], ["abababa", "babab", "", "abababab"]))
def test_any_vocabulary_cuts_and_writes_alike(case):
    vocabulary, texts = case
    pieces = Pieces(vocabulary)
    graph = PiecesGraph(pieces)
    expected = padded([pieces.numbers(text) for text in texts])
    numbers = graph.numbers(strings(texts))
    assert numbers.dtype == tf.int32
    np.testing.assert_array_equal(numbers, expected)
    assert decoded(graph.text(numbers)) == [pieces.text(row) for row in expected]


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_compiled_graph_takes_texts_of_any_number(name):
    pieces = VOCABULARIES[name]
    graph = PiecesGraph(pieces)
    cut = tf.function(graph.numbers, [tf.TensorSpec((None,), tf.string)])
    write = tf.function(graph.text, [tf.TensorSpec((None, None), tf.int32)])
    texts = [*NASTY, *random_texts(100), "there " * 1000, "e\0" * 3000]
    for part in (texts, texts[:1], texts[1:7], []):
        expected = padded([pieces.numbers(text) for text in part])
        np.testing.assert_array_equal(cut(strings(part)), expected)
        assert decoded(write(expected)) == [pieces.text(row) for row in expected]


def test_bytes_that_are_not_utf8_are_read_as_one_that_is_unknown():
    graph = PiecesGraph(Pieces(["▁a", "▁", "\ufffd"]))
    np.testing.assert_array_equal(
        graph.numbers(tf.constant([b"a \xff", b"\xe2\x80 a", b"\xff"])),
        [[3, 4, 5], [4, 5, 3], [4, 5, 0]],
    )


@settings(deadline=None)
@given(st.lists(st.integers(0, len(SUBWORDS) - 1), max_size=20))
def test_any_symbols_are_written_alike(numbers):
    for pieces in (SUBWORDS, LETTERS):
        row = [min(number, len(pieces) - 1) for number in numbers]
        symbols = tf.constant([[row, row[::-1], [0] * len(row)]], tf.int32)
        expected = [pieces.text(row), pieces.text(row[::-1]), ""]
        assert decoded(PiecesGraph(pieces).text(symbols)[0]) == expected


def test_a_saved_model_needs_no_more_than_tensorflow(tmp_path):
    module = PiecesGraph(SUBWORDS)
    signatures = {
        "cut": tf.function(module.numbers, [tf.TensorSpec((None,), tf.string, "texts")]),
        "write": tf.function(module.text, [tf.TensorSpec((None, None, None), tf.int32, "symbols")]),
    }
    tf.saved_model.save(module, tmp_path / "saved", signatures=signatures)
    code = """
import json, sys
import tensorflow as tf
signatures = tf.saved_model.load(sys.argv[1]).signatures
(numbers,) = signatures["cut"](texts=tf.constant(json.load(open(sys.argv[2])))).values()
(texts,) = signatures["write"](symbols=numbers[:, None]).values()
print(json.dumps([numbers.numpy().tolist(), [text.decode() for text in texts[:, 0].numpy()]]))
assert not any(name.split(".")[0] == "zoo" for name in sys.modules)
"""
    (tmp_path / "texts.json").write_text(json.dumps(NASTY))
    result = run_python(code, tmp_path / "saved", tmp_path / "texts.json", PYTHONPATH=None)
    assert result.returncode == 0, result.stderr
    numbers, texts = json.loads(result.stdout)
    expected = padded([SUBWORDS.numbers(text) for text in NASTY])
    np.testing.assert_array_equal(numbers, expected)
    assert texts == [SUBWORDS.text(row) for row in expected]
