"""What is written from the cards of published checkpoints: tables of results, a page of each."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training import model_card
from training.model_card import joined, table
from zoo import card as cards
from zoo.checkpoint import MANIFEST, Checkpoint

# The tasks of `docs/sequences.md`.
OF_SEQUENCES = (
    "algorithm",
    "image-to-sequence",
    "language-modelling",
    "sequence-to-sequence",
    "text-classification",
)


def revisions(checkpoints: Path) -> dict[str, list[Path]]:
    """Returns checkpoint name -> the folders of its revisions, oldest first."""
    found = {
        home.name: sorted(home.glob("[0-9]*"), key=lambda path: int(path.name))
        for home in sorted(checkpoints.iterdir())
    }
    return {name: folders for name, folders in found.items() if folders}


def size(checkpoint: Checkpoint) -> int:
    """Returns the bytes of a checkpoint's folder."""
    manifest = (checkpoint.path / MANIFEST).stat().st_size
    return manifest + sum(map(len, checkpoint.files.values()))


def generated(root: Path) -> dict[Path, str]:
    """Returns path -> content of every file that is written from `root`'s newest checkpoints."""
    home = root / "checkpoints"
    newest = {name: Checkpoint.open(folders[-1]) for name, folders in revisions(home).items()}
    latency = _latency(root / "docs" / "figures" / "latency.csv")
    infos = [
        {
            "name": name,
            "revision": int(one.path.name),
            "bytes": size(one),
            "sha256": one.sha256,
            **one.card,
        }
        for name, one in newest.items()
    ]
    measured = [latency.get((info["name"], info["revision"])) for info in infos]
    rows = [_row(info, took) for info, took in zip(infos, measured, strict=True)]
    pages = {
        home / info["name"] / "README.md": model_card.render(info, took)
        for info, took in zip(infos, measured, strict=True)
    }
    labelling, sequences = root / "docs" / "labelling.md", root / "docs" / "sequences.md"
    return pages | {
        home / "RESULTS.csv": _as_csv(rows),
        home / "RESULTS.md": _results(infos, rows),
        root / "README.md": _with_table(root / "README.md", _summary(rows, "checkpoints/")),
        labelling: _with_table(labelling, _labellers(newest)),
        sequences: _with_table(
            sequences,
            _summary([row for row in rows if row["task"] in OF_SEQUENCES], "../checkpoints/"),
        ),
        root / "tests" / "weights.json": _shapes(newest),
    }


def _latency(path: Path) -> dict[tuple[str, int], dict[str, str]]:
    """Returns (name, revision) -> what `benchmarks/latency.py` measured."""
    with path.open(newline="") as file:
        return {(row["checkpoint"], int(row["revision"])): row for row in csv.DictReader(file)}


def _row(info: Mapping[str, Any], latency: Mapping[str, str] | None) -> dict[str, Any]:
    """Returns a checkpoint's row of RESULTS.csv; "" stands for what there is not."""
    metric = cards.main_metric(info)
    latency = latency or {}
    spread = info.get("seeds", {}).get(metric, {})
    return {
        "checkpoint": info["name"],
        "revision": info["revision"],
        "task": info["task"],
        "data": info["dataset"]["name"],
        "metric": metric,
        "value": info["metrics"][metric],
        "published": info["published"].get(metric, ""),
        "published_what": info["published"]["what"],
        "published_source": info["published"]["source"],
        "seeds": len(info.get("seeds", {}).get("seeds", [info["seed"]])),
        "mean": spread.get("mean", ""),
        "deviation": spread.get("deviation", ""),
        "parameters": info["parameters"],
        "bytes": info["bytes"],
        "latency_1_ms": latency.get("one_ms", ""),
        "latency_32_ms": latency.get("batch_ms", ""),
        "latency_hardware": latency.get("hardware", ""),
        "training_seconds": info["training_seconds"],
        "training_hardware": info["hardware"],
        "licence": info["licence"],
        "data_licence": info["dataset"]["licence"],
    }


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _results(infos: list[dict[str, Any]], rows: list[dict[str, Any]]) -> str:
    """Returns RESULTS.md: a table a task, and one of the data."""
    hardware = sorted({row["latency_hardware"] for row in rows} - {""})
    parts = [
        "# Results",
        "Scores are on the test split of the data; weights were chosen on a validation split. "
        "*Published* is the result that a checkpoint stands beside: what that is, and where it "
        "differs, is on the checkpoint's page. *Seeds* is mean and deviation on the test split, "
        "where several were trained. *ms* is the median time on a CPU that `zoo.pipeline` takes "
        "for one input, and for 32 in one call, by `python benchmarks/latency.py`"
        f"{', on ' + ' and '.join(hardware) if hardware else ''}.",
        "Written from the cards by `python -m training.release`. [RESULTS.csv](RESULTS.csv) has "
        "the same and more.",
    ]
    header = ["checkpoint", "data", "test", "published", "seeds", "parameters", "size"]
    header += ["ms, 1", "ms, 32", "training", "licence"]
    for task in sorted({row["task"] for row in rows}):
        shown = [
            [
                *_named(row, ""),
                f"{row['mean']:.4f} ± {row['deviation']:.4f}" if row["mean"] else "–",
                f"{row['parameters']:,}",
                f"{row['bytes'] / 1e6:.2f} MB",
                row["latency_1_ms"] or "–",
                row["latency_32_ms"] or "–",
                f"{row['training_seconds'] / 60:.0f} min",
                row["licence"],
            ]
            for row in rows
            if row["task"] == task
        ]
        parts += [f"## {task.replace('-', ' ').capitalize()}", table(header, shown)]
    data = {info["dataset"]["name"]: info["dataset"] for info in infos}
    of_data = [
        [f"[{name}]({one['homepage']})", one["version"], one["licence"]]
        for name, one in sorted(data.items())
    ]
    parts += ["## Data", table(["data", "version", "licence"], of_data)]
    return joined(parts)


