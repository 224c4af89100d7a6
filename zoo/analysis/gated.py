"""The Highway layers of a model, and the model called anew with something else in their place."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import track

from zoo.arguments import check_indices
from zoo.layers import Highway, HighwayStack

GATED = (Highway, HighwayStack)


def _check_model(model: Any) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras model, got {model!r}")


def layers_of(model: keras.Model, kinds: tuple[type, ...]) -> list[Any]:
    """Returns the layers of some kinds that a model has, those of models inside of it too.

    Raises:
        TypeError: if `model` is no Keras model.
    """
    _check_model(model)
    found = []
    for layer in model.layers:
        if isinstance(layer, kinds):
            found.append(layer)
        elif isinstance(layer, keras.Model):
            found += layers_of(layer, kinds)
    return found


def gated_layers(model: keras.Model) -> list[Highway | HighwayStack]:
    """Returns the Highway layers and stacks of a model, those of models inside of it too.

    Raises:
        TypeError: if `model` is no Keras model.
    """
    return layers_of(model, GATED)


def depth_of(layer: Highway | HighwayStack) -> int:
    """Returns the number of layers that a Highway layer or a stack is."""
    return layer.depth if isinstance(layer, HighwayStack) else 1


def names_of(model: keras.Model) -> list[str]:
    """Returns a name for each Highway layer of a model, in the order of its layers.

    Those of a stack are named by the stack and their number in it, from 0.

    Raises:
        TypeError: if `model` is no Keras model.
        ValueError: if it has no Highway layer.
    """
    names = []
    for layer in gated_layers(model):
        if isinstance(layer, HighwayStack):
            names += [f"{layer.name}[{i}]" for i in range(layer.depth)]
        else:
            names.append(layer.name)
    if not names:
        raise ValueError(f"model {model.name!r} has no Highway layer, so no gate to look at")
    return names


def places_of(model: keras.Model) -> dict[Highway | HighwayStack, range]:
    """Returns the places of the layers of each of `gated_layers(model)`, counted through from 0."""
    places, end = {}, 0
    for layer in gated_layers(model):
        start, end = end, end + depth_of(layer)
        places[layer] = range(start, end)
    return places


def class_ids(targets: Any, count: int, classes: int | None = None) -> np.ndarray:
    """Returns the ids of classes as an array `(count,)`.

    Raises:
        TypeError: if they are no integers.
        ValueError: if there are more or fewer than `count`, or one is not from 0 to `classes` - 1.
    """
    ids = np.asarray(targets)
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"targets must be integer class ids, got {ids.dtype}")
    if ids.shape != (count,):
        raise ValueError(f"targets must have the shape {(count,)}, got {ids.shape}")
    least, largest = ids.min(), ids.max()
    if least < 0 or (classes is not None and largest >= classes):
        allowed = "0 or more" if classes is None else f"from 0 to {classes - 1}"
        raise ValueError(f"targets must be {allowed}, got {least} to {largest}")
    return ids


def checked_places(layers: Sequence[int], depth: int) -> list[int]:
    """Returns the places of layers, each once and from 0 on.

    Raises:
        TypeError: if `layers` is no sequence.
        ValueError: if one is not that of any of `depth` layers, counted from 0 or, where negative,
            from the last.
    """
    if not isinstance(layers, list | tuple | range | np.ndarray):
        raise TypeError(f"layers must be a list of places, got {layers!r}")
    # Arrays of places come from here too.
    layers = [one.item() if isinstance(one, np.generic) else one for one in layers]
    check_indices("layers", layers, depth)
    return list(dict.fromkeys(layer % depth for layer in layers))


def ends(model: keras.Model) -> tuple[Any, Any]:
    """Returns a model's symbolic inputs and outputs.

    Raises:
        TypeError: if `model` is no Keras model.
        ValueError: if it is neither functional nor sequential, or not built.
    """
    _check_model(model)
    try:
        if isinstance(model, keras.Sequential):
            return model.inputs[0], model.outputs[0]
        return model.input, model.output
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ValueError(
            f"model {model.name!r} must be functional or sequential, and built"
        ) from error


def through(
    model: keras.Model,
    call: Callable[..., Any],
    kinds: tuple[type, ...] = GATED,
    inputs: Any = None,
) -> keras.Model:
    """Returns a model of the same layers, each called by `call(layer, *args, **kwargs)`.

    Args:
        model: a functional or sequential model; the layers of models inside of it are called too,
            where there are layers of these kinds among them.
        call: what returns a layer's symbolic outputs.
        kinds: of layers.
        inputs: symbolic; new ones by default.

    Raises:
        ValueError: if the model is neither functional nor sequential, or uses a layer of these
            kinds twice.
    """
    graph = keras.Model(*ends(model))

    seen = set()

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        wanted = isinstance(layer, kinds)
        if wanted and layer in seen:
            raise ValueError(f"model {model.name!r} uses the layer {layer.name!r} twice")
        seen.add(layer)
        if isinstance(layer, keras.Model) and layers_of(layer, kinds):
            return through(layer, call, kinds, args[0]).output
        return call(layer, *args, **kwargs)

    return keras.models.clone_model(
        graph, input_tensors=inputs, clone_function=lambda layer: layer, call_function=called
    )


def count_of(inputs: Any) -> int:
    """Returns the number of examples of what a model takes.

    Raises:
        ValueError: if there are none, or the arrays hold different numbers of them.
    """
    counts = {len(array) for array in keras.tree.flatten(inputs)}
    if len(counts) != 1 or 0 in counts:
        raise ValueError(f"inputs must hold the same number of examples, 1 or more, got {counts}")
    return counts.pop()


def batches(inputs: Any, size: int, description: str, progress: bool) -> Iterator[tuple[int, Any]]:
    """Yields where each batch starts, and its examples, with a bar on standard error if asked."""
    starts = range(0, count_of(inputs), size)
    console = Console(stderr=True)
    hidden = not (progress and console.is_terminal)
    for start in track(starts, description, console=console, disable=hidden, transient=True):
        stop = start + size
        yield start, keras.tree.map_structure(lambda x: np.asarray(x)[start:stop], inputs)  # noqa: B023
