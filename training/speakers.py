"""What language models of plays know of those who speak.

`python -m training.speakers CHECKPOINT…` walks each over the test split of Tiny Shakespeare, and
prints the nats a character, and how much of the score they make, of three kinds of characters:
those of lines that name a speaker for the first time, of lines that name one again, and all others.
It writes `docs/figures/speakers.csv`.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import zoo
from training.names import SPEAKER
from training.state import replace_table
from zoo.pipelines.writing import LanguagePipeline

TABLE = Path(__file__).parent.parent / "docs" / "figures" / "speakers.csv"
KINDS = ("speakers, new", "speakers, again", "all else")


def kinds(text: str) -> np.ndarray:
    """Returns of each character of a play the number of its kind in `KINDS`."""
    found = np.full(len(text), KINDS.index("all else"))
    known: set[str] = set()
    for match in SPEAKER.finditer(text):
        kind = "speakers, again" if match[1] in known else "speakers, new"
        found[slice(*match.span())] = KINDS.index(kind)
        known.add(match[1])
    return found


def main(
    names: Annotated[list[str], typer.Argument(help="Language models, as zoo.load takes them.")],
    table: Annotated[Path, typer.Option(help="Where the table goes.")] = TABLE,
) -> None:
    """Walk, print, and write the table."""
    (text,), _ = zoo.data.load("tinyshakespeare", "validation+test")
    kind = kinds(text)
    rows = []
    for name in names:
        model = zoo.pipeline(name)
        if not isinstance(model, LanguagePipeline):
            raise typer.BadParameter(f"{name} is no language model", param_hint="names")
        nats = -model.log_probs(text)
        for i, what in enumerate(KINDS):
            rows.append(
                {
                    "checkpoint": name,
                    "characters": what,
                    "count": int((kind == i).sum()),
                    "nats": f"{nats[kind == i].mean():.3f}",
                    "of_score": f"{nats[kind == i].sum() / len(text):.3f}",
                }
            )
            typer.echo("  ".join(map(str, rows[-1].values())))
    replace_table(table, rows)


if __name__ == "__main__":
    typer.run(main)
