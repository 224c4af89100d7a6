"""Models from checkpoints, and checkpoints from models."""

import logging
import os
import platform
import random
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np

import zoo
from zoo import checkpoint, hub, preprocessing, registry
from zoo.errors import IntegrityError

logger = logging.getLogger("zoo")

Source: TypeAlias = str | PathLike[str] | keras.Model  # type: ignore[valid-type]


@dataclass(frozen=True)
class Origin:
    """What a model of the zoo was built from; kept on the model as `model.zoo_origin`.

    `published` is the checkpoint whose weights it was loaded with, unless an override changed it.
    """

    builder: str
    arguments: dict[str, Any]
    preprocessor: preprocessing.Preprocessor | None
    published: checkpoint.Checkpoint | None = None

    def config(self) -> dict[str, Any]:
        assets = registry.builder(self.builder).assets
        return {
            "format_version": checkpoint.FORMAT_VERSION,
            "oldest_zoo": "0.1.0",
            "builder": self.builder,
            "arguments": {k: v for k, v in self.arguments.items() if k not in assets},
            "preprocessing": self.preprocessor and self.preprocessor.get_config(),
        }

    def assets(self) -> dict[str, bytes]:
        """Returns file name -> content of the arguments that are lists of words, a word a line."""
        found = {}
        for name in registry.builder(self.builder).assets:
            if wrong := [word for word in self.arguments[name] if "\n" in word]:
                raise ValueError(f"{name} must hold words without line breaks, got {wrong[0]!r}")
            found[f"{name}.txt"] = "".join(f"{word}\n" for word in self.arguments[name]).encode()
        return found


def origin(model: keras.Model) -> Origin:
    """Returns what `model` was built from.

    Raises:
        ValueError: if it was not built by the zoo.
    """
    if not hasattr(model, "zoo_origin"):
        raise ValueError(
            f"{model.name!r} was not made by zoo.build or zoo.load, so the zoo cannot rebuild it; "
            "a model of your own can join by zoo.register"
        )
    return model.zoo_origin


def build(builder: str, **config: Any) -> keras.Model:
    """Returns a new model with random weights, compiled with its builder's loss and metrics.

    Args:
        builder: a name of `zoo.list_builders()`.
        **config: the builder's keyword arguments; `num_classes=n` stands for the labels "0" to
            "n-1", and `num_classes=0` gives the features below the head.

    Raises:
        ValueError: if there is no such builder (the nearest names are listed), or an argument is
            not one the builder can use.
        TypeError: if the builder does not have an argument.
    """
    entry = registry.builder(builder)
    return _assemble(entry, entry.arguments(config), None, compile=True)


def load(
    source: Source,
    *,
    revision: int | None = None,
    sha256: str | None = None,
    trust: bool = False,
    compile: bool = True,
    **overrides: Any,
) -> keras.Model:
    """Returns a model with its published weights, ready for `predict`, `evaluate` and `fit`.

    Args:
        source: a checkpoint's name (`"highway_mnist_50"`, `"highway_mnist_50@1"`), the path of a
            checkpoint folder, the URL of one, or a model of the zoo.
        revision: of a name; the newest by default.
        sha256: of the manifest of a foreign folder or URL.
        trust: take a foreign folder or URL without knowing its sha256.
        compile: give the model its builder's loss and metrics. A model without a head has none.
        **overrides: the builder's arguments to change. `labels=[…]` gives a new, randomly
            initialised head with these classes, `num_classes=n` a new head for the classes "0" to
            "n-1", `num_classes=0` no head: the model returns its features. The names of new heads
            are logged. Nothing but heads is ever initialised anew.

    Raises:
        ValueError: if the name is not known (the nearest are listed), or an override changes the
            shape of anything but a head, or the vocabulary of what is read.
        TypeError: if the builder does not have an argument.
        IntegrityError: if a file is not the one that was published.
        UntrustedError: if a foreign folder or URL comes with neither `sha256` nor `trust`.
        FileNotFoundError: if the weights are on no place the zoo knows.
    """
    if isinstance(source, keras.Model):
        found = None
        made_from = origin(source)
        name, old = made_from.builder, made_from.arguments
        encoding = made_from.config()["preprocessing"]
        weights = _weights_of(source)
    else:
        found = hub.fetch(source, revision=revision, sha256=sha256, trust=trust)
        name, old = found.config["builder"], _arguments_of(found)
        encoding = found.config["preprocessing"]
        weights = found.weights
    entry = registry.builder(name)
    if fixed := sorted(overrides.keys() & set(entry.assets) - set(entry.heads)):
        raise ValueError(f"{fixed[0]} belongs to the weights and cannot be changed")
    new = entry.arguments(old | entry.with_labels(overrides))
    changed = [layers for head, layers in entry.heads.items() if old[head] != new[head]]
    new_heads = set(chain.from_iterable(changed))
    kept = {path: value for path, value in weights.items() if path.split("/")[0] not in new_heads}
    shapes = _shapes_of(entry, new)
    if not any(new[head] for head in entry.heads):
        # Features may be of a part of the other layers too: those above them are left out.
        whole = _shapes_of(entry, new | {head: old[head] for head in entry.heads})
        kept = {path: value for path, value in kept.items() if path in shapes or path not in whole}
    _check_shapes(shapes, kept, new_heads)
    model = _assemble(entry, new, encoding, compile=compile)
    for variable in model.weights:
        if variable.path in kept:
            variable.assign(kept[variable.path])
    for head in sorted(new_heads & {layer.name for layer in model.layers}):
        logger.warning("%s: new head %r, initialised at random", model.name, head)
    if old == new:
        model.zoo_origin = replace(model.zoo_origin, published=found)
    return model


