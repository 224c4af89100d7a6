"""What the README and the pages of docs/ show is what their code prints."""

import contextlib
import importlib.util
import io
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(\n```text\n(?P<output>.*?)```)?", re.DOTALL)
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "```python" in page.read_text()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_example_prints_what_the_page_says(page, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in BLOCK.finditer(page.read_text()):
        # PyTorch is not among what the tests install.
        if "import torch" in block["code"] and not importlib.util.find_spec("torch"):
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block["code"], names)
        assert printed.getvalue() == (block["output"] or ""), block["code"]


def test_the_pages_with_examples_are_found():
    assert {page.name for page in PAGES} >= {"README.md", "cells.md", "gru_becomes_highway.md"}


def test_links_point_at_files():
    for page in [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "checkpoints").rglob("*.md"),
    ]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
