"""Texts to numbers of pieces and back, against a cut written from its description."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_sentences import NASTY

from zoo.preprocessing.pieces import Pieces, padded

UNKNOWN = 1
LETTERS = Pieces([*"abcdefghijklmnopqrstuvwxyz' \n"])
WORDS = Pieces(
    ["▁", "▁the", "▁th", "th", "e", "ere", "▁Straße", "▁İ", "👩\u200d👩", "e\u0301", "\0"]
)
SYMBOLS = [*"abAB▁ \t\n\u3000\x1f\0", "\u0301", "İ", "ß", "Σ", "ς", "ǅ", "👩", "\u200d", "ⅷ"]


def naive(vocabulary, text):
    """The numbers of a text that is cut as it stands."""
    if not text:
        return []
    fitting = [piece for piece in vocabulary if text.startswith(piece)]
    if not fitting:
        return [UNKNOWN, *naive(vocabulary, text[1:])]
    piece = max(fitting, key=len)
    return [3 + vocabulary.index(piece), *naive(vocabulary, text[len(piece) :])]


pieces_of = st.lists(
    st.text(st.sampled_from([s for s in SYMBOLS if not s.isspace()]), min_size=1, max_size=4),
    unique=True,
    max_size=12,
)
texts_of = st.text(st.sampled_from(SYMBOLS), max_size=30)


@settings(deadline=None)
@given(pieces_of, texts_of)
@example(["İA"], "A")
def test_a_text_is_cut_into_the_longest_pieces_from_the_left(vocabulary, text):
    pieces = Pieces(vocabulary)
    read = text
    capital = set("ABΣǅ")
    if not capital & {*"".join(vocabulary)}:
        read = "".join(letter.lower() if letter in capital else letter for letter in read)
    if any(piece[0] == "▁" for piece in vocabulary):
        read = "".join("▁" + word for word in read.replace("▁", " ").split())
    assert pieces.normalised(text) == read
    assert pieces.numbers(text) == naive(vocabulary, read)


@settings(deadline=None)
@given(pieces_of, texts_of)
def test_known_words_come_back_with_single_spaces(vocabulary, text):
    pieces = Pieces(sorted({*vocabulary, *SYMBOLS, "▁"} - set(" \t\n\u3000\x1f")))
    assert pieces.text(pieces.numbers(text)) == " ".join(text.replace("▁", " ").split())


@settings(deadline=None)
@given(st.text(max_size=30))
def test_known_characters_come_back_as_they_are(text):
    pieces = Pieces(sorted({*text, "A"} - {"▁"}))
    numbers = pieces.numbers(text)
    assert pieces.text(numbers) == text.replace("▁", "")
    assert len(numbers) == len(text)


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("pieces", [LETTERS, WORDS], ids=["letters", "words"])
def test_what_is_unknown_takes_one_number_and_is_not_written(pieces, text):
    numbers = pieces.numbers(text)
    known = [number for number in numbers if number != UNKNOWN]
    assert all(3 <= number < len(pieces) for number in known)
    assert pieces.text(numbers) == pieces.text(known)
    spelled = sum(len(pieces.vocabulary[number - 3]) for number in known)
    assert spelled + numbers.count(UNKNOWN) == len(pieces.normalised(text))


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("the there  THE", ["▁the", "▁the", None, "e", "▁", None, None, None]),
        ("\u3000 thth\u2028th\x85", ["▁th", "th", "▁th"]),
        ("Straße İ", ["▁Straße", "▁İ"]),
        ("👩\u200d👩\u200d👧 e\u0301\0", ["▁", "👩\u200d👩", None, None, "▁", "e\u0301", "\0"]),
        ("the▁the", ["▁the", "▁the"]),
        (" \n", []),
        ("", []),
    ],
)
def test_words(text, cut):
    numbers = [UNKNOWN if piece is None else 3 + WORDS.vocabulary.index(piece) for piece in cut]
    assert WORDS.numbers(text) == numbers


@pytest.mark.parametrize(
    ("vocabulary", "text", "back"),
    [
        (["a", "b"], "aB A", "aba"),
        (["a", "B"], "aBAb", "aB"),
        (["▁HH", "▁AY", "▁W", "▁EY"], "HH AY W EY", "HH AY W EY"),
        (["▁HH", "▁AY"], "HH ZZ AY", "HH AY"),
        (["a", "İ"], "İA", "İa"),
        ([], "abc", ""),
    ],
)
def test_the_pieces_say_how_a_text_is_read(vocabulary, text, back):
    pieces = Pieces(vocabulary)
    assert pieces.text(pieces.numbers(text)) == back


def test_numbers_of_no_piece_are_left_out_and_spaces_are_single():
    the, space = 3 + WORDS.vocabulary.index("▁the"), 3 + WORDS.vocabulary.index("▁")
    assert WORDS.text([2, the, space, space, 0, np.int32(the), space, 1, 2]) == "the the"
    with pytest.raises(IndexError):
        WORDS.text([len(WORDS)])


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        (["a", "b", "a"], "vocabulary must be distinct, got 'a' more than once"),
        (["a", ""], "vocabulary must hold pieces of a letter or more, got ''"),
        (["▁a", "\n"], r"vocabulary must hold no white space .* got '\\n'"),
        (["▁a", "b "], "vocabulary must hold no white space .* got 'b '"),
        ([1], r"vocabulary must be a list of strings, got \[1\]"),
    ],
)
def test_a_wrong_vocabulary_is_told(vocabulary, message):
    with pytest.raises(ValueError, match=message):
        Pieces(vocabulary)


def test_rows_are_padded_to_the_longest():
    assert padded([[3, 4], [], [5]]).tolist() == [[3, 4], [0, 0], [5, 0]]
    assert padded([[]]).tolist() == [[0]]
    assert padded([]).shape == (0, 1)
    assert padded([[3]]).dtype == np.int32
