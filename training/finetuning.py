"""What a pretrained start is worth: it and random weights, trained alike, side by side."""

import statistics
from collections.abc import Callable, Sequence

import typer

# Scores on a split, after training from a start, at a rate, with a seed.
Score = Callable[[str, float, int, str], float]


def compare(score: Score, *, rates: Sequence[float], seeds: int) -> str:
    """Returns a table of both starts, "pretrained" and "from scratch", as Markdown.

    The rate of either is chosen on the split "validation", with two seeds; the split "test" is
    scored with the rate that won, once a seed.
    """
    lines = ["| start | rate | validation | test, mean ± deviation | worst | best |"]
    lines.append("|---|---|---|---|---|---|")
    for start in ("pretrained", "from scratch"):
        tried: dict[float, float] = {}
        for rate in rates:
            tried[rate] = statistics.mean(
                score(start, rate, seed, "validation") for seed in range(2)
            )
            typer.echo(f"{start}: rate {rate} gives {tried[rate]:.4f} on validation")
        rate = max(tried, key=lambda rate: tried[rate])
        results = [score(start, rate, seed, "test") for seed in range(seeds)]
        lines.append(
            f"| {start} | {rate} | {tried[rate]:.4f} | {statistics.mean(results):.4f} ± "
            f"{statistics.stdev(results):.4f} | {min(results):.4f} | {max(results):.4f} |"
        )
    return "\n".join(lines)
