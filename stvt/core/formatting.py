"""Text of any origin as one harmless line, for a terminal or for CSV; and times in text."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

LONGEST = 400  # of a reason that somebody else words, in an error's line
FORMULA = frozenset("=+-@")  # what spreadsheets take for the start of one
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)\s*s?")


def plain(text: object, most: int | None = None) -> str:
    r"""One line without control characters, for a terminal, a plot or a label; cut to `most`.

    >>> plain("a\x1b[31mb\n\tc"), plain("a long reason", 8)
    ('a[31mb c', 'a lo ...')
    """
    line = re.sub(r"\s+", " ", str(text))
    line = "".join(
        c for c in line if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl")
    ).strip()
    return line if most is None or len(line) <= most else f"{line[: most - 4]} ..."


def csv_text(text: str) -> str:
    """The text as a cell of CSV that a spreadsheet shows and does not compute; numbers as they are.

    >>> csv_text("=HYPERLINK(1)"), csv_text("-0.5"), csv_text("+x")
    ("'=HYPERLINK(1)", '-0.5', "'+x")
    """
    line = plain(text)
    number = re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?|[-+]?inf", line)
    return f"'{line}" if line[:1] in FORMULA and not number else line


def from_csv_text(text: str) -> str:
    """The text that `csv_text` was given, if it was one line."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text


def seconds_in(text: str) -> Fraction | None:
    """A time as people write it, in seconds; None if it is none.

    >>> [str(seconds_in(text)) for text in ("1:30", "5s", "0:01:00.5", "soon")]
    ['90', '5', '121/2', 'None']
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + Fraction(seconds)
