"""Lesions: what a network loses without one of its Highway layers."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.analysis import gated
from zoo.layers.highway import mixed
from zoo.pipelines.base import compiled, softmax

# Numbers between two layers that are worked on at once, those of all lesions together. More take
# no less time, and memory that grows with them.
AT_ONCE = 2**21


@dataclass(frozen=True)
class Lesion:
    """What a model scores whole, and without each of its Highway layers.

    `layers` are their names, first to last; `loss` and `accuracy` are float64 `(layers,)`: the mean
    cross-entropy in nats and the share of the examples that are right, with the layer of that place
    removed. `whole_loss` and `whole_accuracy` are those of the model as it is.
    """

    layers: list[str]
    loss: np.ndarray
    accuracy: np.ndarray
    whole_loss: float
    whole_accuracy: float

    def idle(self, tolerance: float = 0.01) -> np.ndarray:
        """Returns the places of the layers without which, each alone, less accuracy is lost."""
        return np.flatnonzero(self.whole_accuracy - self.accuracy < tolerance)


def lesion(
    model: keras.Model,
    inputs: Any,
    targets: Any,
    *,
    layers: list[int] | None = None,
    progress: bool = False,
) -> Lesion:
    """Scores a model with each of its Highway layers removed in turn.

    A layer is removed by setting its transform gate T to 0, so that it hands its input on (figure 4
    of Srivastava, Greff and Schmidhuber, arXiv:1507.06228). All are removed in one pass: what comes
    before a layer is the same with and without it, and is computed once.

    Args:
        model: a functional or sequential model with Highway layers, from `inputs` to the logits of
            classes, `(batch, classes)`.
        inputs: as `model.predict` takes them.
        targets: class ids, integers `(count,)`.
        layers: places of those to remove, from 0; negative ones count from the last. By default
            all.
        progress: whether to show a bar.

    Raises:
        ValueError: if the model has no Highway layer, gives no logits of classes, a place is not
            that of a layer, or there are not as many targets as inputs.
        TypeError: if `model` is no Keras model, `layers` no list, or the targets are no integers.
    """
    names = gated.names_of(model)
    removed = (
        list(range(len(names))) if layers is None else gated.checked_places(layers, len(names))
    )
    count = gated.count_of(inputs)
    targets = _checked(targets, model, count)
    logits_of = compiled(_without_each(model, removed))
    # Sequences are as long as the longest of the inputs.
    longest = max(max(np.shape(one)[1:], default=1) for one in keras.tree.flatten(inputs))
    sizes = [
        np.prod([size or longest for size in one.input.shape[1:]])
        for one in gated.gated_layers(model)
    ]
    batch = max(1, int(AT_ONCE // max(sizes) // (len(removed) + 1)))
    losses, right = np.zeros((2, len(removed) + 1))
    for start, some in gated.batches(inputs, batch, "lesions", progress):
        wanted = targets[start : start + batch]
        logits = logits_of(some).reshape(len(removed) + 1, len(wanted), -1)
        probabilities = softmax(logits)[:, np.arange(len(wanted)), wanted]
        losses -= np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)).sum(axis=1)
        right += (logits.argmax(axis=-1) == wanted).sum(axis=1)
    # They were removed in the order of the layers, whatever the order that was asked for.
    order = [0] + [1 + sorted(removed).index(place) for place in removed]
    loss, accuracy = losses[order] / count, right[order] / count
    chosen = [names[place] for place in removed]
    return Lesion(chosen, loss[1:], accuracy[1:], float(loss[0]), float(accuracy[0]))


def _checked(targets: Any, model: keras.Model, count: int) -> np.ndarray:
    shapes = [tuple(output.shape) for output in keras.tree.flatten(gated.ends(model)[1])]
    if len(shapes) != 1 or len(shapes[0]) != 2 or shapes[0][1] is None:
        raise ValueError(f"model must give logits of classes, (batch, classes), got {shapes}")
    return gated.class_ids(targets, count, shapes[0][1])


def _without_each(model: keras.Model, removed: list[int]) -> keras.Model:
    """Returns a model whose batch is that of `model`, once as it is and once without each layer.

    They stand one after another: the whole one, then those without a layer, first layer first.
    """
    places_of = gated.places_of(model)
    # Of a tensor, by its id, whose batch holds lesions: the places of their layers.
    lesions_of: dict[int, tuple[int, ...]] = {}
    kept_alive: list[Any] = []

    def known(outputs: Any, lesions: tuple[int, ...]) -> Any:
        for tensor in keras.tree.flatten(outputs):
            lesions_of[id(tensor)] = lesions
            kept_alive.append(tensor)
        return outputs

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        tensors = [
            x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)
        ]
        before = tuple(sorted({i for x in tensors for i in lesions_of.get(id(x), ())}))

        def with_all(x: Any) -> Any:
            if not isinstance(x, keras.KerasTensor):
                return x
            own = lesions_of.get(id(x), ())
            return x if own == before else _Repeat(own, before)(x)

        args, kwargs = keras.tree.map_structure(with_all, (args, kwargs))
        if layer not in places_of:
            return known(layer(*args, **kwargs), before)
        here = [place in removed for place in places_of[layer]]
        added = tuple(place for place in places_of[layer] if place in removed)
        return known(_Lesions(layer, here, len(before))(*args, **kwargs), before + added)

    return gated.through(model, call)


class _Lesions(keras.layers.Layer):
    """A Highway layer, or a stack, that adds a copy of the batch for each layer it is told of.

    Args:
        layer: the Highway layer or stack.
        removed: whether each of its layers is removed in one of the copies.
        before: number of copies that there are beside the whole model's rows, which come first.
    """

    def __init__(self, layer, removed, before):
        super().__init__(dtype=layer.dtype_policy)
        self.layer, self.removed, self.before = layer, removed, before
        self.supports_masking = True

    def call(self, x):
        count = ops.shape(x)[0] // (1 + self.before)
        for part, removed in zip(self.layer.parts(), self.removed, strict=True):
            carried = self.layer.carried(x)
            y = mixed(carried, *part(x))
            x = ops.concatenate([y, carried[:count]], axis=0) if removed else y
        return x

    def compute_mask(self, inputs, mask):
        mask = self.layer.compute_mask(inputs, mask)
        if mask is None or isinstance(mask, keras.KerasTensor):
            return mask
        whole = mask[: ops.shape(mask)[0] // (1 + self.before)]
        return ops.concatenate([mask, *[whole] * sum(self.removed)], axis=0)

    def compute_output_spec(self, x):
        shape = self.layer.compute_output_shape(x.shape)
        return keras.KerasTensor((None, *shape[1:]), self.compute_dtype)


class _Repeat(keras.layers.Layer):
    """Gives a batch the copies that others have: those of layers that it does not come after.

    Args:
        own: the places of the layers that are removed in the copies it has.
        wanted: those of the copies that it is to have.
    """

    def __init__(self, own, wanted):
        super().__init__(dtype="float32", autocast=False)
        self.own, self.wanted = own, wanted
        self.supports_masking = True

    def call(self, x):
        count = ops.shape(x)[0] // (1 + len(self.own))
        starts = [0] + [
            count * (1 + self.own.index(i)) if i in self.own else 0 for i in self.wanted
        ]
        return ops.concatenate([x[start : start + count] for start in starts], axis=0)

    def compute_mask(self, inputs, mask):
        return self.call(mask) if keras.ops.is_tensor(mask) else mask

    def compute_output_spec(self, x):
        return keras.KerasTensor((None, *x.shape[1:]), x.dtype)
