"""The products of a step with its kernels, all made in one place so that a driver can step in."""

from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar

from keras import ops

_multiply: ContextVar[Callable] = ContextVar("multiply")


def matmul(x, kernel):
    """`x @ kernel` in the kernel's dtype, the result in that of `x`.

    A kernel in bfloat16 so makes for a product in bfloat16 amid float32 arithmetic.
    """
    return ops.cast(ops.matmul(ops.cast(x, kernel.dtype), kernel), x.dtype)


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
