"""Errors that the zoo raises besides Python's own."""

import difflib
from collections.abc import Iterable


class IntegrityError(ValueError):
    """A file is not the one that was published: its size or sha256 differs, or it is missing."""


class UntrustedError(ValueError):
    """A checkpoint that the zoo's index does not know was given without `sha256=` or `trust=`."""


class DataUnavailableError(RuntimeError):
    """A data set is neither on disk nor reachable."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """Returns the error for a name that is not known, with the nearest known ones."""
    known = sorted(known)
    nearest = difflib.get_close_matches(str(name), known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"known: {', '.join(known)}"
    return ValueError(f"no {kind} named {name!r}; {hint if known else 'there is none'}")
