"""How far the gates of a network are open: by layer, by example and by class."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.analysis import gated
from zoo.layers import HighwayStack
from zoo.layers.highway import mixed
from zoo.pipelines.base import compiled

# Examples that go through a model at once.
BATCH = 256


@dataclass(frozen=True)
class Gates:
    """The transform gates T of a model's Highway layers; where T is 0 a layer carries.

    `layers` are the names of the layers, first to last. `bias` and `activity` have an array for
    each: the biases of its gate, float32 `(units,)`, those of a carry gate with the other sign, as
    T = 1 - z has them, or a NaN where a gate of one's own has no `bias`; and T of each example, the
    mean over time or space, float32 `(count, units)`.
    """

    layers: list[str]
    bias: list[np.ndarray]
    activity: list[np.ndarray]

    @property
    def mean_bias(self) -> np.ndarray:
        """The mean bias of each layer's gate, `(layers,)`."""
        return np.array([bias.mean() for bias in self.bias])

    @property
    def mean_activity(self) -> np.ndarray:
        """The mean of T in each layer, `(layers,)`."""
        return np.array([t.mean() for t in self.activity])

    @property
    def effective_depth(self) -> np.ndarray:
        """The sum of the layers' mean T for each example, `(count,)`.

        It measures how deep the network is for an example. Written out, a Highway network is a sum
        over paths that pass each layer by its transform with weight T and by its carry with 1 - T,
        as Veit, Wilber and Belongie write out a residual network (arXiv:1605.06431). Where all
        units of a layer have the same T this is the mean length of a path; where they differ it is
        not, for the units are then mixed with unequal weights.
        """
        return np.sum([t.mean(axis=1) for t in self.activity], axis=0)

    def by_class(self, targets: Any, classes: int | None = None) -> list[np.ndarray]:
        """Returns the mean T of the examples of each class, `(classes, units)` for each layer.

        Args:
            targets: integer class ids `(count,)`.
            classes: number of classes; without, those up to the largest id. One that has no example
                is NaN.

        Raises:
            TypeError: if the targets are no integers.
            ValueError: if there are not as many targets as examples, or one is not that of a class.
        """
        targets = gated.class_ids(targets, len(self.activity[0]), classes)
        members = np.eye(classes or targets.max() + 1)[targets].T
        sizes = members.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            return [members @ t / sizes for t in self.activity]


def gates(model: keras.Model, inputs: Any, *, progress: bool = False) -> Gates:
    """Returns how far each gate of a model's Highway layers is open for each of the inputs.

    Source: figure 2 of Srivastava, Greff and Schmidhuber, *Training Very Deep Networks*,
    arXiv:1507.06228; `Gates.by_class` is for their figure 3.

    Args:
        model: a functional or sequential model with Highway layers.
        inputs: as `model.predict` takes them.
        progress: whether to show a bar.

    Raises:
        ValueError: if the model has no Highway layer, or there are no inputs.
        TypeError: if `model` is no Keras model.
    """
    names = gated.names_of(model)
    gated.count_of(inputs)
    gated_layers = gated.gated_layers(model)
    found: dict[Any, list[Any]] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if layer not in gated_layers:
            return layer(*args, **kwargs)
        output, *found[layer] = _Activity(layer)(*args, **kwargs)
        return output

    inner = gated.through(model, call)
    # Layers of parallel branches are called in another order than a model has them.
    in_order = [activity for layer in gated_layers for activity in found[layer]]
    activity_of = compiled(keras.Model(inner.input, in_order))
    found_of = [
        # That of a single layer comes without a list.
        keras.tree.flatten(activity_of(some))
        for _, some in gated.batches(inputs, BATCH, "gates", progress)
    ]
    activity = [np.concatenate(parts).astype(np.float32) for parts in zip(*found_of, strict=True)]
    bias = [bias for layer in gated_layers for bias in _biases(layer)]
    return Gates(names, bias, activity)


def _biases(layer: Any) -> list[np.ndarray]:
    """Returns the biases of each gate of a Highway layer or stack, as T has them."""
    sign = 1 if layer.gate == "transform" else -1
    if isinstance(layer, HighwayStack):
        return list(sign * ops.convert_to_numpy(layer.gate_bias))
    bias = getattr(layer.gate_logits, "bias", None)
    # That of a gate which is several layers, or has none, is not a number for each unit.
    return [sign * ops.convert_to_numpy(bias) if bias is not None else np.full(1, np.nan)]


class _Activity(keras.layers.Layer):
    """A Highway layer, or a stack, that also returns the mean T of each example, layer by layer."""

    def __init__(self, layer):
        super().__init__(dtype=layer.dtype_policy)
        self.layer = layer
        self.supports_masking = True

    def call(self, x, mask=None):
        activity = []
        for part in self.layer.parts():
            h, t = part(x)
            activity.append(_mean_over_places(t, self.layer.compute_mask(x, mask)))
            x = mixed(self.layer.carried(x), h, t)
        return [x, *activity]

    def compute_mask(self, inputs, mask):
        return [self.layer.compute_mask(inputs, mask)] + [None] * gated.depth_of(self.layer)

    def compute_output_spec(self, x, mask=None):
        shape = self.layer.compute_output_shape(x.shape)
        shapes = [shape] + [(shape[0], shape[-1])] * gated.depth_of(self.layer)
        return [keras.KerasTensor(shape, self.compute_dtype) for shape in shapes]


def _mean_over_places(t, mask):
    """Returns the mean of `(batch, ..., units)` over all between, but for what is masked."""
    if mask is not None:
        seen = ops.cast(mask, t.dtype)[..., None]
        return ops.sum(t * seen, axis=1) / ops.maximum(ops.sum(seen, axis=1), 1)
    places = tuple(range(1, len(t.shape) - 1))
    return ops.mean(t, axis=places) if places else t
