"""What the command line shows to people: tables that fit the terminal, cards, answers.

On a terminal a table is as wide as that at most; on a pipe, or into a file, as wide as it takes, so
that no row is ever broken there.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from zoo import card as cards


def console() -> Console:
    """Returns a console of the width of the terminal, or of COLUMNS where that is set."""
    fits = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if fits else 10_000)


def show_rows(columns: Mapping[str, str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table whose last columns are left out where the terminal is too narrow for them.

    Args:
        columns: heading -> "left" or "right", the most important first.
        rows: one text a column.
    """
    out = console()
    for count in range(len(columns), 0, -1):
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for heading, justify in list(columns.items())[:count]:
            table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
        for row in rows:
            # As Text: brackets are no markup.
            table.add_row(*map(Text, row[:count]))
        if out.measure(table, options=out.options.update(width=10_000)).maximum <= out.width:
            break
    out.print(table)


def show_grid(rows: Iterable[Sequence[str]], indent: int = 0) -> None:
    """Prints rows of texts in columns without headings; a long text goes on below itself."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*map(Text, row))
    for column in table.columns:
        column.overflow = "fold"
    console().print(Padding(table, (0, 0, 0, indent), expand=False))


def show_card(info: Mapping[str, Any]) -> None:
    """Prints a checkpoint's card, as `zoo.info` returns it."""
    out = console()

    def heading(text: str) -> None:
        out.print()
        out.print(Text(text, style="bold"))

    data, published = info["dataset"], info["published"]
    out.print(Text(f"{info['name']}, revision {info['revision']}", style="bold"))
    out.print(Text(f"{info['summary']}."))
    out.print()
    facts = {
        "task": info["task"],
        "builder": info["builder"],
        "parameters": f"{info['parameters']:,}",
        "size": megabytes(info["bytes"]),
        "licence": info["licence"],
        "sha256": info["sha256"],
    }
    show_grid(facts.items())
    heading("Results")
    show_rows(
        {"": "left"} | dict.fromkeys(("test", "validation", "published", "difference"), "right"),
        cards.scores(info),
    )
    out.print(Text(f"Published: {published['what']}. {published['source']}"))
    heading("Data")
    splits = [data[f"{kind}_split"] for kind in ("train", "validation", "test")]
    about = {
        "name": f"{data['name']} {data['version']}",
        "splits": ", ".join(splits),
        "licence": data["licence"],
        "homepage": data["homepage"],
    }
    show_grid(about.items())
    heading("Training")
    show_grid([("command", info["recipe"]), *cards.training(info).items()])


def megabytes(count: int) -> str:
    """Returns a number of bytes as people read it."""
    return f"{count / 1e6:.1f} MB"


def show_answer(answer: Mapping[str, Any], top_k: int | None = None) -> None:
    """Prints a pipeline's answer to one input: the input, and what was found in it."""
    if "file" in answer and "label" in answer and top_k is None:
        show_grid([(answer["file"], answer["label"], _score(answer["score"]))])
        return
    # A text as it is, with what is written after it.
    title = Text(answer["text"] if "text" in answer else answer["file"], style="bold")
    if "output" in answer and "alternatives" not in answer:
        console().print(title + Text(answer["output"]), soft_wrap=True)
        return
    console().print(title)
    show_grid(_found(answer, top_k), indent=2)


def _found(answer: Mapping[str, Any], top_k: int | None) -> Iterator[tuple[str, ...]]:
    """Yields what was found in an input, a row each: outputs, labels, slots, or tagged words."""
    if "alternatives" in answer:
        for one in answer["alternatives"]:
            yield one["output"], _score(one["score"])
    elif "probabilities" in answer:
        likeliest = answer["probabilities"]
        if top_k is None:
            likeliest = {answer["label"]: answer["score"]} if answer["label"] is not None else {}
        for label, value in likeliest.items():
            yield label, _score(value)
    elif "slots" in answer:
        if answer.get("intent") is not None:
            yield "intent", answer["intent"], _score(answer["intent_score"])
        for slot in answer["slots"]:
            yield slot["slot"], slot["text"], _score(slot["score"])
    else:
        for token in answer["tokens"]:
            yield token["text"], token["tag"], _score(token["score"])


def _score(value: float) -> str:
    return f"{value:.3f}"
