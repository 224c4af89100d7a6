"""Words a second of a beam search over a batch in one call, beside one word a call.

    python benchmarks/beam_search.py [--checkpoint seq2seq_cmudict] [--rounds 5]

64 words of the test split of CMUdict, the same both ways, by a beam of 5 and by one of 1, which
takes the likeliest symbol each time. The two ways take turns, after one of each that is not
counted; a figure is the median of the rounds. The aim is 10 times as many words a second in a
batch, at a beam of 5. Close other programs first.
"""

import csv
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import typer

import zoo
from zoo.loading import hardware

WORDS = 64
BEAMS = (5, 1)


def each(write: Callable[[str], Any], words: list[str]) -> list[Any]:
    """Returns the answers of one call a word."""
    return [write(word) for word in words]


def medians(calls: list[Callable[[], Any]], rounds: int) -> list[float]:
    """Returns the median seconds of each of the calls, which take turns."""
    took: list[list[float]] = [[] for _ in calls]
    for _ in range(1 + rounds):
        for call, seconds in zip(calls, took, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds[1:]) for seconds in took]


def main(
    checkpoint: Annotated[str, typer.Option(help="Name or folder.")] = "seq2seq_cmudict",
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    output: Path = Path("docs/figures/beam_search.csv"),
) -> None:
    """Measure, print, and write the table."""
    words, _ = zoo.data.load("cmudict", "test")
    # The split is in the order of the alphabet.
    words = words[:: len(words) // WORDS][:WORDS]
    pipe = zoo.pipeline(checkpoint)
    backend = keras.backend.backend()
    rows = []
    for beam in BEAMS:
        write = partial(pipe, beam=beam)
        together, alone = medians([partial(write, words), partial(each, write, words)], rounds)
        rows.append(
            {
                "checkpoint": pipe.model.name,
                "beam": beam,
                "words": WORDS,
                "batch_words_per_s": f"{WORDS / together:.1f}",
                "single_words_per_s": f"{WORDS / alone:.1f}",
                "ratio": f"{alone / together:.1f}",
                "hardware": hardware(),
                "backend": f"{backend} {version(backend)}",
            }
        )
        typer.echo(
            f"beam {beam}: {rows[-1]['batch_words_per_s']} words/s in a batch, "
            f"{rows[-1]['single_words_per_s']} alone, {rows[-1]['ratio']} times"
        )
    with output.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    typer.run(main)
