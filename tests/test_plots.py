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

zoo.plots.attention({"attention": {}})
"""


def test_without_matplotlib_its_extra_is_named():
    done = run_python(WITHOUT)
    assert done.stderr.endswith(
        "RuntimeError: plots need matplotlib: pip install 'gatezoo[plot]'\n"
    )
