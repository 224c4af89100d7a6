"""What the README shows is what its code prints."""

import contextlib
import io
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"```python\n(?P<code>.*?)```\n(\n```text\n(?P<output>.*?)```)?", re.DOTALL)


def test_every_example_prints_what_the_readme_says(tmp_path, monkeypatch):
    shutil.copytree(ROOT / "docs" / "examples", tmp_path / "docs" / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    blocks = list(BLOCK.finditer((ROOT / "README.md").read_text()))
    assert len(blocks) >= 4
    for block in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(block["code"], names)
        assert printed.getvalue() == (block["output"] or ""), block["code"]


def test_links_point_at_files():
    for page in [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        ROOT / "checkpoints/RESULTS.md",
    ]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
