"""Who speaks in a play, for the first time or again."""

import csv

import pytest

import zoo
from training.speakers import KINDS, kinds, main

PLAY = """\
Thunder.

KATE:
No.

TOM SNOUT:
Yes: KATE.

KATE:
No!
"""


def test_kinds_of_characters():
    found = kinds(PLAY)
    said = {
        what: "".join(c for c, kind in zip(PLAY, found, strict=True) if kind == i)
        for i, what in enumerate(KINDS)
    }
    assert said == {
        "speakers, new": "KATE:\nTOM SNOUT:\n",
        "speakers, again": "KATE:\n",
        "all else": "Thunder.\n\nNo.\n\nYes: KATE.\n\nNo!\n",
    }


def test_parts_make_the_score(need_data, tmp_path):
    need_data("tinyshakespeare")
    main(["gru_shakespeare@1"], tmp_path / "table.csv")
    with (tmp_path / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["characters"] for row in rows] == list(KINDS)
    nats = zoo.info("gru_shakespeare@1")["metrics"]["nats"]
    assert sum(float(row["of_score"]) for row in rows) == pytest.approx(nats, abs=0.002)
