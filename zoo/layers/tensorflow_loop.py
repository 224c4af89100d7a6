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
from zoo.layers.portable import loops_are_portable

# Steps that are written out in each turn of a loop.
STEPS_A_TURN = 4
# Rows of a kernel that lie so many bytes apart, or a multiple of it, fall on the same few lines of
# a processor's cache: a product on one core then takes up to twice as long. A line of zeros after
# each row keeps them off one another.
SLOW_STRIDE = 2048
CACHE_LINE = 64


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

    t = tf.constant(0)
    if not loops_are_portable():
        whole = length - length % STEPS_A_TURN
        t, *variables = tf.while_loop(lambda t, *_: t < whole, turns(STEPS_A_TURN), (t, *variables))
    return tf.while_loop(lambda t, *_: t < length, turns(1), (t, *variables))[1:]


def empty(length, like):
    """An array of `length` tensors of the shape and dtype of one, to be written once each."""
    return tf.TensorArray(like.dtype, length, element_shape=like.shape, clear_after_read=False)


def spaced(kernel):
    """Returns a kernel with columns of zeros after its own, where they make products faster."""
    # A vector has one row, a number likewise.
    rows, columns = [1, 1, *kernel.shape][-2:]
    size = kernel.dtype.size
    if rows == 1 or columns * size % SLOW_STRIDE or not _is_for_this_processor():
        return kernel
    return tf.pad(kernel, [[0, 0]] * (kernel.shape.rank - 1) + [[0, CACHE_LINE // size]])


def _is_for_this_processor():
    return not loops_are_portable() and not tf.config.list_logical_devices("GPU")


def matmul_spaced(x, kernel, columns):
    """`matmul` with the first columns of a kernel, which may be `spaced`."""
    result = matmul(x, kernel)
    return result if kernel.shape[-1] == columns else result[..., :columns]


def spaced_products(params):
    """Returns a product with kernels among `params`, which are spaced once, before a loop."""
    wide = {id(param): spaced(param) for param in params.values()}

    def multiply(x, kernel):
        return matmul_spaced(x, wide.get(id(kernel), kernel), kernel.shape[-1])

    return multiply


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


def scan(step, carry, steps):
    """`zoo.layers.loop.scan`, forwards."""
    length, array = tf.shape(steps)[0], unstacked(steps)

    def turn(t, variables):
        carry, results = variables
        carry, result = step(carry, array.read(t))
        return carry, results.write(t, result)

    return repeat(length, turn, (carry, empty(length, carry)))[1].stack()


def walk(advance, params, projected, mask, carry, every_output, training):
    """Walks `advance` along the first axis of `projected`.

    Args:
        advance: `(params, projected, mask, carry) -> carry`; the first of a carry is the output.
        params, projected, mask, carry: as in `zoo.layers.loop.walk_carry`.
        every_output: whether to return the outputs of all steps.
        training: whether to keep what the gradient needs.

    Returns:
        The last carry, and the outputs `(time, ..., size)`, None unless `every_output`.
    """
    one = _trained if training else _inferred
    return one(advance, params, projected, mask, carry, every_output)


def _trained(advance, params, projected, mask, carry, every_output):
    """Walks and keeps what the gradient above needs."""
    length = tf.shape(projected)[0]
    names = list(params)
    # Without a mask no step reads the output before it: it need not be kept.
    unread = 0 if mask is not None else 1
    masks = None if mask is None else unstacked(mask)
    kernels: list[str] = []

    def mask_of(t):
        return None if masks is None else masks.read(t)

    def with_products(multiply, params, x, mask, carry):
        """Advances, and returns the results of all products besides."""
        products = []

        def noted(x, kernel):
            products.append(multiply(x, kernel))
            return products[-1]

        with products_made_by(noted):
            return advance(params, x, mask, carry), products

    def step_gradient(params, turned, x, mask, before, products, d_after):
        """Returns the gradients of one step, and both factors of the gradient of each kernel."""
        results = iter(products)
        factors: list = []
        d_products: dict = {}

        def multiply(x, kernel):
            index = len(factors)
            factors.append(x)

            @tf.custom_gradient
            def known(x):
                def gradient(d):
                    d_products[index] = d
                    name = kernels[index]
                    return matmul_spaced(d, turned[name], params[name].shape[-2])

                return next(results), gradient

            return known(x)

        sources = [x, *before, *(params[name] for name in others)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(sources)
            with products_made_by(multiply):
                after = advance(params, x, mask, [None] * unread + before)
        d_x, *d_others = tape.gradient(
            after,
            sources,
            output_gradients=d_after,
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        d_before, d_others = d_others[: len(before)], d_others[len(before) :]
        return d_x, d_before, d_others, factors, [d_products[i] for i in range(len(factors))]

    # A first look at one step, of which no result is used: which params are kernels, and which
    # factors need not be kept because they are kept already.
    def note(x, kernel):
        kernels.append(next(name for name in names if params[name] is kernel))
        first_products.append(matmul(x, kernel))
        return first_products[-1]

    first, first_mask = projected[0], None if mask is None else mask[0]
    first_products: list = []
    with products_made_by(note):
        advance(params, first, first_mask, carry)
    others = [name for name in names if name not in kernels]
    turned = {name: spaced(transposed(params[name])) for name in kernels}
    d_x, _, _, factors, d_products = step_gradient(
        params, turned, first, first_mask, carry[unread:], first_products, carry
    )
    state_of = [next((i for i, s in enumerate(carry[unread:]) if s is f), None) for f in factors]
    is_d_x = [d is d_x for d in d_products]

    @tf.custom_gradient
    def run(projected, *flat):
        params = dict(zip(names, flat, strict=False))
        carry = list(flat[len(names) :])
        steps = unstacked(projected)
        multiply = spaced_products(params)

        def forwards(t, variables):
            carry, outputs, states, products = variables
            after, new_products = with_products(multiply, params, steps.read(t), mask_of(t), carry)
            outputs = written(outputs, t, after[:1]) if every_output else []
            return (
                after,
                outputs,
                written(states, t, carry[unread:]),
                written(products, t, new_products),
            )

        last, outputs, states, products = repeat(
            length,
            forwards,
            (
                carry,
                [empty(length, carry[0])] if every_output else [],
                [empty(length, state) for state in carry[unread:]],
                [empty(length, product) for product in first_products],
            ),
        )

        def gradient(*upstream):
            d_outputs = unstacked(upstream[-1]) if every_output else None
            no_output = [tf.zeros_like(carry[0])] * unread
            turned = {name: spaced(transposed(params[name])) for name in kernels}

            def backwards(i, variables):
                d_after, d_others, d_projected, factors, d_products = variables
                t = length - 1 - i
                if d_outputs is not None:
                    d_output = d_outputs.read(t)
                    d_after = [d_output if unread else d_after[0] + d_output, *d_after[1:]]
                d_x, d_before, d_new_others, new_factors, d_new_products = step_gradient(
                    params,
                    turned,
                    steps.read(t),
                    mask_of(t),
                    [state.read(t) for state in states],
                    [product.read(t) for product in products],
                    d_after,
                )
                new_factors = [f for f, i in zip(new_factors, state_of, strict=True) if i is None]
                d_new_products = [
                    spaced(d) for d, is_x in zip(d_new_products, is_d_x, strict=True) if not is_x
                ]
                return (
                    no_output + d_before,
                    [a + b for a, b in zip(d_others, d_new_others, strict=True)],
                    d_projected.write(t, d_x),
                    written(factors, t, new_factors),
                    written(d_products, t, d_new_products),
                )

            d_first, d_others, d_projected, kept_factors, d_kept = repeat(
                length,
                backwards,
                (
                    list(upstream[: len(carry)]),
                    [tf.zeros_like(params[name]) for name in others],
                    empty(length, projected[0]),
                    [empty(length, f) for f, i in zip(factors, state_of, strict=True) if i is None],
                    [
                        empty(length, spaced(d))
                        for d, is_x in zip(d_products, is_d_x, strict=True)
                        if not is_x
                    ],
                ),
            )
            d_projected = d_projected.stack()
            d_params = dict(zip(others, d_others, strict=True))
            kept_factors, d_kept = iter(kept_factors), iter(d_kept)
            for name, i, is_x in zip(kernels, state_of, is_d_x, strict=True):
                factor = (next(kept_factors) if i is None else states[i]).stack()
                d_product = spaced(d_projected) if is_x else next(d_kept).stack()
                d_kernel = kernel_gradient(factor, d_product, params[name])
                d_params[name] = d_params[name] + d_kernel if name in d_params else d_kernel
            return (d_projected, *(d_params[name] for name in names), *d_first)

        return ((*last, outputs[0].stack()) if every_output else tuple(last)), gradient

    *last, outputs = (*run(projected, *params.values(), *carry), None)[: len(carry) + 1]
    return last, outputs


def kernel_gradient(factors, d_products, like):
    """The gradient of a kernel, from all steps' factors and `spaced` gradients of products."""
    factors, d_products = (rows_of(tf.cast(steps, like.dtype)) for steps in (factors, d_products))
    return matmul_spaced(transposed(factors), d_products, like.shape[-1])


def _inferred(advance, params, projected, mask, carry, every_output):
    """Walks without keeping anything but the outputs that are asked for."""
    length, steps = tf.shape(projected)[0], unstacked(projected)
    masks = None if mask is None else unstacked(mask)
    multiply = spaced_products(params)

    def turn(t, variables):
        carry, outputs = variables
        with products_made_by(multiply):
            carry = advance(params, steps.read(t), None if masks is None else masks.read(t), carry)
        return carry, written(outputs, t, carry[:1]) if every_output else []

    outputs = [empty(length, carry[0])] if every_output else []
    carry, outputs = repeat(length, turn, (carry, outputs))
    return carry, outputs[0].stack() if every_output else None
