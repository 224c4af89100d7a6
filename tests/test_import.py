"""Importing the package is cheap, and its parts depend on each other in one direction."""

import ast

import pytest
from helpers import ROOT, run_python

import zoo

LIGHT = """
import sys
import zoo

for name in zoo.list_models():
    zoo.info(name)
zoo.list_builders()
dir(zoo)
heavy = {"keras", "numpy", "safetensors", "tensorflow", "tensorflow_datasets", "torch", "jax"}
assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()
"""


def test_names_are_listed_without_importing_a_backend():
    done = run_python(LIGHT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", zoo.__all__)
def test_public_name_exists_and_is_documented(name):
    assert getattr(zoo, name).__doc__
    assert name in dir(zoo)


def test_unknown_name():
    with pytest.raises(AttributeError, match="lstm9000"):
        zoo.lstm9000  # noqa: B018


@pytest.mark.parametrize(
    "path", sorted((ROOT / "zoo").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_package_imports_only_what_is_public_and_below_it(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    for module in imported:
        assert module.split(".")[0] != "training"
        assert not module.startswith(("keras.src", "tensorflow.python", "tensorflow.keras"))
