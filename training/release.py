"""`python -m training.release FOLDER…`: puts trained checkpoints into the zoo and pins them.

Each folder becomes the next revision of the checkpoint it is named for; a folder that was
published never changes. Then `checkpoints/index.json`, the pin in `zoo/pins.py`, the results
table and the list of weights that the tests hold on to are written anew.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from zoo.checkpoint import CARD, MANIFEST, Checkpoint, sha256_of, to_json, written_whole
from zoo.hub import shipped

ROOT = Path(__file__).parent.parent


def add(source: Path, name: str) -> Path:
    """Copies a checkpoint folder to its place among the published ones and returns that place."""
    found = Checkpoint.open(source)
    home = shipped() / name
    revisions = [int(path.name) for path in home.glob("[0-9]*")]
    target = home / str(max(revisions, default=0) + 1)
    with written_whole(target) as staging:
        for file in (MANIFEST, *found.files):
            shutil.copyfile(source / file, staging / file)
    return target


def entry(folder: Path) -> dict[str, object]:
    """Returns the index's entry of one revision."""
    found = Checkpoint.open(folder)
    manifest = (folder / MANIFEST).read_bytes()
    return {
        "manifest_sha256": found.sha256,
        "card_sha256": sha256_of(found.files[CARD]),
        "bytes": len(manifest) + sum(map(len, found.files.values())),
    }


def write_index() -> None:
    """Writes the index of what is in the checkpoints folder, and pins it in the package."""
    checkpoints = {}
    for home in sorted(path for path in shipped().iterdir() if path.is_dir()):
        revisions = sorted(home.glob("[0-9]*"), key=lambda path: int(path.name))
        if not revisions:
            continue
        card = Checkpoint.open(revisions[-1]).card
        checkpoints[home.name] = {
            "task": card["task"],
            "builder": card["builder"],
            "revisions": {path.name: entry(path) for path in revisions},
        }
    content = to_json({"format_version": 1, "checkpoints": checkpoints})
    (shipped() / "index.json").write_bytes(content)
    pins = ROOT / "zoo" / "pins.py"
    pins.write_text(
        re.sub(r'INDEX_SHA256 = ".*"', f'INDEX_SHA256 = "{sha256_of(content)}"', pins.read_text())
    )


def write_tables() -> None:
    """Writes what is generated from the checkpoints: results, and names and shapes of weights."""
    shapes = {}
    rows = []
    for home in sorted(path for path in shipped().iterdir() if path.is_dir()):
        folder = max(home.glob("[0-9]*"), key=lambda path: int(path.name))
        found = Checkpoint.open(folder)
        card = found.card
        shapes[home.name] = {
            key: [str(value.dtype), *value.shape] for key, value in sorted(found.weights.items())
        }
        metric, value = next(iter(card["metrics"].items()))
        rows.append(
            f"| `{home.name}` | {card['summary']} | {card['dataset']['name']} | {metric} "
            f"{value:.4f} | {card['parameters']:,} | {entry(folder)['bytes'] / 1e6:.2f} MB "  # type: ignore[operator]
            f"| {card['training_seconds'] / 60:.0f} min |"
        )
    heading = (
        "# Results\n\nOn the test split of the data set, each chosen on a validation split. "
        "Written from the cards by\n`python -m training.release`.\n\n"
        "| checkpoint | what | data | test | parameters | size | training |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    (shipped() / "RESULTS.md").write_text(heading + "\n".join(rows) + "\n")
    (ROOT / "tests" / "weights.json").write_text(json.dumps(shapes, indent=1) + "\n")


def main(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Such as runs/highway_mnist_50; none only writes the index anew."),
    ] = None,
) -> None:
    """Publish trained checkpoints in this source tree."""
    for folder in folders or []:
        typer.echo(f"{add(folder / 'checkpoint', folder.name)}")
    write_index()
    write_tables()


if __name__ == "__main__":
    typer.run(main)
