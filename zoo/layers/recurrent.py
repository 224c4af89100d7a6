"""Drivers: cells walked along time, one way or both ways."""

from itertools import accumulate, pairwise

import keras
from keras import ops

from zoo.cells import Cell
from zoo.layers.batch_parts import in_parts
from zoo.layers.diagonals import walk_diagonals
from zoo.layers.loop import walk

MERGE_MODES = ("concat", "sum", "mul", "ave", None)


class _States:
    """Holds the states of a stateful layer out of its sight: they are none of its weights."""

    def __init__(self, variables):
        self.variables = variables


class _Driver(keras.layers.Layer):
    """What the drivers share: their options, the states between calls, and the checks of a call."""

    # How many walks a call has side by side.
    walks = 1

    def __init__(
        self,
        cells,
        *,
        return_sequences=False,
        return_state=False,
        stateful=False,
        unroll=False,
        **kwargs,
    ):
        for cell in cells:
            if not isinstance(cell, Cell):
                raise ValueError(
                    f"cell must be a cell of zoo.cells, got {cell!r}; keras.layers.RNN runs any"
                )
        kwargs.setdefault("dtype", cells[0].dtype_policy)
        super().__init__(**kwargs)
        for cell in cells:
            if cell.compute_dtype != self.compute_dtype:
                raise ValueError(
                    f"dtype of {cell.name!r} must be {self.compute_dtype}, that of its driver, "
                    f"got {cell.compute_dtype}"
                )
        self.cells = cells
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.stateful = stateful
        self.unroll = unroll
        self.supports_masking = True
        # What `jit_compile="auto"` goes by: XLA takes seconds for each new shape, and has to pay.
        self.supports_jit = keras.backend.backend() != "tensorflow" or all(
            cell.quicker_with_xla for cell in cells
        )
        self._features = None
        self._states = None

    @property
    def state_size(self):
        """The sizes of all states, those of the first cell first."""
        return [size for cell in self.cells for size in cell.state_size]

    @property
    def states(self):
        """The states that a stateful layer keeps between calls, or None."""
        return self._states and self._states.variables

    def get_initial_state(self, batch_size):
        """Returns the states before the first step, a list of `(batch, size)`."""
        return [state for cell in self.cells for state in cell.get_initial_state(batch_size)]

    def reset_state(self):
        """Gives a stateful layer the initial states of its cells again, learned ones too."""
        if self._states is not None:
            batch_size = self.states[0].shape[0]
            for variable, state in zip(
                self.states, self.get_initial_state(batch_size), strict=True
            ):
                variable.assign(state)

    def _build(self, sequences_shape, cells):
        """Builds the cells that read the sequences, and the states of a stateful layer."""
        self._check_shape(sequences_shape)
        batch_size, _, self._features = sequences_shape
        for cell in cells:
            if not cell.built:
                cell.build((batch_size, self._features))
        if not self.stateful or self._states is not None:
            return
        if batch_size is None:
            raise ValueError(
                "stateful=True needs a batch size that is known: "
                "keras.Input(batch_shape=(batch, time, features))"
            )
        self._states = _States(
            [
                keras.Variable(state, trainable=False, dtype=self.compute_dtype, name="state")
                for state in self.get_initial_state(batch_size)
            ]
        )

    def _check_shape(self, shape):
        if len(shape) != 3 or self._features not in (None, shape[2]):
            raise ValueError(
                f"sequences must have the shape (batch, time, {self._features or 'features'}), "
                f"got {tuple(shape)}"
            )
        if shape[1] == 0:
            raise ValueError(f"sequences must have at least one step, got shape {tuple(shape)}")

    def _first_states(self, inputs, initial_state, name="initial_state"):
        """Returns the states that a call starts from, after a look at those that were given."""
        batch_size = inputs.shape[0]
        if initial_state is None:
            if not self.stateful:
                return self.get_initial_state(ops.shape(inputs)[0])
            if batch_size != self.states[0].shape[0]:
                raise ValueError(
                    f"sequences: a stateful layer built for a batch of {self.states[0].shape[0]} "
                    f"got one of {batch_size}"
                )
            return [ops.copy(state) for state in self.states]
        given = initial_state if isinstance(initial_state, list | tuple) else [initial_state]
        shapes = [tuple(state.shape) for state in given]
        expected = [(batch_size, size) for size in self.state_size]
        if len(shapes) != len(expected) or not all(map(_agree, shapes, expected)):
            raise ValueError(
                f"{name} must hold {len(expected)} states of sizes {self.state_size}, "
                f"(batch, size) each, got shapes {shapes}"
            )
        return [ops.cast(state, self.compute_dtype) for state in given]

    def _along_time(self, sequences, mask):
        """Returns sequences and mask with the time first, after a look at their shapes."""
        self._check_shape(sequences.shape)
        batch_size, length, _ = sequences.shape
        if self.unroll and length is None:
            raise ValueError(
                f"unroll=True needs sequences of a known length, got shape {tuple(sequences.shape)}"
            )
        sequences = ops.transpose(ops.cast(sequences, self.compute_dtype), (1, 0, 2))
        if mask is None:
            return sequences, None
        mask = ops.cast(ops.convert_to_tensor(mask), "bool")
        if not _agree(tuple(mask.shape), (batch_size, length)):
            raise ValueError(
                f"mask must have the shape (batch, time) of the sequences, {(batch_size, length)}, "
                f"got {tuple(mask.shape)}"
            )
        return sequences, ops.transpose(mask)[..., None]

    def call(self, sequences, initial_state=None, mask=None, training=False, sequences_mask=None):
        # Where states are given, Keras hands the mask of the sequences over by this name.
        mask = sequences_mask if mask is None else mask
        x, mask = self._along_time(sequences, mask)
        states = self._first_states(sequences, initial_state)
        masks = [] if mask is None else [mask]

        def run(tensors):
            x, *states = tensors
            mask = states.pop() if masks else None
            return self._run(x, mask, states, training)

        results = in_parts(run, [x, *states, *masks], self.walks)
        count = len(results) - len(states)
        outputs, states = results[:count], results[count:]
        if self.return_sequences:
            outputs = [ops.transpose(output, (1, 0, 2)) for output in outputs]
        if self.stateful:
            for variable, state in zip(self.states, states, strict=True):
                variable.assign(state)
        if self.return_state:
            return [*outputs, *states]
        return outputs[0] if len(outputs) == 1 else outputs

    def _run(self, x, mask, states, training):
        """Returns the outputs, then the last states, all with the time first."""
        raise NotImplementedError

    def _walk(self, cell, params, constants, projected, states, mask, every_output, training):
        """Walks a cell along time; its step takes all steps at once if it reads no state."""

        options = {
            "mask": mask,
            "every_output": every_output,
            "zero_output": self.zero_output_for_mask,
            "unroll": self.unroll,
            "training": training,
        }
        if cell.has_layers:
            return walk_diagonals(cell, params, constants, projected, states, **options)

        def step(params, projected, states):
            return cell.step(params, constants, projected, states)

        if not cell.step_reads_state:
            output, states_after = step(params, projected, states)
            if mask is None:
                last = [state[-1] for state in states_after]
                return output if every_output else output[-1], last

            # What is left for a loop is to pass over the masked steps.
            projected = ops.concatenate([output, *states_after], axis=-1)
            sizes = list(accumulate([cell.output_size, *cell.state_size]))[:-1]

            def step(params, projected, states):
                output, *states = ops.split(projected, sizes, axis=-1)
                return output, states

        return walk(step, params, projected, states, cell.output_size, **options)

    def _masks(self, mask, outputs):
        """The masks of what a call returns."""
        masks = [mask if self.return_sequences else None] * outputs
        if self.return_state:
            return masks + [None] * len(self.state_size)
        return masks[0] if len(masks) == 1 else masks

    def get_config(self):
        return super().get_config() | {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "stateful": self.stateful,
            "unroll": self.unroll,
        }


