"""Pictures of what a model does."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from zoo.analysis import Gates, Lesion

# Of pieces that a picture cannot show as they are: the end of a text, and white space.
SHOWN = {"": "⏎", " ": "␣", "\n": "↵", "\t": "⇥"}


def _figure(width: float, height: float) -> "Figure":
    """Returns an empty figure of a size in inches."""
    try:
        # No pyplot: it would choose a window system, and keep every figure.
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise RuntimeError("plots need matplotlib: pip install 'gatezoo[plot]'") from error
    return Figure((width, height), layout="constrained")


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
    found = answer["attention"]
    read, written = ([SHOWN.get(p, p) for p in found[name]] for name in ("source", "output"))
    # Inches: 0.28 a piece, and room for the names of the pieces and the scale.
    margin = 1.2 + 0.08 * max(map(len, read + written))
    figure = _figure(0.28 * max(len(read), 8) + margin + 0.8, 0.28 * max(len(written), 6) + margin)
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


def lesion(*found: "Lesion", labels: Sequence[str] = ("",)) -> "Figure":
    """Returns a picture of what a network scores without each of its Highway layers.

    It is figure 4 of Srivastava, Greff and Schmidhuber (arXiv:1507.06228): the loss, on a
    logarithmic scale, and the accuracy, by the layer that is removed. A dashed line is the network
    as it is.

    Args:
        found: of `zoo.analysis.lesion`, one or more of the same layers.
        labels: what each of them is called: "training set", "test set".

    Raises:
        ValueError: if there are more or fewer labels than lesions, or their layers differ.
        RuntimeError: if matplotlib is not installed.
    """
    if len(found) != len(labels) or any(one.layers != found[0].layers for one in found):
        raise ValueError(f"labels must name each of {len(found)} lesions of the same layers")
    figure = _figure(8, 5)
    panels = figure.subplots(2, sharex=True)
    places = range(len(found[0].layers))
    for i, (one, label) in enumerate(zip(found, labels, strict=True)):
        for axes, values, whole in (
            (panels[0], one.loss, one.whole_loss),
            (panels[1], one.accuracy, one.whole_accuracy),
        ):
            colour = f"C{i}"
            axes.plot(places, values, "o-", color=colour, markersize=3, linewidth=1, label=label)
            axes.axhline(whole, color=colour, linestyle="--", linewidth=0.8)
    panels[0].set(yscale="log", ylabel="loss, nats")
    panels[1].set(ylabel="accuracy")
    _name_layers(panels[1], found[0].layers)
    panels[1].set_xlabel("layer that is removed")
    if any(labels):
        panels[0].legend()
    return figure


def gates(found: "Gates", example: int = 0) -> "Figure":
    """Returns a picture of the gates of a network's Highway layers.

    Above, the bias of each unit's gate, the mean of T over all examples, and T for one of them:
    figure 2 of Srivastava, Greff and Schmidhuber (arXiv:1507.06228). Below, the means over the
    units of each layer.

    Args:
        found: of `zoo.analysis.gates`.
        example: which one of the examples the third map shows.

    Raises:
        IndexError: if there is no such example.
        RuntimeError: if matplotlib is not installed.
    """
    figure = _figure(11, 6.5)
    panels = figure.subplots(2, 3, height_ratios=[2, 1])
    one = [t[example] for t in found.activity]
    mean = [t.mean(axis=0) for t in found.activity]
    columns = (
        ("bias", found.bias, "mean bias", (None, None)),
        ("mean T of all examples", mean, "mean T", (0, 1)),
        (f"T of example {example}", one, "mean T", (0, 1)),
    )
    for (above, below), (title, values, mean_title, (least, largest)) in zip(
        panels.T, columns, strict=True
    ):
        image = above.imshow(
            _as_map(values), aspect="auto", cmap="viridis", vmin=least, vmax=largest
        )
        above.set(xlabel="layer", ylabel="unit", title=title)
        figure.colorbar(image, ax=above)
        below.plot([units.mean() for units in values], linewidth=1)
        below.set(xlabel="layer", ylabel=mean_title)
    return figure


def gates_by_class(found: "Gates", targets: Any, labels: Sequence[str]) -> "Figure":
    """Returns a picture of the mean T of each class, less that of all examples.

    It is figure 3 of Srivastava, Greff and Schmidhuber (arXiv:1507.06228).

    Args:
        found: of `zoo.analysis.gates`.
        targets: integer class ids `(count,)`.
        labels: the names of the classes.

    Raises:
        TypeError: if the targets are no integers.
        ValueError: if there are not as many targets as examples, or one is not that of a class.
        RuntimeError: if matplotlib is not installed.
    """
    by_class = found.by_class(targets, len(labels))
    columns = min(5, len(labels))
    rows = -(-len(labels) // columns)
    figure = _figure(2.4 * columns + 1, 2.2 * rows + 0.6)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    differences = [one - t.mean(axis=0) for one, t in zip(by_class, found.activity, strict=True)]
    largest = float(np.nanmax([np.nanmax(np.abs(one)) for one in differences]))
    for i, axes in enumerate(panels.flat):
        if i >= len(labels):
            axes.set_axis_off()
            continue
        image = axes.imshow(
            _as_map([one[i] for one in differences]),
            aspect="auto",
            cmap="RdBu_r",
            vmin=-largest,
            vmax=largest,
        )
        axes.set_title(labels[i], fontsize=9, parse_math=False)
    figure.supxlabel("layer")
    figure.supylabel("unit")
    figure.colorbar(image, ax=panels, label="T, less the mean of all")
    return figure


def traces(
    found: Mapping[str, Mapping[str, Any]], pieces: Sequence[str], example: int = 0
) -> "Figure":
    """Returns a picture of the gates of recurrent layers, step by step, for one example.

    The units of a layer are in the order of their mean, the least open at the bottom.

    Args:
        found: of `zoo.analysis.traces`.
        pieces: what was read at each step; steps after them are not shown.
        example: which one of the examples.

    Raises:
        ValueError: if there are no layers or no pieces, or more pieces than steps.
        RuntimeError: if matplotlib is not installed.
    """
    if not found:
        raise ValueError("found must have the gates of a layer at least, got none")
    steps = next(iter(next(iter(found.values())).values())).shape[1]
    if not 0 < len(pieces) <= steps:
        raise ValueError(f"pieces must name from 1 to {steps} steps, got {len(pieces)}")
    names = list(dict.fromkeys(gate for layer in found.values() for gate in layer))
    figure = _figure((0.3 * max(len(pieces), 8) + 0.9) * len(names) + 0.8, 2.0 * len(found) + 0.8)
    panels = figure.subplots(len(found), len(names), squeeze=False)
    for row, (layer, gates_of) in zip(panels, found.items(), strict=True):
        for axes, name in zip(row, names, strict=True):
            if name not in gates_of:
                axes.set_axis_off()
                continue
            values = np.asarray(gates_of[name])[example, : len(pieces)].T
            values = values[np.argsort(np.nan_to_num(values).mean(axis=1))]
            image = axes.imshow(
                values, aspect="auto", origin="lower", cmap="viridis", vmin=0, vmax=1
            )
            axes.set_xticks(
                range(len(pieces)), labels=[SHOWN.get(p, p) for p in pieces], parse_math=False
            )
            axes.tick_params("x", rotation=90 if max(map(len, pieces)) > 2 else 0, labelsize=8)
            axes.set_yticks([])
            axes.set_title(f"{layer}: {name}", fontsize=9, parse_math=False)
    figure.supylabel("units, from the least open", fontsize=9)
    figure.colorbar(image, ax=panels, label="gate")
    return figure


def _name_layers(axes: "Axes", names: Sequence[str]) -> None:
    """Names places on the x axis: by their layers where there is room, or else by numbers."""
    if len(names) <= 12:
        axes.set_xticks(range(len(names)), labels=names, rotation=30, ha="right", fontsize=8)


def _as_map(values: Sequence[Any]) -> np.ndarray:
    """Returns one array, a column a layer, with NaN where a layer has fewer units than another."""
    shown = np.full((max(map(len, values)), len(values)), np.nan)
    for column, units in enumerate(values):
        shown[: len(units), column] = units
    return shown
