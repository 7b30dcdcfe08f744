"""Text that strangers wrote, as part of one line on a terminal."""

from __future__ import annotations


def one_line(text: object, most: int = 400) -> str:
    """Text without line breaks and without control characters, which a terminal obeys, cut to `most`.

    >>> one_line("No\\x1b[31m\\n  file")
    'No?[31m file'
    """
    line = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    return line if len(line) <= most else f"{line[: most - 4]} ..."
