"""The error of data sets: something wrong with a set or a source of frames."""

from __future__ import annotations

from collections.abc import Sequence

from stvt.core.errors import StvtError


def listed(names: Sequence[str], most: int = 8, separator: str = ", ") -> str:
    """The first of some names, and how many more there are, for a message.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return separator.join(names[:most]) + more


class DatasetError(StvtError):
    """Something about a data set or a source of frames that the user can mend."""
