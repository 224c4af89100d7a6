"""Grid LSTMs beside a stack of LSTMs: of equal size, and what the table says is what was run."""

import csv
import shutil
from dataclasses import replace

import pytest

import zoo
from training import grid_comparison
from training.grid_comparison import BUDGET, DEPTH, KINDS, TASKS


@pytest.mark.parametrize("kind", KINDS)
def test_networks_are_of_equal_size(kind):
    arguments = grid_comparison.recipe_of("addition_4", kind).arguments
    model = zoo.build("reader_writer", source_vocabulary=["a"], num_classes=2, **arguments)
    layers = [layer for layer in model.layers if layer.name.startswith("decoder_")]
    parameters = sum(layer.count_params() for layer in layers)
    assert parameters == grid_comparison.parameters_of(kind, arguments["units"])
    assert parameters == pytest.approx(BUDGET, rel=0.02)
    depths = [getattr(cell, "depth", 1) for layer in layers for cell in layer.cells]
    assert sum(depths) == DEPTH
    assert [getattr(cell, "tied", None) for cell in layers[0].cells] == [
        {"tied grid": True, "untied grid": False}.get(kind)
    ]


def test_comparison_is_what_was_run(tmp_path, monkeypatch):
    # Small and short, but real: the training driver, the tasks, the published score.
    monkeypatch.setattr(grid_comparison, "TASKS", ("memorization_2",))
    monkeypatch.setattr(grid_comparison, "BUDGET", 3_000)
    monkeypatch.setattr(grid_comparison, "DEPTH", 2)
    recipe_of = grid_comparison.recipe_of
    changed = {"train": "train[:128]", "validation": "validation[:20]", "test": "test[:20]"}
    monkeypatch.setattr(
        grid_comparison, "recipe_of", lambda *which: replace(recipe_of(*which), **changed)
    )
    arguments = {"epochs": 2, "runs": tmp_path / "runs", "output": tmp_path}
    grid_comparison.main(**arguments)
    rows = list(csv.DictReader((tmp_path / "grid_comparison.csv").open()))
    assert len(rows) == 2 * len(KINDS)
    assert [row["texts"] for row in rows[:2]] == ["128", "256"]
    assert (tmp_path / "grid_comparison.png").read_bytes()[1:4] == b"PNG"
    content = (tmp_path / "grid_comparison.csv").read_bytes()
    shutil.rmtree(tmp_path / "runs")
    grid_comparison.main(**arguments)
    assert not (tmp_path / "runs").exists()
    assert (tmp_path / "grid_comparison.csv").read_bytes() == content
    lines = grid_comparison.table(rows).splitlines()
    assert lines[0] == "| task | tied grid | untied grid | stacked LSTM |"
    assert len(lines) == 3


def test_tasks_are_those_of_the_zoo():
    for task in TASKS:
        assert zoo.data.load(task, "test[:3]")[0]
