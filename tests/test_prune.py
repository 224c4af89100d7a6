"""`training.prune`: a published network without its idle layers, from its data to a checkpoint."""

from dataclasses import replace

import pytest

import training.recipes
import zoo
from training.prune import prune
from zoo.analysis.gated import names_of
from zoo.checkpoint import Checkpoint


@pytest.fixture
def small_recipe(monkeypatch):
    """The recipe of highway_mnist_10, of which the data are a small part."""
    small = replace(
        training.recipes.recipe("highway_mnist_10"),
        train="train[:2560]",
        validation="train[55000:55200]",
        test="test[:500]",
    )
    monkeypatch.setattr("training.prune.recipe", {"highway_mnist_10": small}.__getitem__)


def test_pruned_network_is_a_checkpoint(need_data, small_recipe, tmp_path):
    need_data("mnist")
    folder = prune("highway_mnist_10", layers=3, epochs=1, output=tmp_path)
    model = zoo.load(folder, trust=True)
    assert len(names_of(model)) == 7
    card = Checkpoint.open(folder).card
    left_out = card["settings"]["left_out"]
    assert len(set(left_out)) == 3
    assert set(left_out) < set(range(10))
    assert (
        card["settings"]["pruned_from"]
        == f"highway_mnist_10@{zoo.info('highway_mnist_10')['revision']}"
    )
    # The whole network has 97 % of the digits right, and three layers of ten are not missed much.
    assert card["metrics"]["accuracy"] > 0.9
    with pytest.raises(FileExistsError, match="exists already"):
        prune("highway_mnist_10", layers=3, epochs=1, output=tmp_path)


def test_one_layer_is_left(small_recipe, tmp_path):
    with pytest.raises(ValueError, match="fewer than the 10 of highway_mnist_10, got 10"):
        prune("highway_mnist_10", layers=10, epochs=1, output=tmp_path)
    assert not list(tmp_path.iterdir())
