"""Vocabularies of subwords that are learned from texts."""

import gzip
import os
import re
from pathlib import Path

import pytest
from helpers import run_python

from training.subwords import learn
from zoo.preprocessing.pieces import Pieces

TEXTS = [
    "the lower the price, the better",
    "lowest prices; lower-priced!",
    "newer newest 2019 2020 (20)",
    "über Größe ΣΊΣΥΦΟΣ 北京 e\u0301e\u0301 👩‍👩‍👧",
]
BORDER = re.compile(r"[^\W\d_](?=[\d.,;!()-])|[\d.,;!()-](?=[^\W\d_])")


@pytest.mark.parametrize("size", [60, 90, 10_000])
def test_every_text_comes_back_from_pieces_of_one_kind(size):
    vocabulary = learn(TEXTS, size)
    pieces = Pieces(vocabulary)
    assert {"▁"}.union(*TEXTS) - {" "} <= set(vocabulary)
    assert [pieces.text(pieces.numbers(text)) for text in TEXTS] == TEXTS
    assert not [p for p in vocabulary if " " in p or "▁" in p[1:] or BORDER.search(p)]
    assert len(vocabulary) == size if size < 100 else len(vocabulary) < 300


def test_more_pieces_make_shorter_sequences_and_useful_ones_come_first():
    def length(size):
        pieces = Pieces(learn(TEXTS, size))
        return sum(len(pieces.numbers(text)) for text in TEXTS)

    assert length(42) > length(50) > length(60)
    pieces = Pieces(learn(TEXTS, 50))
    numbers = [number for text in TEXTS for number in pieces.numbers(text)]
    used = [numbers.count(number) for number in range(3, len(pieces))]
    assert used == sorted(used, reverse=True)


def test_the_same_texts_give_the_same_list_in_another_process():
    code = (
        "import ast, sys; from training.subwords import learn;"
        "print(ascii(learn(ast.literal_eval(sys.argv[1]), 70)))"
    )
    run = run_python(code, ascii(TEXTS), PYTHONHASHSEED=1)
    assert run.stdout == ascii(learn(iter(TEXTS), 70)) + "\n", run.stderr


def test_words_of_many_letters_and_signs_of_the_library_are_learned():
    vocabulary = learn(["x" * 5000, "<unk> <s> </s>", "a▁b\0"], 40)
    assert {"▁", "\0", "<", "xx"} <= set(vocabulary)
    pieces = Pieces(vocabulary)
    assert pieces.text(pieces.numbers("<s> \0<unk>")) == "<s> \0<unk>"
    assert len(pieces.numbers("x" * 5000)) < 2000


@pytest.mark.parametrize(
    ("texts", "size", "message"),
    [
        ([], 10, "texts must hold a word, got none"),
        ([" \n", "▁"], 10, "texts must hold a word, got none"),
        (["abc"], 3, "size must be at least 4, the characters, got 3"),
    ],
)
def test_texts_without_words_and_too_few_pieces_are_told(texts, size, message):
    with pytest.raises(ValueError, match=message):
        learn(texts, size)


def test_multi30k_in_few_pieces(need_data):
    need_data("multi30k")
    folder = Path(os.environ["ZOO_DATA_DIR"], "multi30k")
    files = [folder / f"train.{language}.gz" for language in ("en", "de")]
    texts = [line for f in files for line in gzip.decompress(f.read_bytes()).decode().split("\n")]
    pieces = Pieces(learn(texts, 4000))
    numbers = [pieces.numbers(text) for text in texts]
    assert [pieces.text(row) for row in numbers] == [" ".join(text.split()) for text in texts]
    words = sum(len(text.split()) for text in texts)
    # 1.389 by the byte pair encoding as it was learned.
    assert sum(map(len, numbers)) / words < 1.36
