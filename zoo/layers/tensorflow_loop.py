"""The loop of a recurrent network on TensorFlow, with a gradient of its own.

TensorFlow's own gradient of a loop adds to the gradient of each kernel at every step: a product of
few rows, and a sum over the whole kernel. Here the loop backwards only hands on the gradient of the
states. It keeps both factors of every product, and at the end all steps of a kernel's gradient are
one large product. It also multiplies by kernels that were transposed once, where the gradient of a
product would transpose them at every step.

A step runs once forwards and once more backwards, where its products are not made again: their
results are kept. Outside of training nothing is kept, and a gradient is TensorFlow's own.
"""

import tensorflow as tf

from zoo.cells.products import matmul, products_made_by

# Steps that are written out in each turn of a loop.
STEPS_A_TURN = 4


def transposed(x):
    """Swaps the last two axes."""
    return tf.linalg.matrix_transpose(x)


def rows_of(steps):
    """`(time, ..., batch, n)` of all steps to `(..., time * batch, n)`."""
    rank = steps.shape.rank
    if rank > 3:
        steps = tf.transpose(steps, [*range(1, rank - 2), 0, rank - 2, rank - 1])
    shape = tf.shape(steps)
    return tf.reshape(steps, tf.concat([shape[:-3], [-1], shape[-1:]], 0))


def repeat(length, turn, variables):
    """Runs `variables = turn(t, variables)` for t from 0 to before `length`."""

    def turns(count):
        def body(t, *variables):
            for i in range(count):
                variables = turn(t + i, variables)
            return (t + count, *variables)

        return body

    whole = length - length % STEPS_A_TURN
    t, *variables = tf.while_loop(
        lambda t, *_: t < whole, turns(STEPS_A_TURN), (tf.constant(0), *variables)
    )
    return tf.while_loop(lambda t, *_: t < length, turns(1), (t, *variables))[1:]


def empty(length, like):
    """An array of `length` tensors of the shape and dtype of one, to be written once each."""
    return tf.TensorArray(like.dtype, length, element_shape=like.shape)


def unstacked(tensor):
    """The array of the slices of a tensor along its first axis."""
    length = tf.shape(tensor)[0]
    array = tf.TensorArray(
        tensor.dtype, length, element_shape=tensor.shape[1:], clear_after_read=False
    )
    return array.unstack(tensor)


def written(arrays, t, values):
    """Writes one value to each array."""
    return [array.write(t, value) for array, value in zip(arrays, values, strict=True)]


