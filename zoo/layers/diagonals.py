"""The layers of a cell along time and depth, all that do not wait for one another in one step.

Layer l at time t needs itself at t - 1 and the layer below at t. So while the first layer is at t,
the second can be at t - 1, the third at t - 2: each anti-diagonal of time and depth is one step,
whose product has the rows of all layers. Instead of time x depth small steps there are
time + depth - 1 large ones.
"""

from keras import ops

from zoo.layers.loop import walk


def walk_diagonals(
    cell, params, constants, projected, states, *, mask, every_output, zero_output, **options
):
    """Returns what `walk` with the step of `cell` does, for a cell that has layers.

    Args:
        cell: with `depth` layers and `block`, as `zoo.cells.GridLSTMCell` has them.
        params, constants: of the cell.
        projected, states, mask, every_output, zero_output: as of `walk`, with no axis between time
            and batch.
        **options: of `walk`.
    """
    depth, units = cell.depth, cell.units

    def diagonal(params, projected, states):
        h, m, *below = states
        first = ops.split(projected[None], 2, axis=-1) if cell.is_lstm else [projected[None]]
        # Each layer reads what the one below it had a step ago.
        moved = [
            ops.concatenate([new, one[:-1]], axis=0) for new, one in zip(first, below, strict=True)
        ]
        h, m, *below = cell.block(params, constants, h, m, moved[0], moved[-1])
        return below[0], [h, m, *below[: len(moved)]]

    late = depth - 1
    if mask is None and late:
        mask = ops.ones_like(projected[..., :1], dtype="bool")
    if mask is not None:
        # Layer l is l steps late, and has nothing to do before and after.
        mask = ops.stack([_later(mask, layer, late - layer) for layer in range(depth)], axis=1)
    h, m = ops.stack(states[::2]), ops.stack(states[1::2])
    below = [ops.zeros_like(h)] * (2 if cell.is_lstm else 1)
    outputs, (h, m, *_) = walk(
        diagonal,
        params,
        _later(projected, 0, late),
        [h, m, *below],
        units,
        mask=mask,
        every_output=every_output,
        zero_output=zero_output,
        **options,
    )
    output = outputs[late:, -1] if every_output else outputs[-1]
    return output, [state[layer] for layer in range(depth) for state in (h, m)]


def _later(x, before, after):
    """Returns a sequence with so many steps of zeros before and after."""
    return ops.pad(x, [[before, after]] + [[0, 0]] * (len(x.shape) - 1))
