"""A table before its format is chosen, and the formats: Markdown, LaTeX, CSV, HTML, terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .escape import latex, markdown, markup, plain

SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
FITS_A_PAGE = 40  # rows
Wrap = Callable[[str], str]


@dataclass(frozen=True)
class Entry:
    """One cell: texts joined by slashes, which of them are the best and the second, its notes."""

    texts: tuple[str, ...]
    bold: tuple[bool, ...] = ()
    notes: tuple[int, ...] = ()
    second: tuple[bool, ...] = ()

    def render(self, escape: Wrap, bold: Wrap, mark: Wrap, underline: Wrap = str) -> str:
        best = self.bold or (False,) * len(self.texts)
        second = self.second or (False,) * len(self.texts)
        whole = "/".join(map(escape, self.texts))
        if all(best):
            shown = bold(whole)
        elif all(second):
            shown = underline(whole)
        else:
            shown = "/".join(
                bold(text) if first else underline(text) if next_ else text
                for text, first, next_ in zip(map(escape, self.texts), best, second, strict=True)
            )
        return shown + (mark(",".join(map(str, self.notes))) if self.notes else "")


@dataclass
class Grid:
    """Rows of cells under a header, with numbered notes and a caption.

    quoted: how many of the last rows are somebody else's numbers, set apart from ours.
    aside:  places of rows that belong to the one above: the paper's numbers, a difference.
    rules:  places of rows that a thin line, or a little space, goes before.
    remarks: sentences below the table that no cell refers to.
    records: the same as plain values, one a cell, for CSV.
    """

    caption: str
    header: Sequence[str]
    rows: list[list[Entry]] = field(default_factory=list)
    quoted: int = 0
    aside: set[int] = field(default_factory=set)
    rules: set[int] = field(default_factory=set)
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

    def italic(self, place: int) -> bool:
        return place in self.aside or place >= len(self.rows) - self.quoted

    def ruled(self, place: int) -> bool:
        """Whether somebody else's rows begin here."""
        return bool(self.quoted) and 0 < place == len(self.rows) - self.quoted

    def has(self, rank: str) -> bool:
        """Whether a cell is marked "bold" or "second"."""
        return any(any(getattr(cell, rank)) for row in self.rows for cell in row)

    def titled(self) -> str:
        """The caption, and what the marks mean."""
        text = f"{self.caption} Best in bold" if self.has("bold") else self.caption
        second = ", second underlined" if self.has("second") else ""
        return f"{text}{second}." if self.has("bold") else text


def as_markdown(grid: Grid) -> str:
    """A GitHub table between its caption and its notes; the best in bold, others' in italics."""
    lines = [
        markdown(grid.titled()),
        "",
        _row([markdown(text) for text in grid.header]),
        _row(["---"] + ["---:"] * (len(grid.header) - 1)),
    ]
    for place, row in enumerate(grid.rows):
        cells = [
            cell.render(
                markdown,
                lambda s: f"**{s}**",
                lambda s: s.translate(SUPERSCRIPT),
                lambda s: f"<ins>{s}</ins>",
            )
            for cell in row
        ]
        if grid.italic(place):
            cells[0] = f"*{cells[0]}*"
        lines.append(_row(cells))
    notes = [f"{n.translate(SUPERSCRIPT)} {markdown(s)}".strip() for n, s in grid.numbered()]
    below = "\n\n" + "  \n".join(notes) if notes else ""
    return "\n".join(lines) + below + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def as_latex(grid: Grid) -> str:
    """A two-column-wide booktabs table; one that fits no page goes over several (longtable)."""
    long = len(grid.rows) > FITS_A_PAGE
    columns = "l" + "r" * (len(grid.header) - 1)
    header = [r"    \toprule", _latex_row(map(latex, grid.header)), r"    \midrule"]
    if long:
        lines = [
            r"% needs \usepackage{booktabs,longtable}, and a page of one column",
            r"\begingroup",
            r"  \small",
            r"  \setlength{\tabcolsep}{4pt}",
            rf"  \begin{{longtable}}{{{columns}}}",
            rf"    \caption{{{latex(grid.titled())}}} \\",
            *[*header, r"    \endfirsthead"],
            *[*header, r"    \endhead"],
            r"    \bottomrule",
            r"    \endfoot",
        ]
    else:
        lines = [
            r"% needs \usepackage{booktabs}",
            r"\begin{table*}[t]",
            r"  \centering",
            r"  \small",
            r"  \setlength{\tabcolsep}{4pt}",
            r"  \setlength{\belowcaptionskip}{6pt}",
            rf"  \caption{{{latex(grid.titled())}}}",
            rf"  \begin{{tabular}}{{{columns}}}",
            *header,
        ]
    for place, row in enumerate(grid.rows):
        if grid.ruled(place):
            lines.append(r"    \midrule")
        elif place in grid.rules:
            lines.append(r"    \addlinespace")
        cells = [
            cell.render(
                latex,
                lambda s: rf"\textbf{{{s}}}",
                lambda s: rf"\textsuperscript{{{s}}}",
                lambda s: rf"\underline{{{s}}}",
            )
            for cell in row
        ]
        if grid.italic(place):
            cells[0] = rf"\textit{{{cells[0]}}}"
        lines.append(_latex_row(cells))
    lines += [r"  \end{longtable}"] if long else [r"    \bottomrule", r"  \end{tabular}"]
    if grid.numbered():
        lines += ["", r"  \smallskip", r"  \begin{minipage}{0.95\textwidth}", r"    \footnotesize"]
        for number, text in grid.numbered():
            mark = rf"\textsuperscript{{{number}}}~" if number else ""
            lines.append(rf"    {mark}{latex(text)}\par")
        lines.append(r"  \end{minipage}")
    return "\n".join([*lines, r"\endgroup" if long else r"\end{table*}"]) + "\n"