def _named(row: Mapping[str, Any], to: str) -> list[str]:
    """Returns name, data, score and published score; the name links to its page from `to`."""
    return [
        f"[`{row['checkpoint']}`]({to}{row['checkpoint']}/README.md)",
        row["data"],
        f"{row['metric']} {row['value']:.4f}",
        f"{row['published']:.4f}" if row["published"] else "–",
    ]


def _summary(rows: list[dict[str, Any]], to: str) -> str:
    """Returns the table of a page from which `to` is where the checkpoints are."""
    header = ["checkpoint", "data", "test", "published", "parameters", "size"]
    shown = [
        [
            *_named(row, to),
            f"{row['parameters']:,}",
            f"{row['bytes'] / 1e6:.1f} MB",
        ]
        for row in rows
    ]
    return table(header, shown)


def _labellers(newest: Mapping[str, Checkpoint]) -> str:
    """Returns the table of what labels words, from the cards and configurations."""
    header = ["checkpoint", "data", "cell", "score", "seeds", "intent"]
    header += ["parameters", "training", "published"]
    rows = []
    for name, one in sorted(newest.items(), key=lambda item: item[1].card["dataset"]["name"]):
        card, arguments = one.card, one.config["arguments"]
        if card["task"] not in ("slot-filling", "tagging"):
            continue
        metric = cards.main_metric(card)
        before, after = arguments.get("window", [0, 0])
        ways = "both ways" if arguments.get("bidirectional", True) else "one way"
        window = f", {before} words before and {after} after" if before or after else ""
        intent = card["metrics"].get("intent_accuracy")
        published = card["published"].get(metric)
        rows.append(
            [
                f"[`{name}`](../checkpoints/{name}/README.md)",
                card["dataset"]["name"],
                f"{arguments['cell']}, {ways}{window}{', CRF' if arguments['crf'] else ''}",
                f"{metric} {card['metrics'][metric]:.4f}",
                cards.spread(card, metric),
                f"{intent:.4f}" if intent else "–",
                f"{card['parameters']:,}",
                f"{card['training_seconds'] / 60:.0f} min",
                f"{published:.4f}" if published else "–",
            ]
        )
    return table(header, rows)


def _with_table(page: Path, content: str) -> str:
    """Returns a page with a table between the two comments that mark its place."""
    start, end = "<!-- results -->\n", "<!-- end of results -->"
    before, _, rest = page.read_text().partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{content}\n\n{end}{after}"


def _shapes(newest: Mapping[str, Checkpoint]) -> str:
    """Returns names, dtypes and shapes of all weights, which a later change must not break."""
    shapes = {
        name: {key: [str(value.dtype), *value.shape] for key, value in sorted(one.weights.items())}
        for name, one in newest.items()
    }
    return json.dumps(shapes, indent=1) + "\n"
