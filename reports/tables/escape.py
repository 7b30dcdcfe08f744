"""Text of any origin made harmless where it is put: Markdown, LaTeX, HTML."""

from __future__ import annotations

import re

from stvt.core.formatting import plain

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}\allowbreak{}",  # signatures are long
    '"': r"{''}",  # \textquotedbl needs another font encoding
    # At the start of a row these would be arguments of the \\ before them.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "→": r"$\to$",
    "×": r"$\times$",
    "–": "--",
    "—": "---",
}


def markdown(text: object) -> str:
    r"""The text as Markdown (CommonMark and GitHub's) that shows it literally, in a table too.

    >>> markdown("a_b|<i>")
    'a\\_b\\|&lt;i&gt;'
    """
    line = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_{}\[\]|~$@])", r"\\\1", line)
    line = re.sub(r":(?=//)|(?<=www)\.", r"\\\g<0>", line)  # GitHub links bare addresses
    line = re.sub(r"^([-+=#])", r"\\\1", line)  # the start of a list, a heading, an underline
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)


def code(text: object) -> str:
    r"""The text as a Markdown code span, for outside of tables.

    >>> code("a`b")
    '``a`b``'
    """
    line = plain(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def latex(text: object) -> str:
    r"""The text as LaTeX that needs no package beyond the defaults of a current pdflatex.

    Letters that pdflatex's default encodings do not know are written as their code points.

    >>> latex("50% of a_b")
    '50\\% of a\\_b'
    """
    line = plain(text)
    # "{}" keeps two hyphens or quotes from joining into a dash or another quotation mark.
    apart = {"--", "''", "``", "?`", "!`"}
    pairs = zip(" " + line, line)
    return "".join("{}" * (before + c in apart) + _latex_letter(c) for before, c in pairs)


def _latex_letter(letter: str) -> str:
    if letter in LATEX:
        return LATEX[letter]
    if letter.isascii() or (letter.isalpha() and 0xC0 <= ord(letter) < 0x100):
        return letter
    return f"(U+{ord(letter):04X})"