def _latex_row(cells: Iterable[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"


def as_standalone(grids: Sequence[Grid]) -> str:
    """A whole LaTeX document of the tables, which pdflatex takes as it is."""
    wide = ",landscape" if any(len(grid.header) > 5 for grid in grids) else ""
    return "\n".join(
        [
            r"\documentclass{article}",
            rf"\usepackage[a4paper{wide},margin=15mm]{{geometry}}",
            r"\usepackage{booktabs,longtable}",
            r"\begin{document}",
            *[as_latex(grid).rstrip() for grid in grids],
            r"\end{document}",
            "",
        ]
    )


def as_html(grid: Grid) -> str:
    """A fragment, <div class="table">, without style or script; all text escaped."""
    lines = ['<div class="table">', "<table>", f"<caption>{markup(grid.titled())}</caption>"]
    heads = "".join(f'<th scope="col">{markup(text)}</th>' for text in grid.header)
    lines += [f"<thead><tr>{heads}</tr></thead>", "<tbody>"]
    for place, row in enumerate(grid.rows):
        first, *cells = [
            cell.render(
                markup,
                lambda s: f"<strong>{s}</strong>",
                lambda s: f"<sup>{s}</sup>",
                lambda s: f"<u>{s}</u>",
            )
            for cell in row
        ]
        kind = ' class="quoted"' if grid.italic(place) else ""
        body = "".join(f"<td>{cell}</td>" for cell in cells)
        lines.append(f'<tr{kind}><th scope="row">{first}</th>{body}</tr>')
    lines += ["</tbody>", "</table>"]
    for number, text in grid.numbered():
        mark = f"<sup>{number}</sup> " if number else ""
        lines.append(f'<p class="note">{mark}{markup(text)}</p>')
    return "\n".join([*lines, "</div>"]) + "\n"


def as_terminal(grid: Grid) -> str:
    """Aligned plain text; the best are marked with a star, the second with a ring."""
    from tabulate import tabulate

    rows = [
        [c.render(plain, "{}*".format, " [{}]".format, "{}°".format) for c in row]
        for row in grid.rows
    ]
    body = tabulate(
        rows,
        headers=[plain(text) for text in grid.header],
        tablefmt="simple",
        stralign="right",
        colalign=("left",) + ("right",) * (len(grid.header) - 1) if rows else None,
        disable_numparse=True,
    ).split("\n")
    for place in range(len(rows) - 1, 0, -1):
        if grid.ruled(place) or place in grid.rules:
            body.insert(2 + place, body[1] if grid.ruled(place) else "")
    notes = [f"[{n}] {plain(s)}" if n else plain(s) for n, s in grid.numbered()]
    if grid.has("bold"):
        notes.insert(0, "* best, ° second" if grid.has("second") else "* best")
    return "\n".join([plain(grid.caption), "", *body, *([""] if notes else []), *notes]) + "\n"


def as_csv(grids: Sequence[Grid]) -> str:
    """One row a cell, in full precision, with the reason where there is no number."""
    text = io.StringIO()
    records = [record for grid in grids for record in grid.records]
    if records:
        keys = dict.fromkeys(key for record in records for key in record)
        writer = csv.DictWriter(text, list(keys), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return text.getvalue()


def _each(of: Callable[[Grid], str]) -> Callable[[Sequence[Grid]], str]:
    return lambda grids: "\n".join(map(of, grids))


FORMATS: Mapping[str, Callable[[Sequence[Grid]], str]] = {
    "markdown": _each(as_markdown),
    "latex": _each(as_latex),
    "standalone": as_standalone,
    "csv": as_csv,
    "html": _each(as_html),
    "terminal": _each(as_terminal),
}
