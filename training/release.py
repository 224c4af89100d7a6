"""`python -m training.release FOLDER…`: puts trained checkpoints into the zoo and pins them.

Each folder becomes the next revision of the checkpoint it is named for; a folder that was
published never changes. Then `checkpoints/index.json`, the pin in `zoo/pins.py`, and all that is
written from the cards (`training/pages.py`) are written anew.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from training.pages import generated, revisions, size
from zoo import card as cards
from zoo.checkpoint import CARD, MANIFEST, Checkpoint, sha256_of, to_json, written_whole

ROOT = Path(__file__).parent.parent


def add(source: Path, name: str, checkpoints: Path) -> Path:
    """Copies a checkpoint folder to its place in `checkpoints` and returns that place.

    Raises:
        ValueError: if a field of its card is missing, unknown, or not what it should be.
    """
    found = Checkpoint.open(source)
    cards.check(found.card, f"{source / CARD}")
    published = revisions(checkpoints).get(name)
    target = checkpoints / name / str(int(published[-1].name) + 1 if published else 1)
    with written_whole(target) as staging:
        for file in (MANIFEST, *found.files):
            shutil.copyfile(source / file, staging / file)
    return target


def entry(folder: Path) -> dict[str, object]:
    """Returns the index's entry of one revision."""
    found = Checkpoint.open(folder)
    return {
        "manifest_sha256": found.sha256,
        "card_sha256": sha256_of(found.files[CARD]),
        "bytes": size(found),
    }


def write_index(checkpoints: Path) -> str:
    """Writes the index of what is in `checkpoints` and returns its sha256."""
    entries = {}
    for name, folders in revisions(checkpoints).items():
        card = Checkpoint.open(folders[-1]).card
        entries[name] = {
            "task": card["task"],
            "builder": card["builder"],
            "revisions": {folder.name: entry(folder) for folder in folders},
        }
    content = to_json({"format_version": 1, "checkpoints": entries})
    (checkpoints / "index.json").write_bytes(content)
    return sha256_of(content)


def pin(sha256: str, root: Path) -> None:
    """Makes the package believe the index of this sha256, and no other."""
    pins = root / "zoo" / "pins.py"
    pins.write_text(re.sub(r'INDEX_SHA256 = ".*"', f'INDEX_SHA256 = "{sha256}"', pins.read_text()))


def publish(folders: Sequence[Path], root: Path) -> list[Path]:
    """Publishes trained checkpoints in a source tree and returns their places, or changes nothing.

    Raises:
        ValueError: as `add`, or if a page cannot be written of a card.
    """
    checkpoints = root / "checkpoints"
    added: list[Path] = []
    try:
        for folder in folders:
            added.append(add(folder / "checkpoint", folder.name, checkpoints))
        pages = generated(root)
    except BaseException:
        # Or the same command, when it can be done, would publish these again.
        for place in added:
            shutil.rmtree(place)
        raise
    pin(write_index(checkpoints), root)
    for path, content in pages.items():
        path.write_text(content)
    return added


def main(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Such as runs/highway_mnist_50; none only writes the index anew."),
    ] = None,
) -> None:
    """Publish trained checkpoints in this source tree."""
    for place in publish(folders or [], ROOT):
        typer.echo(str(place))


if __name__ == "__main__":
    typer.run(main)
