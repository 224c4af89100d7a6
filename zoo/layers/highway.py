"""Highway layers: a gate decides, unit by unit, what is transformed and what is carried."""

from contextlib import contextmanager
from functools import partial

import keras
from keras import ops

from zoo.arguments import check_indices, positive_integer
from zoo.initializers import StackedInitializer

GATES = ("transform", "carry")
SHORTCUTS = ("project", "pad", "subsample")

# Added to a transform gate's bias this makes the sigmoid exactly 0 in every float dtype.
_CLOSED = -1e9


def _initial_gate_bias(gate, gate_bias):
    """Returns the bias a gate starts from: by default one that mostly carries."""
    if gate not in GATES:
        raise ValueError(f"gate must be one of {GATES}, got {gate!r}")
    if gate_bias is None:
        return -3.0 if gate == "transform" else 3.0
    return float(gate_bias)


def _transform_gate(logits, gate):
    """Returns T between 0 and 1 from the logits of a gate in either form."""
    g = ops.sigmoid(logits)
    return g if gate == "transform" else 1 - g


def mixed(x, h, t):
    """Returns y of a Highway layer from its input x, its transform h and its transform gate t."""
    # Written so that a gate which carries all gives x itself, unrounded.
    return x + t * (h - x)


@keras.saving.register_keras_serializable("zoo")
class Highway(keras.layers.Layer):
    r"""Highway connection around any transform: `y = H(x) * T(x) + x * (1 - T(x))`.

    Source: Srivastava, Greff and Schmidhuber, *Highway Networks*, arXiv:1505.00387, equation 3.
    The course's form of the same layer is `y = z * x + (1 - z) * H(x)` with `z = 1 - T`; it is
    `gate="carry"`, and its bias starts positive where the paper's starts negative.

    Where H changes the size, x is brought to it first (the same paper, section 2.1), and y = x' +
    T(x) * (H(x) - x').

    Args:
        transform: a Keras layer `H` whose output has the shape of its input: dense,
            convolutional ("same" padding), or recurrent (`return_sequences=True`); with `shortcut`
            it may have another size.
        gate: `"transform"`, where the gate is the paper's T, or `"carry"`, where it is the
            course's z.
        gate_layer: a Keras layer that maps `x` to the logits of the gate, in the shape of `x`.
            By default a copy of a dense or convolutional `transform` with a linear activation,
            and a dense layer over the last axis for any other.
        gate_bias: initial bias of the default gate. By default -3 for `"transform"` and 3 for
            `"carry"`, so that the layer starts by carrying.
        shortcut: how x is brought to the size of H(x), where they differ. `"project"`: by a linear
            map of the channels; `"pad"`: by zeros beside fewer channels than H has; `"subsample"`:
            every k-th of k times as many. Where H has fewer places, in time or space, each of them
            takes every k-th place.

    Shapes: input `(batch, ..., channels)`, output that of H(x), of the layer's compute dtype.

    Raises:
        ValueError: if `gate` or `shortcut` is unknown, if `gate_bias` is given together with
            `gate_layer`, if H(x) has not the shape of x and no shortcut can bring x to it, or if
            the gate has not the shape of H(x).
    """

    def __init__(
        self,
        transform,
        gate="transform",
        gate_layer=None,
        gate_bias=None,
        shortcut=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if gate_layer is not None and gate_bias is not None:
            raise ValueError("gate_bias is for the default gate; set the bias of gate_layer in it")
        _initial_gate_bias(gate, gate_bias)
        if shortcut is not None and shortcut not in SHORTCUTS:
            raise ValueError(f"shortcut must be None or one of {SHORTCUTS}, got {shortcut!r}")
        self.supports_masking = True
        self.transform = transform
        self.shortcut = shortcut
        self.projection = None
        # Where sizes differ: the step of the places that are carried, for each axis of places.
        self._every = self._channels = None
        self.gate = gate
        self.gate_layer = gate_layer
        self.gate_bias = gate_bias
        self.gate_logits = gate_layer

    def _default_gate(self, channels):
        bias = keras.initializers.Constant(_initial_gate_bias(self.gate, self.gate_bias))
        name = f"{self.transform.name}_gate"
        if isinstance(self.transform, _COPIED_FOR_GATE):
            config = self.transform.get_config()
            config |= {"activation": "linear", "use_bias": True, "name": name}
            layer = type(self.transform).from_config(config)
            # A seed in the transform's initializer must not give the gate the same weights.
            layer.kernel_initializer = keras.initializers.get("glorot_uniform")
            layer.bias_initializer = bias
            return layer
        return keras.layers.Dense(
            channels, bias_initializer=bias, dtype=self.dtype_policy, name=name
        )

    def build(self, input_shape):
        if not self.transform.built:
            self.transform.build(input_shape)
        # Where a length is not known, an odd one and an even one show what becomes of any.
        inputs = [_with_places(input_shape, places) for places in (63, 64)]
        shapes = [(x, tuple(self.transform.compute_output_shape(x))) for x in inputs]
        given, wanted = shapes[-1]
        if self.gate_logits is None:
            self.gate_logits = self._default_gate(wanted[-1])
        if not self.gate_logits.built:
            self.gate_logits.build(input_shape)
        gate_shape = tuple(self.gate_logits.compute_output_shape(given))
        if any(x[1:] != h[1:] for x, h in shapes):
            self._build_shortcut(shapes)
        if gate_shape[1:] != wanted[1:]:
            raise ValueError(
                f"Highway needs a gate of the shape of its transform: {self.gate_logits.name!r} "
                f"maps {given} to {gate_shape}, and the transform to {wanted}"
            )

    def _build_shortcut(self, shapes):
        """Finds out how x becomes one of another shape, by pairs of both."""
        given, wanted = shapes[-1]
        problem = (
            f"Highway with shortcut={self.shortcut!r} cannot bring an input of shape {given} to "
            f"{wanted}, the shape of {self.transform.name!r}"
        )
        if self.shortcut is None:
            problem = (
                f"Highway needs a transform that keeps the shape of its input, or a shortcut: "
                f"{self.transform.name!r} maps {given} to {wanted}"
            )
        if self.shortcut is None or len(given) != len(wanted):
            raise ValueError(problem)
        steps = {
            tuple(_step(a, b) for a, b in zip(x[1:-1], h[1:-1], strict=True)) for x, h in shapes
        }
        before, after = given[-1], wanted[-1]
        fits = {"project": True, "pad": before <= after, "subsample": before % after == 0}
        if len(steps) > 1 or None in (every := steps.pop()) or not fits[self.shortcut]:
            raise ValueError(problem)
        self._every = every
        self._channels = after
        if self.shortcut == "project":
            self.projection = self.add_weight(name="projection", shape=(before, after))

    def carried(self, x):
        """Returns what the layer gives where its gate carries all: x, in the shape of H(x)."""
        if self._every is None:
            return x
        for axis, step in enumerate(self._every, 1):
            if step > 1:
                x = x[(slice(None),) * axis + (slice(None, None, step),)]
        before, after = x.shape[-1], self._channels
        if self.shortcut == "project":
            return ops.matmul(x, ops.cast(self.projection, x.dtype))
        if self.shortcut == "pad":
            return ops.pad(x, [(0, 0)] * (len(x.shape) - 1) + [(0, after - before)])
        return x[..., :: before // after]

    def parts(self):
        """Returns a list of one function, from x to the transform H(x) and the transform gate T(x).

        It is what a `HighwayStack` returns for each of its layers.
        """

        def part(x):
            # The wrapped layers may have a dtype policy of their own.
            h = ops.cast(self.transform(x), self.compute_dtype)
            logits = ops.cast(self.gate_logits(x), self.compute_dtype)
            return h, _transform_gate(logits, self.gate)

        return [part]

    def call(self, x):
        (part,) = self.parts()
        return mixed(self.carried(x), *part(x))

    def compute_mask(self, inputs, mask):
        # Of other places there is none.
        return None if self._every and self._every[0] > 1 else mask

    def compute_output_shape(self, input_shape):
        return self.transform.compute_output_shape(input_shape)

    def get_config(self):
        return super().get_config() | {
            "transform": keras.layers.serialize(self.transform),
            "gate": self.gate,
            "gate_layer": self.gate_layer and keras.layers.serialize(self.gate_layer),
            "gate_bias": self.gate_bias,
            "shortcut": self.shortcut,
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for key in ("transform", "gate_layer"):
            if config[key] is not None:
                config[key] = keras.layers.deserialize(config[key])
        return cls(**config)


def _with_places(shape, places):
    """Returns a shape that has so many places wherever their number is not known."""
    batch, *between, channels = shape
    return (batch, *(places if known is None else known for known in between), channels)


def _step(places, wanted):
    """Returns k where every k-th of so many places are as many as wanted, or None."""
    if places == wanted:
        return 1
    if not wanted:
        return None
    step = -(-places // wanted)
    return step if -(-places // step) == wanted else None


_COPIED_FOR_GATE = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)


@keras.saving.register_keras_serializable("zoo")
class HighwayStack(keras.layers.Layer):
    r"""A stack of dense Highway layers of equal width, held as one `(depth, ...)` tensor a weight.

    Each layer l computes, on the last axis of its input,

        h = activation(x W_l + b_l)          the transform
        g = sigmoid(x V_l + d_l)             the gate
        y = h * g + x * (1 - g)              gate="transform": g is the paper's T
        y = x * g + h * (1 - g)              gate="carry":     g is the course's z = 1 - T

    Source: Srivastava, Greff and Schmidhuber, arXiv:1505.00387, equation 3; the course's form is
    a GRU that has lost its per-step input and its reset gate.

    Args:
        depth: number of Highway layers, at least 1.
        activation: of the transform; a Keras name or function.
        gate: `"transform"` or `"carry"`, as above.
        gate_bias: initial value of every gate bias. By default -3 for `"transform"` and 3 for
            `"carry"`, so that the stack starts close to the identity.
        kernel_initializer: of each layer's `W_l` and `V_l`, applied to each layer by itself.

    Weights: `kernel` and `gate_kernel` `(depth, units, units)`, `bias` and `gate_bias`
    `(depth, units)`, where `units` is the size of the input's last axis.

    Shapes: input and output `(batch, ..., units)`, of the layer's compute dtype.

    Raises:
        ValueError: if `depth` is not a positive integer, `gate` is unknown, or the size of the
            input's last axis is not known.
    """

    def __init__(
        self,
        depth,
        activation="relu",
        gate="transform",
        gate_bias=None,
        kernel_initializer="glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.depth = positive_integer("depth", depth)
        self.activation = keras.activations.get(activation)
        self.gate = gate
        self.initial_gate_bias = _initial_gate_bias(gate, gate_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape):
        units = input_shape[-1]
        if units is None:
            raise ValueError(
                f"HighwayStack needs an input whose last axis is known, got {tuple(input_shape)}"
            )
        shape = (self.depth, units, units)
        self.kernel = self.add_weight(
            name="kernel", shape=shape, initializer=StackedInitializer(self.kernel_initializer)
        )
        self.bias = self.add_weight(name="bias", shape=(self.depth, units), initializer="zeros")
        self.gate_kernel = self.add_weight(
            name="gate_kernel",
            shape=shape,
            initializer=StackedInitializer(self.kernel_initializer, first=self.depth),
        )
        self.gate_bias = self.add_weight(
            name="gate_bias",
            shape=(self.depth, units),
            initializer=keras.initializers.Constant(self.initial_gate_bias),
        )

    def carried(self, x):
        """Returns x, which is what a layer gives where its gate carries all."""
        return x

    def parts(self):
        """Returns a function for each layer, from its x to its H(x) and its transform gate T(x)."""
        # One product a layer gives both the transform and the gate.
        kernels = ops.unstack(ops.concatenate([self.kernel, self.gate_kernel], axis=-1))
        biases = ops.unstack(ops.concatenate([self.bias, self.gate_bias], axis=-1))

        def part(kernel, bias, x):
            h, logits = ops.split(ops.matmul(x, kernel) + bias, 2, axis=-1)
            return self.activation(h), _transform_gate(logits, self.gate)

        return [partial(part, *weights) for weights in zip(kernels, biases, strict=True)]

    def call(self, x):
        for part in self.parts():
            x = mixed(x, *part(x))
        return x

    def compute_output_shape(self, input_shape):
        return input_shape

    @contextmanager
    def switched_off(self, *layers):
        """Turns layers off inside a `with` block: their gate carries all, so each is the identity.

        It works by the gate's bias, so a compiled `predict` or `evaluate` follows without being
        traced again. The weights are restored at the end of the block.

        Args:
            layers: indices of layers, 0 the first and -1 the last.

        Raises:
            ValueError: if the stack is not built, or an index is not that of a layer.
        """
        if not self.built:
            raise ValueError("switched_off needs a stack that is built: call it once first")
        check_indices("layers", layers, self.depth)
        saved = ops.convert_to_numpy(self.gate_bias)
        closed = saved.copy()
        closed[list(layers)] = _CLOSED if self.gate == "transform" else -_CLOSED
        self.gate_bias.assign(closed)
        try:
            yield self
        finally:
            self.gate_bias.assign(saved)

    def get_config(self):
        return super().get_config() | {
            "depth": self.depth,
            "activation": keras.activations.serialize(self.activation),
            "gate": self.gate,
            "gate_bias": self.initial_gate_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
