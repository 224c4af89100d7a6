"""Pictures of what a model does."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of pieces that a picture cannot show as they are: the end of a text, and white space.
SHOWN = {"": "⏎", " ": "␣", "\n": "↵", "\t": "⇥"}


def attention(answer: Mapping[str, Any]) -> "Figure":
    """Returns a picture of how much a model looked at each piece that it read.

    The pieces that were read go from left to right, those that were written from top to bottom;
    ⏎ is the end. A row sums to 1.

    Args:
        answer: of a sequence-to-sequence pipeline that was called with `attention=True`.

    Returns:
        A figure that grows with the pieces; `figure.savefig("attention.png")` writes it, and a
        notebook shows it.

    Raises:
        ValueError: if the answer has no attention.
        RuntimeError: if matplotlib is not installed.
    """
    if not isinstance(answer, Mapping) or "attention" not in answer:
        raise ValueError(
            'answer has no "attention": give one answer of a pipeline called with attention=True'
        )
    try:
        # No pyplot: it would choose a window system, and keep every figure.
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise RuntimeError("plots need matplotlib: pip install 'gatezoo[plot]'") from error
    found = answer["attention"]
    read, written = ([SHOWN.get(p, p) for p in found[name]] for name in ("source", "output"))
    # Inches: 0.28 a piece, and room for the names of the pieces and the scale.
    margin = 1.2 + 0.08 * max(map(len, read + written))
    figure = Figure(
        (0.28 * max(len(read), 8) + margin + 0.8, 0.28 * max(len(written), 6) + margin),
        layout="constrained",
    )
    axes = figure.subplots()
    image = axes.imshow(found["weights"], cmap="viridis", vmin=0, vmax=1)
    # A piece may hold dollars, which are no mathematics here.
    axes.set_xticks(range(len(read)), labels=read, parse_math=False)
    axes.set_yticks(range(len(written)), labels=written, parse_math=False)
    axes.tick_params(labelsize=9)
    axes.tick_params("x", rotation=90 if max(map(len, read)) > 2 else 0)
    axes.set(xlabel="read", ylabel="written")
    figure.colorbar(image, ax=axes, label="weight")
    return figure
