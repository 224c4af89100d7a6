"""What a network loses whose last output is all that goes back: digits spelled, by digit.

    python -m training.output_recurrence

Writes `docs/figures/output_recurrence.csv` from the published checkpoints, on MNIST's test split.
Both networks see the picture at every step, and differ in what they remember: `vec2seq_mnist` has a
GRU, `output_recurrent_mnist` the letter it wrote last.
"""

import csv
from collections import Counter
from pathlib import Path

import zoo

CHECKPOINTS = ("vec2seq_mnist", "output_recurrent_mnist")
FIGURE = Path(__file__).parent.parent / "docs" / "figures" / "output_recurrence.csv"


def main() -> None:
    """Scores both checkpoints and writes the table."""
    pictures, targets = zoo.data.load("mnist_spelled", "test")
    names = [name for (name,) in targets["outputs"]]
    found = {
        checkpoint: [answer["output"] for answer in zoo.pipeline(checkpoint)(pictures)]
        for checkpoint in CHECKPOINTS
    }
    rows = []
    for name in [*dict.fromkeys(sorted(names)), "all"]:
        row: dict[str, object] = {"digit": name}
        for checkpoint, outputs in found.items():
            of_name = [
                (output, right)
                for output, right in zip(outputs, names, strict=True)
                if name in (right, "all")
            ]
            row[checkpoint] = f"{sum(a == b for a, b in of_name) / len(of_name):.4f}"
            most = Counter(output for output, _ in of_name).most_common(1)[0][0]
            row[f"{checkpoint} writes most"] = "" if name == "all" else most
        rows.append(row)
        print(*row.values(), sep="\t")
    with FIGURE.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
