"""Suggestions for mistyped names."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, names: Iterable[str], count: int = 1) -> str:
    """A question to append to an error's line; empty where no name is close, or it is one of them.

    >>> did_you_mean("smaple", ["sample", "vid4"])
    '; did you mean sample?'
    >>> did_you_mean("Vid4", ["sample", "vid4"])
    '; did you mean vid4?'
    """
    by_lower = {one.lower(): one for one in names}
    if name in by_lower.values():
        return ""
    close = [by_lower[one] for one in get_close_matches(name.lower(), by_lower, n=count)]
    return f"; did you mean {' or '.join(close)}?" if close else ""