def model_of(source: Source, **options: Any) -> keras.Model:
    """Returns `source` where it is a model and there are no options, else `load` of it."""
    if isinstance(source, keras.Model) and not options:
        return source
    return load(source, **options)


def preprocessor(source: Source, **fetching: Any) -> preprocessing.Preprocessor:
    """Returns what turns raw input into the tensors a model takes, and its outputs into labels.

    Args:
        source: a name, the path or URL of a checkpoint folder, or a model of the zoo.
        **fetching: `revision`, `sha256` and `trust`, as `zoo.load` has them.

    Raises:
        ValueError: if the model has no preprocessor, or as `zoo.load`.
    """
    if isinstance(source, keras.Model):
        found = origin(source).preprocessor
    else:
        fetched = hub.fetch(source, **fetching)
        encoding = fetched.config["preprocessing"]
        found = encoding and preprocessing.from_config(encoding, _arguments_of(fetched))
    if found is None:
        raise ValueError(f"{source} has no preprocessor: its builder takes tensors as they are")
    return found


def save(
    model: keras.Model,
    folder: str | PathLike[str],
    *,
    preprocessor: preprocessing.Preprocessor | None = None,
    card: Mapping[str, Any] | None = None,
    golden_input: Any = None,
    dtype: str | None = None,
) -> str:
    """Writes a checkpoint folder that `load`, `pipeline`, `preprocessor` and `export` take.

    The folder appears whole or not at all. This user may load it without `trust=`; anyone else
    needs that, or the digest that is returned.

    Args:
        model: one of the zoo, fine-tuned or new.
        folder: to write; it must not exist, or be empty.
        preprocessor: of the model's input; by default the one it was built or loaded with.
        card: fields that the model's card should have besides those that are computed.
        golden_input: encoded input whose output is kept, so that `verify` can compare it.
        dtype: "float16" to store the weights in, at half the size; by default what they are in.

    Returns:
        The sha256 of the folder's manifest.

    Raises:
        FileExistsError: if `folder` exists and holds anything.
        ValueError: if the model is not one of the zoo, or `dtype` is none of these or cannot hold
            its weights.
    """
    if dtype is not None:
        model = rounded(model, dtype)
    made_from = origin(model)
    preprocessor = preprocessor or made_from.preprocessor
    if golden_input is None:
        if preprocessor is None:
            raise ValueError("golden_input= is needed: the model has no preprocessor to make one")
        golden_input = preprocessor.example()
    computed = {
        "task": registry.builder(made_from.builder).task,
        "builder": made_from.builder,
        "parameters": model.count_params(),
        "versions": library_versions(),
    }
    made_from = replace(made_from, preprocessor=preprocessor)
    sha256 = checkpoint.write(
        checkpoint.Path(folder),
        config=made_from.config(),
        assets=made_from.assets(),
        weights={
            path: value.astype(dtype) if dtype and value.dtype.kind == "f" else value
            for path, value in _weights_of(model).items()
        },
        card={**computed, **(card or {}), **computed},
        golden=(golden_input, outputs_of(model, golden_input)),
    )
    hub.remember(sha256)
    return sha256


