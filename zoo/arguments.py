"""Checks of arguments that several layers take."""

import operator


def positive_integer(name, value):
    """Returns `value` as an int.

    Raises:
        ValueError: if it is not an integer of at least 1; the error names the argument.
    """
    try:
        integer = operator.index(value)
    except TypeError:
        integer = 0
    if isinstance(value, bool) or integer < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
    return integer


def not_negative_integer(name, value):
    """Returns `value` as an int.

    Raises:
        ValueError: if it is not an integer of at least 0; the error names the argument.
    """
    if value == 0 and not isinstance(value, bool):
        return 0
    try:
        return positive_integer(name, value)
    except ValueError as error:
        raise ValueError(f"{name} must be an integer of 0 or more, got {value!r}") from error


def check_indices(name, indices, count):
    """Checks that each is the index of one of `count` things, 0 the first and -1 the last.

    Raises:
        ValueError: if one is no integer, or out of range; the error names the argument.
    """
    for index in indices:
        is_index = isinstance(index, int) and not isinstance(index, bool)
        if not is_index or not -count <= index < count:
            raise ValueError(f"{name} must be integers from {-count} to {count - 1}, got {index!r}")


def fraction(name, value):
    """Returns `value` as a float.

    Raises:
        ValueError: if it is not at least 0 and less than 1; the error names the argument.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and less than 1, got {value!r}")
    return float(value)
