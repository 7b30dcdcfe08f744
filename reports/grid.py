"""A table before its format is chosen, and the formats: Markdown, LaTeX, CSV, terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .escape import latex, markdown, plain

SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Entry:
    """One cell: texts joined by slashes, which of them are bold, and the numbers of its notes."""

    texts: tuple[str, ...]
    bold: tuple[bool, ...] = ()
    notes: tuple[int, ...] = ()

    def render(
        self, escape: Callable[[str], str], bold: Callable[[str], str], mark: Callable[[str], str]
    ) -> str:
        strong = self.bold or (False,) * len(self.texts)
        if all(strong):
            shown = bold("/".join(map(escape, self.texts)))
        else:
            pieces = zip(map(escape, self.texts), strong, strict=True)
            shown = "/".join(bold(text) if heavy else text for text, heavy in pieces)
        return shown + (mark(",".join(map(str, self.notes))) if self.notes else "")


@dataclass
class Grid:
    """Rows of cells under a header, with numbered notes and a caption.

    quoted: how many of the last rows are somebody else's numbers, set apart from ours.
    remarks: sentences below the table that no cell refers to.
    records: the same as plain values, one a cell, for CSV.
    """

    caption: str
    header: Sequence[str]
    rows: list[list[Entry]] = field(default_factory=list)
    quoted: int = 0
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    records: list[dict[str, object]] = field(default_factory=list)

    def note(self, text: str) -> int:
        """The number of a note, the same for the same text."""
        if text not in self.notes:
            self.notes.append(text)
        return self.notes.index(text) + 1

    def numbered(self) -> list[tuple[str, str]]:
        """All that stands below the table: (number or nothing, sentence)."""
        return [(str(n), text) for n, text in enumerate(self.notes, 1)] + [
            ("", text) for text in self.remarks
        ]


def as_markdown(grid: Grid) -> str:
    """A GitHub table between its caption and its notes; the best in bold, quoted rows in italics."""
    first_quoted = len(grid.rows) - grid.quoted
    lines = [
        markdown(_with_bold(grid)),
        "",
        _row([markdown(text) for text in grid.header]),
        _row(["---"] + ["---:"] * (len(grid.header) - 1)),
    ]
    for place, row in enumerate(grid.rows):
        cells = [
            cell.render(markdown, lambda s: f"**{s}**", lambda s: s.translate(SUPERSCRIPT))
            for cell in row
        ]
        if place >= first_quoted:
            cells[0] = f"*{cells[0]}*"
        lines.append(_row(cells))
    notes = [f"{n.translate(SUPERSCRIPT)} {markdown(s)}".strip() for n, s in grid.numbered()]
    below = "\n\n" + "  \n".join(notes) if notes else ""
    return "\n".join(lines) + below + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _with_bold(grid: Grid) -> str:
    bold = any(any(cell.bold) for row in grid.rows for cell in row)
    return f"{grid.caption} Best in bold." if bold else grid.caption


def as_latex(grid: Grid) -> str:
    """A two-column-wide booktabs table; needs \\usepackage{booktabs} and nothing else."""
    first_quoted = len(grid.rows) - grid.quoted
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table*}[t]",
        r"  \centering",
        r"  \small",
        r"  \setlength{\tabcolsep}{4pt}",
        rf"  \caption{{{latex(_with_bold(grid))}}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(grid.header) - 1)}}}",
        r"    \toprule",
        "    " + " & ".join(map(latex, grid.header)) + r" \\",
        r"    \midrule",
    ]
    for place, row in enumerate(grid.rows):
        if place == first_quoted and 0 < place:
            lines.append(r"    \midrule")
        cells = [
            cell.render(latex, lambda s: rf"\textbf{{{s}}}", lambda s: rf"\textsuperscript{{{s}}}")
            for cell in row
        ]
        if place >= first_quoted:
            cells[0] = rf"\textit{{{cells[0]}}}"
        lines.append("    " + " & ".join(cells) + r" \\")
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    if grid.numbered():
        lines += ["", r"  \smallskip", r"  \begin{minipage}{0.95\textwidth}", r"    \footnotesize"]
        for number, text in grid.numbered():
            mark = rf"\textsuperscript{{{number}}}~" if number else ""
            lines.append(rf"    {mark}{latex(text)}\par")
        lines.append(r"  \end{minipage}")
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


def as_terminal(grid: Grid) -> str:
    """Aligned plain text; the best are marked with a star."""
    from tabulate import tabulate

    rows = [[c.render(plain, lambda s: f"{s}*", lambda s: f" [{s}]") for c in r] for r in grid.rows]
    first_quoted = len(rows) - grid.quoted
    body = tabulate(
        rows,
        headers=[plain(text) for text in grid.header],
        tablefmt="simple",
        stralign="right",
        colalign=("left",) + ("right",) * (len(grid.header) - 1) if rows else None,
        disable_numparse=True,
    ).split("\n")
    if 0 < first_quoted < len(rows):
        body.insert(2 + first_quoted, body[1])
    notes = [f"[{n}] {plain(s)}" if n else plain(s) for n, s in grid.numbered()]
    if any(any(cell.bold) for row in grid.rows for cell in row):
        notes.insert(0, "* best")
    return "\n".join([plain(grid.caption), "", *body, *([""] if notes else []), *notes]) + "\n"


def as_csv(grid: Grid) -> str:
    """One row a cell, in full precision, with the reason where there is no number."""
    text = io.StringIO()
    if grid.records:
        writer = csv.DictWriter(text, list(grid.records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(grid.records)
    return text.getvalue()


FORMATS: Mapping[str, Callable[[Grid], str]] = {
    "markdown": as_markdown,
    "latex": as_latex,
    "csv": as_csv,
    "terminal": as_terminal,
}
