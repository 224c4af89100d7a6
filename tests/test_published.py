"""The checkpoints that are published: what their cards say is recomputed, never believed."""

import json
import os

import numpy as np
import pytest
from helpers import ROOT

import zoo
from zoo import card, hub
from zoo.checkpoint import Checkpoint, sha256_of

LARGEST_FILE = 10_000_000

MODELS = zoo.list_models()
# Every revision that was ever published must stay as it is.
REVISIONS = [
    (name, int(revision)) for name, entry in hub.index().items() for revision in entry["revisions"]
]


def one_a_family():
    """The smallest checkpoint of each builder, but for two."""
    if os.environ.get("ZOO_VERIFY") == "all":
        return MODELS
    chosen = {}
    for name in sorted(MODELS, key=lambda name: zoo.info(name)["parameters"], reverse=True):
        chosen[hub.index()[name]["builder"]] = name
    # The one that is shipped, and the one that has a tenth of the layers of the smallest.
    chosen |= {
        "highway_classifier": "highway_mnist_50",
        "reader_writer": "grid_lstm_memorization_10",
    }
    return sorted(chosen.values())


def folder_of(name, revision):
    return ROOT / "checkpoints" / name / str(revision)


def test_there_are_checkpoints():
    assert MODELS, "checkpoints/index.json lists none: python -m training.release FOLDER…"


def test_every_folder_is_in_the_index():
    folders = {
        (path.parent.parent.name, int(path.parent.name))
        for path in (ROOT / "checkpoints").glob("*/*/manifest.json")
    }
    assert folders == set(REVISIONS)


@pytest.mark.parametrize(("name", "revision"), REVISIONS)
def test_card(name, revision):
    card.check(json.loads((folder_of(name, revision) / "card.json").read_bytes()), name)


@pytest.mark.parametrize(("name", "revision"), REVISIONS)
def test_figures_are_those_of_the_files(name, revision):
    folder = folder_of(name, revision)
    info = zoo.info(name, revision=revision)
    found = Checkpoint.open(folder, info["sha256"])
    assert {path.name for path in folder.iterdir()} == {"manifest.json", *found.files}
    sizes = [path.stat().st_size for path in folder.iterdir()]
    assert sum(sizes) == info["bytes"]
    assert max(sizes) < LARGEST_FILE
    entry = hub.index()[name]
    assert entry["revisions"][str(revision)]["card_sha256"] == sha256_of(found.files["card.json"])
    assert sum(value.size for value in found.weights.values()) == info["parameters"]
    assert (entry["task"], entry["builder"]) == (info["task"], info["builder"])
    assert found.config["builder"] == info["builder"]
    for value in found.weights.values():
        assert np.isfinite(value).all()


def test_weights_have_the_names_dtypes_and_shapes_that_were_published():
    path = ROOT / "tests" / "weights.json"
    assert path.is_file(), "make it with: python -m training.release"
    found = {
        name: {
            key: [str(value.dtype), *value.shape]
            for key, value in Checkpoint.open(
                folder_of(name, zoo.info(name)["revision"])
            ).weights.items()
        }
        for name in MODELS
    }
    assert found == json.loads(path.read_text())


@pytest.mark.parametrize("name", MODELS)
def test_weights_fit_the_model_that_the_zoo_builds_today(name):
    model = zoo.load(name)
    assert model.count_params() == zoo.info(name)["parameters"]
    assert zoo.verify(model, metrics=False)["golden"] < 1e-4


@pytest.mark.parametrize("name", one_a_family())
def test_checkpoint_scores_what_its_card_says(name, need_data):
    need_data(zoo.info(name)["dataset"]["name"])
    report = zoo.verify(name)
    assert report["metrics"].keys() == zoo.info(name)["metrics"].keys()
