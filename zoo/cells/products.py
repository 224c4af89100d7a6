"""The products of a step with its kernels, all made in one place so that a driver can step in."""

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar

import keras
import numpy as np
from keras import ops

# Rows of a kernel that lie so many bytes apart, or a multiple of it, fall on the same few lines of
# a processor's cache: a product then takes up to twice as long. Where they would, a line of zeros
# is put after each.
SLOW_STRIDE = 2048
CACHE_LINE = 64

_multiply: ContextVar[Callable] = ContextVar("multiply")


def matmul(x, kernel):
    """`x @ kernel` in the kernel's dtype, the result in that of `x`.

    A kernel in bfloat16 so makes for a product in bfloat16 amid float32 arithmetic.
    """
    return ops.cast(ops.matmul(ops.cast(x, kernel.dtype), kernel), x.dtype)


def spaced(kernel):
    """Returns a kernel with columns of zeros after its own, where they make products faster."""
    width = kernel.shape[-1]
    size = np.dtype(keras.backend.standardize_dtype(kernel.dtype)).itemsize
    if width is None or width * size % SLOW_STRIDE:
        return kernel
    return ops.pad(kernel, [[0, 0]] * (len(kernel.shape) - 1) + [[0, CACHE_LINE // size]])


def matmul_spaced(x, kernel, width):
    """`matmul` with the first `width` columns of a kernel, which may be `spaced`."""
    result = matmul(x, kernel)
    return result if kernel.shape[-1] == width else result[..., :width]


def product(x, kernel):
    """Returns `x @ kernel` for a kernel among the `params` of a step."""
    return _multiply.get(matmul)(x, kernel)


@contextmanager
def products_made_by(function):
    """Has `function(x, kernel)` make all products inside the `with` block.

    This is how a driver that writes the gradient of a whole sequence sees the factors of each
    product, which it needs to multiply those of all steps at once.
    """
    token = _multiply.set(function)
    try:
        yield
    finally:
        _multiply.reset(token)
