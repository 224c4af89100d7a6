"""Pictures of what a model does."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import run_python
from PIL import Image

import zoo

# Of which some mean something to who draws them, and one is of a script that few fonts have.
READ = ["▁the", "$x$", "%_\\", "東京", " ", "\n", ""]
WRITTEN = ["▁$", "$", ""]


@pytest.fixture
def answer():
    weights = np.random.default_rng(0).dirichlet(np.ones(len(READ)), len(WRITTEN))
    return {"attention": {"source": READ, "output": WRITTEN, "weights": weights.tolist()}}


def labels(ticks):
    return [tick.get_text() for tick in ticks]


@pytest.mark.filterwarnings("ignore:Glyph")
def test_attention_names_the_pieces(answer, tmp_path):
    figure = zoo.plots.attention(answer)
    axes, scale = figure.axes
    assert labels(axes.get_xticklabels()) == ["▁the", "$x$", "%_\\", "東京", "␣", "↵", "⏎"]
    assert labels(axes.get_yticklabels()) == ["▁$", "$", "⏎"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("read", "written")
    [image] = axes.images
    np.testing.assert_array_equal(image.get_array(), answer["attention"]["weights"])
    # The first piece written is at the top.
    assert axes.get_ylim() == (len(WRITTEN) - 0.5, -0.5)
    assert scale.get_ylim() == (0, 1)
    figure.savefig(tmp_path / "attention.png")
    with Image.open(tmp_path / "attention.png") as picture:
        assert np.ptp(np.asarray(picture)) > 200


def test_names_of_thirty_pieces_are_apart_and_inside():
    pieces = ["▁Donaudampf"] * 30
    figure = zoo.plots.attention(
        {"attention": {"source": pieces, "output": pieces, "weights": np.eye(30).tolist()}}
    )
    figure.draw_without_rendering()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        boxes = [tick.get_window_extent() for tick in axis.get_ticklabels()]
        assert len(boxes) == 30
        assert not any(one.overlaps(other) for one, other in pairwise(boxes))
        for box in boxes:
            assert figure.bbox.contains(box.x0, box.y0)
            assert figure.bbox.contains(box.x1, box.y1)


@pytest.mark.parametrize("answer", [{"text": "a", "output": "b"}, [{"attention": {}}], None])
def test_answer_without_attention(answer):
    with pytest.raises(ValueError, match="attention=True"):
        zoo.plots.attention(answer)


WITHOUT = """
import sys

sys.modules["matplotlib.figure"] = None
import zoo

zoo.plots.attention({"attention": {"source": ["a"], "output": ["b"], "weights": [[1.0]]}})
"""


def test_without_matplotlib_its_extra_is_named():
    done = run_python(WITHOUT)
    assert done.stderr.endswith(
        "RuntimeError: plots need matplotlib: pip install 'gatezoo[plot]'\n"
    )


@pytest.fixture
def lesions():
    layers = [f"highway[{i}]" for i in range(3)]
    return [
        zoo.analysis.Lesion(layers, np.array(loss), np.array(accuracy), 0.1, 0.9)
        for loss, accuracy in [([0.2, 0.3, 0.1], [0.8, 0.7, 0.9]), ([1.0, 2.0, 3.0], [0.5] * 3)]
    ]


def test_lesion_shows_loss_and_accuracy_by_layer(lesions):
    figure = zoo.plots.lesion(*lesions, labels=["training set", "test set"])
    for axes, of in zip(figure.axes, ("loss", "accuracy"), strict=True):
        drawn = [line for line in axes.get_lines() if len(line.get_xdata()) == 3]
        for line, found in zip(drawn, lesions, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), getattr(found, of))
    assert labels(figure.axes[1].get_xticklabels()) == lesions[0].layers
    assert labels(figure.axes[0].get_legend().get_texts()) == ["training set", "test set"]
    with pytest.raises(ValueError, match="labels must name each of 2 lesions"):
        zoo.plots.lesion(*lesions)


@pytest.fixture
def opened():
    rng = np.random.default_rng(0)
    sizes = [4, 4, 2]
    return zoo.analysis.Gates(
        ["a", "b", "c"],
        [rng.normal(size=size) for size in sizes],
        [rng.uniform(size=(5, size)) for size in sizes],
    )


def test_gates_shows_a_column_a_layer(opened):
    figure = zoo.plots.gates(opened, example=2)
    bias, mean, one = (axes.images[0].get_array() for axes in figure.axes[:3])
    for layer, size in enumerate([4, 4, 2]):
        np.testing.assert_array_equal(bias[:size, layer], opened.bias[layer])
        np.testing.assert_allclose(mean[:size, layer], opened.activity[layer].mean(axis=0))
        np.testing.assert_array_equal(one[:size, layer], opened.activity[layer][2])
        assert np.ma.getmaskarray(bias)[size:, layer].all()


def test_gates_by_class_shows_differences(opened):
    targets = np.array([0, 1, 0, 1, 1])
    figure = zoo.plots.gates_by_class(opened, targets, ["$no$", "yes"])
    for i, axes in enumerate(figure.axes[:2]):
        expected = opened.activity[0][targets == i].mean(axis=0) - opened.activity[0].mean(axis=0)
        np.testing.assert_allclose(axes.images[0].get_array()[:, 0], expected)
        assert axes.get_title() == ["$no$", "yes"][i]


def test_traces_shows_units_by_their_mean():
    values = np.random.default_rng(0).uniform(size=(2, 4, 6))
    found = {"layer": {"update": values, "reset": values[::-1]}}
    figure = zoo.plots.traces(found, ["a", "$b$", ""], example=1)
    update, reset = figure.axes[:2]
    assert update.get_title() == "layer: update"
    assert labels(reset.get_xticklabels()) == ["a", "$b$", "⏎"]
    shown = update.images[0].get_array()
    assert (np.diff(shown.mean(axis=1)) > 0).all()
    np.testing.assert_array_equal(np.sort(shown, axis=0), np.sort(values[1, :3].T, axis=0))
    for pieces in ([], ["a"] * 5):
        with pytest.raises(ValueError, match=f"from 1 to 4 steps, got {len(pieces)}"):
            zoo.plots.traces(found, pieces)
    with pytest.raises(ValueError, match="gates of a layer at least"):
        zoo.plots.traces({}, ["a"])
