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


def revisions(checkpoints: Path) -> dict[str, list[Path]]:
    """Returns checkpoint name -> the folders of its revisions, oldest first."""
    found = {
        home.name: sorted(home.glob("[0-9]*"), key=lambda path: int(path.name))
        for home in sorted(checkpoints.iterdir())
    }
    return {name: folders for name, folders in found.items() if folders}


def add(source: Path, name: str, checkpoints: Path) -> Path:
    """Copies a checkpoint folder to its place in `checkpoints` and returns that place."""
    found = Checkpoint.open(source)
    published = revisions(checkpoints).get(name)
    target = checkpoints / name / str(int(published[-1].name) + 1 if published else 1)
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


def pin(sha256: str) -> None:
    """Makes the package believe the index of this sha256, and no other."""
    pins = ROOT / "zoo" / "pins.py"
    pins.write_text(re.sub(r'INDEX_SHA256 = ".*"', f'INDEX_SHA256 = "{sha256}"', pins.read_text()))


def results() -> str:
    """Returns a table of all checkpoints, from their cards, as Markdown."""
    lines = [
        "| checkpoint | what | data | test | parameters | size | training |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, folders in revisions(shipped()).items():
        card = Checkpoint.open(folders[-1]).card
        first = next(iter(card["metrics"]))
        shown = [first, *({"intent_accuracy"} & card["metrics"].keys())]
        test = ", ".join(f"{metric} {card['metrics'][metric]:.4f}" for metric in shown)
        megabytes = sum(file.stat().st_size for file in folders[-1].iterdir()) / 1e6
        minutes = card["training_seconds"] / 60
        lines.append(
            f"| `{name}` | {card['summary']} | {card['dataset']['name']} | {test} | "
            f"{card['parameters']:,} | {megabytes:.2f} MB | {minutes:.0f} min |"
        )
    return "\n".join(lines)


def labellers() -> str:
    """Returns what labels words, side by side, from the cards and configurations, as Markdown."""
    lines = [
        "| checkpoint | data | cell | score | seeds | intent | parameters | training | published |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    found = [Checkpoint.open(folders[-1]) for folders in revisions(shipped()).values()]
    for one in sorted(found, key=lambda one: one.card["dataset"]["name"]):
        card, arguments = one.card, one.config["arguments"]
        if card["task"] not in ("slot-filling", "tagging"):
            continue
        metric, score = next(iter(card["metrics"].items()))
        before, after = arguments.get("window", [0, 0])
        ways = "both ways" if arguments.get("bidirectional", True) else "one way"
        window = f", {before} words before and {after} after" if before or after else ""
        crf = ", CRF" if arguments["crf"] else ""
        spread = card.get("seeds", {}).get(metric)
        seeds = f"{spread['mean']:.4f} ± {spread['deviation']:.4f}" if spread else "–"
        intent = card["metrics"].get("intent_accuracy")
        lines.append(
            f"| `{one.path.parent.name}` | {card['dataset']['name']} "
            f"| {arguments['cell']}, {ways}{window}{crf} | {metric} {score:.4f} | {seeds} "
            f"| {f'{intent:.4f}' if intent else '–'} | {card['parameters']:,} "
            f"| {card['training_seconds'] / 60:.0f} min | {card['published'].get(metric, '–')} |"
        )
    return "\n".join(lines)


def set_table(page: Path, table: str) -> None:
    """Writes a table into a page, between the two comments that mark its place."""
    page.write_text(
        re.sub(
            "(?<=<!-- results -->\n).*?(?=<!-- end of results -->)",
            f"\n{table}\n\n",
            page.read_text(),
            flags=re.DOTALL,
        )
    )


def write_tables() -> None:
    """Writes what is generated from the checkpoints: results, and names and shapes of weights."""
    table = results()
    (shipped() / "RESULTS.md").write_text(
        "# Results\n\nOn the test split of the data set; each was chosen on a validation split. "
        f"Written from the cards by\n`python -m training.release`.\n\n{table}\n"
    )
    set_table(ROOT / "README.md", table)
    set_table(ROOT / "docs" / "labelling.md", labellers())
    shapes = {
        name: {
            key: [str(value.dtype), *value.shape]
            for key, value in sorted(Checkpoint.open(folders[-1]).weights.items())
        }
        for name, folders in revisions(shipped()).items()
    }
    (ROOT / "tests" / "weights.json").write_text(json.dumps(shapes, indent=1) + "\n")


def main(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(help="Such as runs/highway_mnist_50; none only writes the index anew."),
    ] = None,
) -> None:
    """Publish trained checkpoints in this source tree."""
    for folder in folders or []:
        typer.echo(f"{add(folder / 'checkpoint', folder.name, shipped())}")
    pin(write_index(shipped()))
    write_tables()


if __name__ == "__main__":
    typer.run(main)
