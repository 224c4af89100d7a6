"""The wheel, installed by itself, works outside the source tree."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

PROBE = """
import sys
from pathlib import Path

import numpy as np

import zoo

assert Path(zoo.__file__).is_relative_to(sys.argv[1]), zoo.__file__
cards = {name: zoo.info(name) for name in zoo.list_models()}
other = next(name for name in cards if name != "highway_mnist_50")
with np.load(sys.argv[2]) as digits:
    answers = zoo.pipeline("highway_mnist_50")(digits["pictures"])
    right = np.mean([int(a["label"]) == t for a, t in zip(answers, digits["labels"])])
assert right > 0.97, right
try:
    zoo.load(other)
except FileNotFoundError as error:
    assert "ZOO_MIRROR" in str(error)
else:
    raise AssertionError("a wheel carries one checkpoint only")
import os
os.environ["ZOO_MIRROR"] = sys.argv[3]
assert zoo.load(other).count_params() == cards[other]["parameters"]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with nothing but the installed wheel."""
    source = tmp_path_factory.mktemp("source")
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("zoo", "checkpoints"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    site = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, source],
        check=True,
    )
    return site


def test_wheel_works_outside_the_source_tree(site, tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROBE,
            str(site),
            str(ROOT / "docs" / "examples" / "mnist_test_300.npz"),
            (ROOT / "checkpoints").as_uri(),
        ],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(site),
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "ZOO_CACHE_DIR": str(tmp_path / "cache"),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_wheel_carries_the_hashes_of_raw_data(site):
    assert len(list(site.glob("zoo/datasets/*/checksums.tsv"))) == 7


def test_wheel_carries_one_checkpoint_whole_and_every_card(site):
    weights = {path.parts[-3] for path in site.glob("zoo/checkpoints/*/*/model.safetensors")}
    assert weights == {"highway_mnist_50"}
    cards = {path.parts[-3] for path in site.glob("zoo/checkpoints/*/*/card.json")}
    assert cards == {path.parts[-3] for path in (ROOT / "checkpoints").glob("*/*/card.json")}