def walk(advance, params, projected, mask, carry, every_output, training):
    """Walks `advance` along the first axis of `projected`.

    Args:
        advance: `(params, projected, mask, carry) -> carry`; the first of a carry is the output.
        params, projected, mask, carry: as in `zoo.layers.loop.walk`.
        every_output: whether to return the outputs of all steps.
        training: whether to keep what the gradient needs.

    Returns:
        The last carry, and the outputs `(time, ..., size)`, None unless `every_output`.
    """
    if not training:
        return _inferred(advance, params, projected, mask, carry, every_output)
    length = tf.shape(projected)[0]
    names = list(params)
    # Without a mask no step reads the output before it: it need not be kept.
    unread = 0 if mask is not None else 1
    masks = None if mask is None else unstacked(mask)

    def mask_of(t):
        return None if masks is None else masks.read(t)

    # One step, of which nothing is used, tells which params are kernels and what is to be kept.
    kernels, products = [], []

    def look(x, kernel):
        kernels.append(next(name for name in names if params[name] is kernel))
        products.append(matmul(x, kernel))
        return products[-1]

    with products_made_by(look):
        advance(params, projected[0], None if mask is None else mask[0], carry)
    others = [name for name in names if name not in kernels]

    @tf.custom_gradient
    def run(projected, *flat):
        params = dict(zip(names, flat, strict=False))
        carry = list(flat[len(names) :])
        steps = unstacked(projected)

        def forwards(t, variables):
            carry, outputs, carries, kept = variables
            made = []

            def multiply(x, kernel):
                made.append(matmul(x, kernel))
                return made[-1]

            with products_made_by(multiply):
                after = advance(params, steps.read(t), mask_of(t), carry)
            carries, kept = written(carries, t, carry[unread:]), written(kept, t, made)
            return after, written(outputs, t, after[:1]) if every_output else [], carries, kept

        last, outputs, carries, kept = repeat(
            length,
            forwards,
            (
                carry,
                [empty(length, carry[0])] if every_output else [],
                [empty(length, state) for state in carry[unread:]],
                [empty(length, product) for product in products],
            ),
        )

        def gradient(*upstream):
            d_last = list(upstream[: len(carry)])
            d_outputs = unstacked(upstream[-1])
            nothing = tf.zeros_like(carry[0])
            turned = {name: transposed(params[name]) for name in kernels}

            def backwards(i, variables):
                d_carry, d_others, d_projected, factors, d_products = variables
                t = length - 1 - i
                before, x = [state.read(t) for state in carries], steps.read(t)
                if every_output:
                    d_output = d_outputs.read(t)
                    d_carry = [d_output if unread else d_carry[0] + d_output, *d_carry[1:]]
                results = iter([product.read(t) for product in kept])
                made: list = []
                d_made: dict = {}

                def multiply(x, kernel):
                    index = len(made)
                    made.append(x)

                    @tf.custom_gradient
                    def known(x):
                        def gradient(d):
                            d_made[index] = d
                            return matmul(d, turned[kernels[index]])

                        return next(results), gradient

                    return known(x)

                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    sources = [*before, x, *(params[name] for name in others)]
                    tape.watch(sources)
                    with products_made_by(multiply):
                        after = advance(params, x, mask_of(t), [None] * unread + before)
                gradients = tape.gradient(
                    after,
                    sources,
                    output_gradients=d_carry,
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                d_before = [nothing] * unread + gradients[: len(before)]
                d_x = gradients[len(before)]
                d_new_others = gradients[len(before) + 1 :]
                return (
                    d_before,
                    [a + b for a, b in zip(d_others, d_new_others, strict=True)],
                    d_projected.write(t, d_x),
                    written(factors, t, made),
                    written(d_products, t, [d_made[j] for j in range(len(made))]),
                )

            d_carry, d_others, d_projected, factors, d_products = repeat(
                length,
                backwards,
                (
                    d_last,
                    [tf.zeros_like(params[name]) for name in others],
                    empty(length, projected[0]),
                    [tf.TensorArray(x.dtype, length) for x in products],
                    [empty(length, product) for product in products],
                ),
            )
            d_params = dict(zip(others, d_others, strict=True))
            for name, factor, d_product in zip(kernels, factors, d_products, strict=True):
                d_kernel = matmul(
                    transposed(rows_of(tf.cast(factor.stack(), params[name].dtype))),
                    rows_of(tf.cast(d_product.stack(), params[name].dtype)),
                )
                d_params[name] = d_params[name] + d_kernel if name in d_params else d_kernel
            return (d_projected.stack(), *(d_params[name] for name in names), *d_carry)

        result = (*last, outputs[0].stack()) if every_output else tuple(last)
        return result, gradient

    *last, outputs = (*run(projected, *params.values(), *carry), None)[: len(carry) + 1]
    return last, outputs


def _inferred(advance, params, projected, mask, carry, every_output):
    """Walks without keeping anything but the outputs that are asked for."""
    length, steps = tf.shape(projected)[0], unstacked(projected)
    masks = None if mask is None else unstacked(mask)

    def turn(t, variables):
        carry, outputs = variables
        carry = advance(params, steps.read(t), None if masks is None else masks.read(t), carry)
        return carry, written(outputs, t, carry[:1]) if every_output else []

    outputs = [empty(length, carry[0])] if every_output else []
    carry, outputs = repeat(length, turn, (carry, outputs))
    return carry, outputs[0].stack() if every_output else None