def rounded(model: keras.Model, dtype: str) -> keras.Model:
    """Returns a copy of a model whose weights have values of `dtype`, in the type they are in.

    Raises:
        ValueError: if `dtype` is not "float16", or a weight is too large for it.
    """
    if dtype != "float16":
        raise ValueError(f'dtype must be "float16" or None, got {dtype!r}')
    copy = load(model)
    for variable in copy.weights:
        value = keras.ops.convert_to_numpy(variable)
        if value.dtype.kind == "f":
            if np.abs(value).max(initial=0) > np.finfo(dtype).max:
                raise ValueError(f"dtype: {variable.path!r} is too large for {dtype}")
            variable.assign(value.astype(dtype))
    return copy


def outputs_of(model: keras.Model, inputs: Any) -> Any:
    """Returns what the model makes of one batch, whatever `predict` was traced for before."""
    return keras.tree.map_structure(keras.ops.convert_to_numpy, model(inputs, training=False))


def library_versions() -> dict[str, str]:
    """Returns the versions that a result may depend on."""
    backend = keras.backend.backend()
    return {
        "gatezoo": zoo.__version__,
        "python": platform.python_version(),
        "keras": keras.version(),
        "backend": backend,
        backend: version(backend),
    }


def hardware() -> str:
    """Returns what this machine computes on, as cards have it: GPU, or processor and its cores."""
    if gpu := _gpu():
        return gpu
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    return f"{processor}, {os.cpu_count()} cores"


def _gpu() -> str | None:
    """Returns the name of the GPU that the backend uses, if it uses one."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind if jax.default_backend() == "gpu" else None
    if keras.backend.backend() == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else None


def _assemble(
    entry: registry.Builder,
    arguments: dict[str, Any],
    encoding: dict[str, Any] | None,
    compile: bool,
) -> keras.Model:
    """Builds the model, and gives it its origin and, if asked, its loss and metrics.

    `encoding` is the config of its preprocessor; without one the builder makes it.
    """
    model = entry.function(**arguments)
    labels = arguments[next(iter(entry.heads))]
    preprocessor = None
    if encoding is not None:
        preprocessor = preprocessing.from_config(encoding, arguments)
    elif entry.preprocessor is not None:
        preprocessor = entry.preprocessor(model, arguments)
    model.zoo_origin = Origin(entry.name, arguments, preprocessor)
    if compile and labels:
        entry.compile(model)
    return model


def _arguments_of(found: checkpoint.Checkpoint) -> dict[str, Any]:
    """Returns the arguments of a checkpoint's builder, its lists of words among them."""
    config = found.config
    entry = registry.builder(config["builder"])
    if missing := [name for name in entry.assets if f"{name}.txt" not in found.assets]:
        raise IntegrityError(f"{found.path}: has no {missing[0]}.txt")
    lines = {name: _text(found, f"{name}.txt") for name in entry.assets}
    words = {
        name: text.removesuffix("\n").split("\n") if text else [] for name, text in lines.items()
    }
    return entry.arguments(config["arguments"] | words)


def _text(found: checkpoint.Checkpoint, name: str) -> str:
    try:
        return found.assets[name].decode()
    except UnicodeDecodeError as error:
        raise IntegrityError(f"{found.path / name}: not UTF-8 ({error.reason})") from error


def _weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {variable.path: keras.ops.convert_to_numpy(variable) for variable in model.weights}


def _shapes_of(entry: registry.Builder, arguments: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Returns path of a variable -> its shape, of a model that is built without its variables.

    A config may ask for more memory than there is: its shapes are compared before any is taken.
    """

    def build() -> dict[str, tuple[int, ...]]:
        with keras.StatelessScope(initialize_variables=False):
            model = entry.function(**arguments)
            return {variable.path: tuple(variable.shape) for variable in model.weights}

    # Keras would initialise these variables later on, but for a thread that has ended. It draws the
    # seeds of a model from Python's random numbers: after this, they are as if nothing had been.
    state = random.getstate()
    try:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(build).result()
    finally:
        random.setstate(state)


def _check_shapes(
    shapes: Mapping[str, tuple[int, ...]], weights: Mapping[str, np.ndarray], new_heads: set[str]
) -> None:
    """Raises a ValueError if the weights are not those of a model's variables but for new heads."""
    needed = {path for path in shapes if path.split("/")[0] not in new_heads}
    if different := sorted(weights.keys() ^ needed):
        where = "the model" if different[0] in weights else "the checkpoint"
        raise ValueError(f"the weights do not fit the model: {where} has no {different[0]!r}")
    for path, shape in shapes.items():
        if path in needed and weights[path].shape != shape:
            raise ValueError(
                f"the weights do not fit the model: {path!r} is {weights[path].shape} in the "
                f"checkpoint and {shape} in the model; only heads can change"
            )