def _agree(shape, expected):
    """Whether two shapes may be the same, where an unknown size agrees with any."""
    return len(shape) == len(expected) and all(
        a == b or a is None or b is None for a, b in zip(shape, expected, strict=True)
    )


@keras.saving.register_keras_serializable("zoo")
class Recurrent(_Driver):
    """Walks a cell along time: what `keras.layers.RNN` is, for the cells of `zoo.cells`.

    What does not depend on the state is computed for all steps at once, and on TensorFlow the
    gradient is that of `zoo.layers.tensorflow_loop`. The graph does not grow with the length.

    Args:
        cell: a cell of `zoo.cells`, or a list of them: a deep stack, where each cell reads the
            outputs of the one before it at every step.
        return_sequences: whether to return the outputs of all steps, and not the last one alone.
        return_state: whether to return the last states too.
        go_backwards: whether to walk from the last step to the first; outputs are in the order of
            the walk.
        stateful: whether a call starts from the states that the call before ended with, until
            `reset_state()`; needs a fixed batch size. On JAX, as with Keras's own layers, only
            calls outside of `fit`, `predict` and `jit` can keep states.
        unroll: whether to write out every step, for short sequences of a known length.
        zero_output_for_mask: whether the output of a masked step is 0, and not the one before it.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: list of `(batch, size)`, the states of all cells one after another.
        mask: boolean `(batch, time)`; a step where it is False changes nothing.
        training: whether dropout is at work.

    Returns:
        `(batch, time, output_size)` or `(batch, output_size)`, in the compute dtype; with
        `return_state` a list of it and the states.

    Raises:
        ValueError: if `cell` is no cell of `zoo.cells`, or sequences, states or mask do not have
            the shapes above, or the sequences have no step.
    """

    def __init__(self, cell, *, go_backwards=False, zero_output_for_mask=False, **kwargs):
        cells = list(cell) if isinstance(cell, list | tuple) else [cell]
        if not cells:
            raise ValueError("cell must be a cell of zoo.cells or a list of them, got none")
        super().__init__(cells, **kwargs)
        self.go_backwards = go_backwards
        self.zero_output_for_mask = zero_output_for_mask

    def build(self, sequences_shape, initial_state_shape=None):
        for below, cell in pairwise(self.cells):
            if not cell.built:
                cell.build((sequences_shape[0], below.output_size))
        self._build(sequences_shape, self.cells[:1])

    def _run(self, x, mask, states, training):
        if self.go_backwards:
            x, mask = ops.flip(x, 0), None if mask is None else ops.flip(mask, 0)
        last_states: list = []
        for cell in self.cells:
            count = len(cell.state_size)
            x, new_states = self._walk(
                cell,
                cell.params(),
                cell.constants(ops.shape(x)[1], training),
                cell.project(x, training),
                states[:count],
                mask,
                every_output=self.return_sequences or cell is not self.cells[-1],
                training=training,
            )
            states, last_states = states[count:], last_states + new_states
        return [x, *last_states]

    def params(self):
        """Returns what the steps multiply states by, for each cell, of the weights as they are.

        Raises:
            ValueError: if the layer is not built, so that there are no weights.
        """
        if not self.built:
            raise ValueError(f"params: {self.name!r} has no weights before a call, step or build")
        return [cell.params() for cell in self.cells]

    def step(self, inputs, states=None, params=None):
        """Takes one step, for streams: feed one input, keep the states for the next.

        Args:
            inputs: `(batch, features)`.
            states: as the step before returned them, or None for the first step.
            params: as `params()` returns them, so that many steps need them made but once; where
                weights change they must be made anew, as they are without.

        Returns:
            The output `(batch, output_size)`, and the list of states.

        Raises:
            ValueError: if inputs or states have other shapes, or the layer goes backwards or is
                stateful.
        """
        if self.go_backwards or self.stateful:
            raise ValueError("step: a layer with go_backwards or stateful has no single steps")
        x = ops.cast(ops.convert_to_tensor(inputs), self.compute_dtype)
        if len(x.shape) != 2 or self._features not in (None, x.shape[1]):
            raise ValueError(
                f"inputs must have the shape (batch, {self._features or 'features'}), "
                f"got {tuple(x.shape)}"
            )
        if not self.built:
            self.build((x.shape[0], None, x.shape[1]))
        states = self._first_states(x, states, "states")
        new_states: list = []
        for cell, its_params in zip(self.cells, params or self.params(), strict=True):
            count = len(cell.state_size)
            x, after = cell.step(its_params, {}, cell.project(x), states[:count])
            states, new_states = states[count:], new_states + after
        return x, new_states

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch_size, length, _ = sequences_shape
        size = self.cells[-1].output_size
        output = (batch_size, length, size) if self.return_sequences else (batch_size, size)
        if not self.return_state:
            return output
        return [output, *((batch_size, size) for size in self.state_size)]

    def compute_mask(self, sequences, previous_mask=None):
        return self._masks(previous_mask, 1)

    def get_config(self):
        cells = [keras.layers.serialize(cell) for cell in self.cells]
        return super().get_config() | {
            "cell": cells if len(cells) > 1 else cells[0],
            "go_backwards": self.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    @classmethod
    def from_config(cls, config):
        cell = config["cell"]
        if isinstance(cell, list):
            cell = [keras.layers.deserialize(each) for each in cell]
        else:
            cell = keras.layers.deserialize(cell)
        return cls(**config | {"cell": cell})


@keras.saving.register_keras_serializable("zoo")
class Bidirectional(_Driver):
    """Walks a cell along time both ways, side by side.

    The backward direction has weights of its own. Equals `keras.layers.Bidirectional` over
    `keras.layers.RNN`. Deep networks are made of several such layers with `return_sequences`.

    Args:
        cell: a cell of `zoo.cells`, for the forward direction; the other is made from its config.
        merge_mode: how the outputs become one: "concat", "sum", "mul", "ave" (the mean), or None
            for a list of both.
        return_sequences, return_state, stateful, unroll: as in `Recurrent`. In a sequence, the
            outputs of masked steps are 0, as Keras has it.

    Call arguments: as of `Recurrent`; `initial_state` holds the states of the forward direction,
    then those of the backward one.

    Returns:
        `(batch, time, n)` or `(batch, n)`, each step's outputs of both directions in the place of
        their input; with `return_state` a list of it and the states, forward ones first.

    Raises:
        ValueError: as for `Recurrent`, or if `merge_mode` is unknown.
    """

    walks = 2

    def __init__(self, cell, merge_mode="concat", **kwargs):
        if merge_mode not in MERGE_MODES:
            raise ValueError(f"merge_mode must be one of {MERGE_MODES}, got {merge_mode!r}")
        cells = [cell]
        if isinstance(cell, Cell):
            backward = cell.get_config() | {"name": f"{cell.name}_backward"}
            cells.append(type(cell).from_config(backward))
        super().__init__(cells, **kwargs)
        self.merge_mode = merge_mode
        self.zero_output_for_mask = self.return_sequences

    def build(self, sequences_shape, initial_state_shape=None):
        self._build(sequences_shape, self.cells)

    def _run(self, x, mask, states, training):
        count = len(self.cells[0].state_size)
        outputs, last_states = [], []
        for way, cell in enumerate(self.cells):
            if way == 1:
                x, mask = ops.flip(x, 0), None if mask is None else ops.flip(mask, 0)
            output, new_states = self._walk(
                cell,
                cell.params(),
                cell.constants(ops.shape(x)[1], training),
                cell.project(x, training),
                states[way * count : (way + 1) * count],
                mask,
                every_output=self.return_sequences,
                training=training,
            )
            backwards = way == 1 and self.return_sequences
            outputs.append(ops.flip(output, 0) if backwards else output)
            last_states += new_states
        return [*self._merged(*outputs), *last_states]

    def _merged(self, forward, backward):
        match self.merge_mode:
            case "concat":
                return [ops.concatenate([forward, backward], axis=-1)]
            case "sum":
                return [forward + backward]
            case "mul":
                return [forward * backward]
            case "ave":
                return [(forward + backward) / 2]
        return [forward, backward]

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch_size, length, _ = sequences_shape
        size = self.cells[0].output_size * (2 if self.merge_mode == "concat" else 1)
        output = (batch_size, length, size) if self.return_sequences else (batch_size, size)
        outputs = [output] * (1 if self.merge_mode else 2)
        if self.return_state:
            return outputs + [(batch_size, size) for size in self.state_size]
        return outputs[0] if len(outputs) == 1 else outputs

    def compute_mask(self, sequences, previous_mask=None):
        return self._masks(previous_mask, 1 if self.merge_mode else 2)

    def get_config(self):
        return super().get_config() | {
            "cell": keras.layers.serialize(self.cells[0]),
            "merge_mode": self.merge_mode,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"cell": keras.layers.deserialize(config["cell"])})
