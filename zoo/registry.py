"""Builders by name: a builder is a function of plain keyword arguments that returns a model."""

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from zoo.errors import unknown_name

# Where the zoo's own builders live, so that listing them imports no backend.
_BUILTIN = {
    "cnn_classifier": "zoo.models.cnn_classifier",
    "conv_highway_classifier": "zoo.models.conv_highway_classifier",
    "encoder_decoder": "zoo.models.encoder_decoder",
    "grid_classifier": "zoo.models.grid_classifier",
    "highway_classifier": "zoo.models.highway_classifier",
    "language_model": "zoo.models.language_model",
    "mlp_classifier": "zoo.models.mlp_classifier",
    "one_lstm": "zoo.models.one_lstm",
    "reader_writer": "zoo.models.reader_writer",
    "sequence_classifier": "zoo.models.sequence_classifier",
    "slot_filler": "zoo.models.slot_filler",
    "tagger": "zoo.models.tagger",
    "vector_to_sequence": "zoo.models.vector_to_sequence",
}


@dataclass(frozen=True)
class Builder:
    """A registered builder and what the rest of the zoo must know of its models.

    `heads` maps a keyword argument that takes labels to the layers of its head, of which the last
    has one output a label.
    `assets` names arguments that are long lists of words, which a checkpoint keeps in files of
    their own. `compile` is called with a model (and perhaps an optimizer) to give it its loss and
    metrics, `preprocessor` with a model and its arguments to make the preprocessor of its inputs.
    """

    name: str
    function: Callable[..., Any]
    task: str
    heads: dict[str, tuple[str, ...]]
    compile: Callable[..., None]
    preprocessor: Callable[..., Any] | None
    assets: tuple[str, ...]

    def with_labels(self, config: dict[str, Any]) -> dict[str, Any]:
        """Returns `config` with `num_classes=` spelled out as the labels of the first head.

        Raises:
            ValueError: if `num_classes` is no count, or labels are given besides.
        """
        if "num_classes" not in config:
            return config
        config = dict(config)
        labels = numbered_labels(config.pop("num_classes"))
        head = next(iter(self.heads))
        if head in config:
            raise ValueError(f"give {head}= or num_classes=, not both")
        return config | {head: labels}

    def arguments(self, config: dict[str, Any]) -> dict[str, Any]:
        """Returns the builder's full keyword arguments: its defaults, `config` over them.

        Without labels for the first head there is no other head either.

        Raises:
            TypeError: if `config` names an argument the builder does not have, or lacks one that
                it needs.
            ValueError: if labels or words are repeated, or `num_classes` is no count.
        """
        empty = inspect.Parameter.empty
        defaults = {
            name: parameter.default
            for name, parameter in inspect.signature(self.function).parameters.items()
        }
        arguments = defaults | self.with_labels(config)
        if unknown := sorted(arguments.keys() - defaults.keys()):
            raise TypeError(
                f"builder {self.name!r} has no argument {unknown[0]!r}; it takes "
                f"num_classes, {', '.join(defaults)}"
            )
        if missing := [name for name, value in arguments.items() if value is empty]:
            raise TypeError(f"builder {self.name!r} needs {missing[0]}=")
        for name in (*self.heads, *self.assets):
            arguments[name] = checked_labels(arguments[name], name)
        if not arguments[next(iter(self.heads))]:
            arguments |= {head: [] for head in self.heads}
        return arguments


_registered: dict[str, Builder] = {}


def register(
    name: str,
    *,
    task: str,
    heads: dict[str, str | Sequence[str]],
    compile: Callable[..., None],
    preprocessor: Callable[..., Any] | None = None,
    assets: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator that makes a function a builder of the zoo under `name`.

    Args:
        name: what `zoo.build` and a checkpoint's config call it.
        task: the task of its models, a key of `zoo.pipeline`'s tasks.
        heads: keyword argument that takes labels -> name of the layer with one output a label, or
            names of all layers that are there for this head alone, that layer last.
        compile: called with a model and, in training, an optimizer; compiles the model with the
            loss and metrics of its task.
        preprocessor: called with a model and its arguments; returns the preprocessor of its inputs.
        assets: arguments that are lists of words, which a checkpoint keeps a word a line in
            `ARGUMENT.txt`.

    Raises:
        ValueError: if the name is taken, or `heads` is empty.
    """
    if not heads:
        raise ValueError("heads must name at least one argument that takes labels, got {}")

    def decorator(function: Callable[..., Any]) -> Callable[..., Any]:
        module = _BUILTIN.get(name, function.__module__)
        if name in _registered or module != function.__module__:
            raise ValueError(f"a builder named {name!r} is registered already")
        layers = {
            head: (layers,) if isinstance(layers, str) else tuple(layers)
            for head, layers in heads.items()
        }
        _registered[name] = Builder(
            name, function, task, layers, compile, preprocessor, tuple(assets)
        )
        return function

    return decorator


def builder(name: str) -> Builder:
    """Returns the builder registered under `name`.

    Raises:
        ValueError: if there is none; the message lists the nearest names.
    """
    if name not in _registered and name in _BUILTIN:
        import_module(_BUILTIN[name])
    if name not in _registered:
        raise unknown_name("builder", name, list_builders())
    return _registered[name]


def list_builders() -> list[str]:
    """Returns the names of all builders, sorted. Imports no backend."""
    return sorted(_BUILTIN.keys() | _registered.keys())


def numbered_labels(count: int) -> list[str]:
    """Returns the labels "0", "1", … that stand for `num_classes=count`."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ValueError(f"num_classes must be an integer of 0 or more, got {count!r}")
    return [str(i) for i in range(count)]


def checked_labels(labels: Sequence[str], argument: str) -> list[str]:
    """Returns `labels` as a list of distinct strings, or raises a ValueError naming `argument`."""
    are_strings = isinstance(labels, Sequence) and all(isinstance(x, str) for x in labels)
    if isinstance(labels, str) or not are_strings:
        raise ValueError(f"{argument} must be a list of strings, got {labels!r}")
    if repeated := [label for label, count in Counter(labels).items() if count > 1]:
        raise ValueError(f"{argument} must be distinct, got {repeated[0]!r} more than once")
    return list(labels)
