"""The shares of an algorithmic task that are right, length by length."""

import csv
import re

import pytest
import typer

import training.lengths
import zoo


def test_lengths_of_a_published_checkpoint(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("training.lengths.SIZES", 4)
    training.lengths.main("grid_lstm_parity", output=tmp_path)
    with (tmp_path / "grid_lstm_parity_by_length.csv").open(newline="") as file:
        rows = {int(row["size"]): float(row["right"]) for row in csv.DictReader(file)}
    assert list(rows) == [34, 67, 100]
    assert rows[34] == 1
    assert rows[100] == pytest.approx(zoo.info("grid_lstm_parity")["metrics"]["accuracy"], abs=2e-3)
    # By rounding, another machine may have one of the 1,000 wrong at 67.
    assert re.search("all of 1,000 right up to size (34|67)$", capsys.readouterr().out, re.M)
    assert (tmp_path / "grid_lstm_parity_by_length.png").stat().st_size > 1000


def test_other_tasks_have_no_lengths(tmp_path):
    with pytest.raises(typer.BadParameter, match="bilstm_atis is of atis, which is not made"):
        training.lengths.main("bilstm_atis", output=tmp_path)
    assert not list(tmp_path.iterdir())
