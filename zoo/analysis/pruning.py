"""Highway stacks without the layers that do nothing."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import loading
from zoo.analysis import gated
from zoo.analysis.lesions import lesion
from zoo.layers import HighwayStack


def pruned(model: keras.Model, layers: list[int]) -> keras.Model:
    """Returns a model without some of the layers of its Highway stack, the others as they are.

    It is a model of the zoo like any other: it can be trained further and saved.

    Args:
        model: one of the zoo, whose builder has a `depth`, with one `HighwayStack`.
        layers: places of the layers to leave out, from 0; negative ones count from the last.

    Raises:
        ValueError: if the model is not of the zoo, or has not one stack; if a place is not that of
            a layer, or none would be left.
        TypeError: if `model` is no Keras model.
    """
    stacks = [one for one in gated.gated_layers(model) if isinstance(one, HighwayStack)]
    made_from = loading.origin(model)
    if len(stacks) != 1 or "depth" not in made_from.arguments:
        raise ValueError(
            f"model must have one HighwayStack and a builder with a depth, got {len(stacks)} and "
            f"builder {made_from.builder!r}"
        )
    [stack] = stacks
    out = gated.checked_places(layers, stack.depth)
    kept = [i for i in range(stack.depth) if i not in out]
    if not kept:
        raise ValueError(f"layers must leave one of the {stack.depth} at least, got {layers!r}")
    smaller = loading.build(made_from.builder, **made_from.arguments | {"depth": len(kept)})
    for old, new in zip(model.weights, smaller.weights, strict=True):
        value = ops.convert_to_numpy(old)
        new.assign(value[kept] if any(old is weight for weight in stack.weights) else value)
    return smaller


def idle_layers(
    model: keras.Model,
    inputs: Any,
    targets: Any,
    *,
    tolerance: float = 0.002,
    most: int | None = None,
    progress: bool = False,
) -> list[int]:
    """Returns layers of a model's Highway stack that can all be left out at once.

    One after another the layer is chosen without which the loss is least, as long as the accuracy
    stays within `tolerance` of the whole model's; two layers that are idle each alone may do the
    same work, so that one of them must stay.

    Args:
        model: as `pruned` has it.
        inputs, targets: examples to judge by, as `lesion` takes them. What is chosen by them has to
            be scored on others.
        tolerance: share of the examples that may be wrong for it.
        most: number of layers to stop at.
        progress: whether to show a bar.

    Returns:
        Their places, from 0, in the order they were chosen.

    Raises:
        As `pruned` and `lesion`.
    """
    idle: list[int] = []
    left = list(range(len(gated.names_of(model))))
    whole = None
    while len(left) > 1 and len(idle) != most:
        found = lesion(pruned(model, idle), inputs, targets, progress=progress)
        whole = found.whole_accuracy if whole is None else whole
        # A share of so many examples is no exact number: 0.9896 - 0.9876 is more than 0.002.
        allowed = np.flatnonzero(whole - found.accuracy <= tolerance + 1e-9)
        if not len(allowed):
            break
        idle.append(left.pop(allowed[np.argmin(found.loss[allowed])]))
    return idle
