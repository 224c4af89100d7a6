"""The study of depth: its networks are of equal size, and its table says what the runs do."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import zoo
from training import depth_study
from training.depth_study import BUDGET, COLUMNS, DEPTHS, KINDS
from zoo.layers import Highway


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_networks_are_of_equal_size(kind, depth):
    arguments = depth_study.recipe_of(kind, depth).arguments
    model = zoo.build("sequence_classifier", labels=["a", "b"], vocabulary=["x"], **arguments)
    layers = [layer for layer in model.layers if layer.name.startswith("recurrent_")]
    assert len(layers) == depth
    highway = [isinstance(layer, Highway) for layer in layers]
    assert highway == [False] + [kind == "highway"] * (depth - 1)
    parameters = sum(layer.count_params() for layer in layers)
    assert parameters == depth_study.parameters_of(kind, depth, arguments["units"], 50)
    assert parameters == pytest.approx(BUDGET, rel=0.02)


def rows_of(plain, highway, depth=10):
    return [
        dict.fromkeys(COLUMNS, "") | {"kind": kind, "depth": str(depth), "test": str(accuracy)}
        for kind, accuracies in (("plain", plain), ("highway", highway))
        for accuracy in accuracies
    ]


def test_table_compares_by_standard_errors():
    plain, highway = [0.30, 0.32, 0.34], [0.40, 0.41, 0.45]
    [*_, line] = depth_study.table(rows_of(plain, highway)).splitlines()
    errors = [np.std(values, ddof=1) / 3**0.5 for values in (plain, highway)]
    assert line == (
        f"| 10 | 0.3200 ± {errors[0]:.4f} | 0.4200 ± {errors[1]:.4f} | "
        f"+0.1000, {0.1 / np.hypot(*errors):.1f} |"
    )


def test_study_goes_on_where_it_stopped(need_data, tmp_path, monkeypatch):
    need_data("sst5")
    # Small and short, but real: the training driver, real sentences, the published score.
    monkeypatch.setattr(depth_study, "BUDGET", 2_000)
    changed = {"train": "train[:128]", "validation": "validation[:50]", "test": "test[:50]"}
    recipe_of = depth_study.recipe_of
    monkeypatch.setattr(
        depth_study,
        "recipe_of",
        lambda *which: replace(recipe_of(*which), glove=None, **changed),
    )
    arguments = {"epochs": 1, "runs": tmp_path / "runs", "output": tmp_path}
    depth_study.main(depths=[1, 2], seeds=1, **arguments)
    rows = list(csv.DictReader((tmp_path / "depth_study.csv").open()))
    assert [(row["kind"], row["depth"]) for row in rows] == [
        ("plain", "1"),
        ("highway", "1"),
        ("plain", "2"),
        ("highway", "2"),
    ]
    assert rows[0] == rows[1] | {"kind": "plain"}
    assert 0.2 < float(rows[3]["gates before"]) < 0.35
    assert (tmp_path / "depth_study.png").stat().st_size > 5000
    # Everything is there: nothing is trained again.
    monkeypatch.setattr(depth_study, "trained", None)
    depth_study.main(depths=[1, 2], seeds=1, **arguments)
    assert list(csv.DictReader((tmp_path / "depth_study.csv").open())) == rows
