"""The loop of a recurrent network: a pure step, walked along the first axis."""

import keras
from keras import ops


def scan(step, carry, steps, reverse=False):
    """Returns the results of `step`, called for each slice of `steps` along its first axis.

    `keras.ops.scan` on TensorFlow keeps the carry in an array, which other runtimes cannot read.

    Args:
        step: `(carry, slice) -> (carry, result)`, tensors all, a result of the carry's shape.
        carry: the first one.
        steps: one tensor.
        reverse: whether to begin with the last slice; the results are in the order of `steps`.
    """
    if keras.backend.backend() != "tensorflow":
        return ops.scan(step, carry, steps, reverse=reverse)[1]
    from zoo.layers.tensorflow_loop import scan as scan_in_tensorflow

    if not reverse:
        return scan_in_tensorflow(step, carry, steps)
    return ops.flip(scan_in_tensorflow(step, carry, ops.flip(steps, 0)), 0)


def masked(step, zero_output):
    """Returns `step` with a mask: where it is False, states stay, and so does the output.

    Args:
        step: `(projected, states) -> (output, states)`.
        zero_output: whether the output of a masked step is 0, and not the one before it.
    """

    def masked_step(projected, mask, carry):
        output, *states = carry
        new_output, new_states = step(projected, states)
        kept = ops.zeros_like(output) if zero_output else output
        pairs = zip([new_output, *new_states], [kept, *states], strict=True)
        return [ops.where(mask, new, old) for new, old in pairs]

    return masked_step


def unmasked(step):
    """Returns `step` in the form of `masked`, for sequences without a mask."""

    def unmasked_step(projected, mask, carry):
        output, states = step(projected, carry[1:])
        return [output, *states]

    return unmasked_step


def walk(
    step,
    params,
    projected,
    states,
    output_size,
    *,
    mask,
    zero_output,
    **options,
):
    """Walks a step along the first axis of `projected`.

    Args:
        step: `(params, projected, states) -> (output, states)`, pure.
        params: dict of tensors that do not change on the way.
        projected: `(time, ..., batch, n)`.
        states: list of `(..., batch, size)`.
        output_size: size of the last axis of an output.
        mask: boolean `(time, ..., batch, 1)`, or None.
        zero_output: whether the output of a masked step is 0.
        **options: `every_output`, whether the outputs of all steps are asked for, or the last one
            alone; `unroll`, whether to write out all steps, of a number that is known; `training`,
            whether a gradient will be asked for; one that was not announced costs more.

    Returns:
        `(time, ..., batch, output_size)`, or `(..., batch, output_size)` of the last step, and the
        list of last states.
    """
    nothing = ops.zeros((*ops.shape(states[0])[:-1], output_size), states[0].dtype)

    def advance(params, projected, mask, carry):
        def step_of(projected, states):
            return step(params, projected, states)

        whole = unmasked(step_of) if mask is None else masked(step_of, zero_output)
        return whole(projected, mask, carry)

    return walk_carry(advance, params, projected, mask, [nothing, *states], **options)


def walk_carry(advance, params, projected, mask, carry, *, every_output, unroll, training):
    """Walks along the first axis of `projected` with what one step hands to the next.

    Args:
        advance: `(params, projected, mask, carry) -> carry`, pure; the first of a carry is the
            output, all others are states.
        params, projected, mask, every_output, unroll, training: as of `walk`.
        carry: before the first step.

    Returns:
        As `walk`.
    """
    if unroll:
        outputs = []
        for t in range(projected.shape[0]):
            carry = advance(params, projected[t], None if mask is None else mask[t], carry)
            outputs.append(carry[0])
        return ops.stack(outputs) if every_output else carry[0], carry[1:]

    if keras.backend.backend() == "tensorflow":
        from zoo.layers.tensorflow_loop import walk as walk_in_tensorflow

        last, outputs = walk_in_tensorflow(
            advance, params, projected, mask, carry, every_output, training
        )
        return (outputs if every_output else last[0]), last[1:]

    def body(carry, xs):
        projected, mask = xs if mask_given else (xs, None)
        carry = advance(params, projected, mask, carry)
        return carry, carry[0] if every_output else None

    mask_given = mask is not None
    last, outputs = ops.scan(body, carry, (projected, mask) if mask_given else projected)
    return (outputs if every_output else last[0]), last[1:]
