"""The layers of a cell along time and depth, all that do not wait for one another in one step.

Layer l at time t needs itself at t - 1 and the layer below at t. So while the first layer is at t,
the second can be at t - 1, the third at t - 2: each anti-diagonal of time and depth is one step,
whose product has the rows of all layers. Instead of time x depth small steps there are
time + depth - 1 large ones.
"""

from keras import ops

from zoo.layers.loop import walk_carry


def walk_diagonals(cell, params, constants, projected, states, *, mask, zero_output, **options):
    """Returns what `walk` with the step of `cell` does, for a cell that has layers.

    Args:
        cell: with `depth` layers and `block`, as `zoo.cells.GridLSTMCell` has them.
        params, constants: of the cell.
        projected, states, mask, zero_output, **options: as of `walk`, with no axis between time and
            batch.
    """
    depth, late = cell.depth, cell.depth - 1

    def advance(params, projected, mask, carry):
        output, h, m, *below = carry
        first = ops.split(projected[None], 2, axis=-1) if cell.is_lstm else [projected[None]]
        # Each layer reads what the one below it had a step ago.
        read = [ops.concatenate(pair, axis=0) for pair in zip(first, below, strict=True)]
        h_new, m_new, *above = cell.block(params, constants, h, m, read[0], read[-1])
        parts = [ops.split(one, [late]) for one in above[: len(read)]]
        new_output, below = parts[0][1][0], [of_others for of_others, _ in parts]
        if mask is not None:
            # What a layer that is passed over hands on, no layer reads.
            kept = ops.zeros_like(output) if zero_output else output
            new_output = ops.where(mask[-1], new_output, kept)
            h_new, m_new = ops.where(mask, h_new, h), ops.where(mask, m_new, m)
        return [new_output, h_new, m_new, *below]

    if mask is None and late:
        mask = ops.ones_like(projected[..., :1], dtype="bool")
    if mask is not None:
        # Layer l is l steps late, and has nothing to do before and after.
        mask = ops.stack([_later(mask, layer, late - layer) for layer in range(depth)], axis=1)
    h, m = ops.stack(states[::2]), ops.stack(states[1::2])
    below = [ops.zeros_like(h[1:])] * (2 if cell.is_lstm else 1)
    carry = [ops.zeros_like(states[0]), h, m, *below]
    output, (h, m, *_) = walk_carry(
        advance, params, _later(projected, 0, late), mask, carry, **options
    )
    output = output[late:] if options["every_output"] else output
    return output, [state[layer] for layer in range(depth) for state in (h, m)]


def _later(x, before, after):
    """Returns a sequence with so many steps of zeros before and after."""
    return ops.pad(x, [[before, after]] + [[0, 0]] * (len(x.shape) - 1))
