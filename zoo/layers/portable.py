"""Loops of the plainest form, for the converters that take models to other runtimes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_portable = ContextVar("portable", default=False)


@contextmanager
def portable_loops() -> Iterator[None]:
    """Has TensorFlow graphs that are traced inside the `with` block walk one step a turn.

    A loop of ONNX makes one output a turn, and cannot go on with what another has begun. Nor is a
    batch cut into parts: their number is that of this machine's cores, not of another's.
    """
    token = _portable.set(True)
    try:
        yield
    finally:
        _portable.reset(token)


def loops_are_portable() -> bool:
    """Whether the code runs inside `portable_loops`."""
    return _portable.get()
