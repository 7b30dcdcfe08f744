"""Text of any origin as one harmless line, for a terminal or for CSV."""

from __future__ import annotations

import re
import unicodedata

FORMULA = frozenset("=+-@")  # what spreadsheets take for the start of one


def plain(text: object) -> str:
    r"""One line without control characters, for a terminal, a plot or a label.

    >>> plain("a\x1b[31mb\n\tc")
    'a[31mb c'
    """
    line = re.sub(r"\s+", " ", str(text))
    return "".join(
        c for c in line if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Zl")
    ).strip()


def csv_text(text: str) -> str:
    """The text as a cell of CSV that a spreadsheet shows and does not compute; numbers as they are.

    >>> csv_text("=HYPERLINK(1)"), csv_text("-0.5"), csv_text("+x")
    ("'=HYPERLINK(1)", '-0.5', "'+x")
    """
    line = plain(text)
    return f"'{line}" if line[:1] in FORMULA and not _is_number(line) else line


def from_csv_text(text: str) -> str:
    """The text that `csv_text` was given, if it was one line."""
    return text[1:] if text[:1] == "'" and text[1:2] in FORMULA else text


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d+(\.\d*)?(e[-+]?\d+)?|[-+]?inf", text) is not None


def one_line(text: object, most: int = 400) -> str:
    """Text without line breaks and without control characters, which a terminal obeys, cut to `most`.

    >>> one_line("No\\x1b[31m\\n  file")
    'No?[31m file'
    """
    line = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    return line if len(line) <= most else f"{line[: most - 4]} ..."
