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


def fraction(name, value):
    """Returns `value` as a float.

    Raises:
        ValueError: if it is not at least 0 and less than 1; the error names the argument.
    """
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and less than 1, got {value!r}")
    return float(value)
