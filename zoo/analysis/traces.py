"""The gates of recurrent layers, step by step."""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.analysis import gated
from zoo.cells import Cell, GRUCell, LSTMCell
from zoo.layers import Bidirectional, Highway, Recurrent
from zoo.pipelines.base import compiled

# Those whose gates depend on the input and on h alone.
TRACED = (LSTMCell, GRUCell)
WAYS = ("forward", "backward")


def traces(model: keras.Model, inputs: Any) -> dict[str, dict[str, np.ndarray]]:
    """Returns the gates of a model's LSTM and GRU layers at every step.

    Args:
        model: a functional or sequential model with `zoo.layers.Recurrent` or
            `zoo.layers.Bidirectional` layers over `zoo.cells.LSTMCell` or `zoo.cells.GRUCell`.
        inputs: as `model.predict` takes them; all go through the model at once.

    Returns:
        For each layer by its name, with "/forward" and "/backward" after that of one that walks
        both ways and the number of the cell after that of a deep one, a dict of float32
        `(count, time, units)`: "input", "forget" and "output" of an LSTM, "update" and "reset" of
        a GRU, as its equations name them. The steps are in the order of the sequence. Where the
        sequence is masked they are NaN.

    Raises:
        ValueError: if the model has no such layer, uses one twice or has two of one name, or there
            are no inputs.
        TypeError: if `model` is no Keras model.
    """
    gated.count_of(inputs)
    found: dict[str, Any] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = layer(*args, **kwargs)
        inner = layer.transform if isinstance(layer, Highway) else layer
        if isinstance(inner, Recurrent | Bidirectional) and any(map(_is_traced, inner.cells)):
            for name, values in _Trace(inner)(*args, **kwargs).items():
                if f"{layer.name}{name}" in found:
                    raise ValueError(f"model {model.name!r} has two layers named {layer.name!r}")
                found[f"{layer.name}{name}"] = values
        return outputs

    traced = gated.through(model, call, (Recurrent, Bidirectional, Highway))
    if not found:
        raise ValueError(f"model {model.name!r} has no recurrent layer of LSTM or GRU cells")
    return compiled(keras.Model(traced.input, found))(inputs)


def _is_traced(cell: Cell) -> bool:
    # A subclass has gates of its own.
    return type(cell) in TRACED


def _flipped(x):
    """Returns `(batch, time, ...)` from the last step to the first."""
    return None if x is None else ops.flip(x, 1)


class _Trace(keras.layers.Layer):
    """The gates of a recurrent layer, by what comes after the layer's name in that of each cell."""

    def __init__(self, layer):
        super().__init__(dtype=layer.dtype_policy)
        self.layer = layer
        self.walks = [
            Recurrent(cell, return_sequences=True, dtype=layer.dtype_policy) for cell in layer.cells
        ]
        self.supports_masking = True

    def call(self, sequences, initial_state=None, mask=None):
        x = ops.cast(sequences, self.compute_dtype)
        if initial_state is None:
            initial_state = self.layer.get_initial_state(ops.shape(x)[0])
        states = keras.tree.flatten(initial_state)
        both = isinstance(self.layer, Bidirectional)
        found: dict[str, dict[str, Any]] = {}
        for i, (cell, walk) in enumerate(zip(self.layer.cells, self.walks, strict=True)):
            count = len(cell.state_size)
            own, states = states[:count], states[count:]
            backwards = i == 1 if both else self.layer.go_backwards
            seen, seen_mask = (_flipped(x), _flipped(mask)) if backwards else (x, mask)
            h = walk(seen, initial_state=own, mask=seen_mask)
            if _is_traced(cell):
                before = ops.concatenate([own[0][:, None], h[:, :-1]], axis=1)
                for name, gate in cell.gates(seen, before).items():
                    gate = _flipped(gate) if backwards else gate
                    if mask is not None:
                        gate = ops.where(mask[..., None], gate, float("nan"))
                    found.setdefault(self._name(i), {})[name] = ops.cast(gate, "float32")
            if not both:
                x = _flipped(h) if backwards else h
        return found

    def _name(self, i):
        if isinstance(self.layer, Bidirectional):
            return f"/{WAYS[i]}"
        return f"[{i}]" if len(self.layer.cells) > 1 else ""

    def compute_output_spec(self, sequences, initial_state=None, mask=None):
        return {
            self._name(i): {
                name: keras.KerasTensor((*sequences.shape[:2], cell.units), "float32")
                for name in cell.gate_names
            }
            for i, cell in enumerate(self.layer.cells)
            if _is_traced(cell)
        }
