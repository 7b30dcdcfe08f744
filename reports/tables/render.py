"""A table as text: for a terminal, in Markdown, LaTeX, CSV and HTML, all from the same cells."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stvt.core.formatting import csv_text, plain

from ..errors import ReportError
from .escape import latex, markdown
from .table import Cell, Row, Table, TableColumn

SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
FITS_A_PAGE = 40  # rows
COLUMN, PAGE = 240, 500  # points of text in a two-column paper
LETTER = 4.7  # points, of a digit in \\small
Wrap = Callable[[str], str]


@dataclass(frozen=True)
class Style:
    """The style of a format: how it writes text, the marks of a cell and the numbers of its notes.

    encloses: a mark is on both sides of what it marks, so that one may hold several values.
    """

    escape: Wrap
    best: Wrap
    second: Wrap
    notes: Wrap
    italic: Wrap = str
    encloses: bool = True

    def rows(self, table: Table) -> list[list[str]]:
        """The cells of each row, those under one head joined by slashes."""
        numbers, groups = table.notes(), [of for _, of in table.groups()]
        rows = [[self._joined(row.cells[of], numbers) for of in groups] for row in table.rows]
        for row, cells in zip(table.rows, rows, strict=True):
            if row.kind in ("subrow", "quoted"):
                cells[0] = self.italic(cells[0])
        return rows

    def _joined(self, cells: Sequence[Cell], numbers: Mapping[str, int]) -> str:
        texts = [self.escape(cell.text) for cell in cells]
        marks = {cell.mark for cell in cells}
        if len(set(texts)) == 1 and all(cell.value is None for cell in cells):
            text = texts[0]
        elif len(marks) == 1 and self.encloses:
            text = self._marked("/".join(texts), *marks)
        else:
            pairs = zip(texts, cells, strict=True)
            text = "/".join(self._marked(text, cell.mark) for text, cell in pairs)
        notes = dict.fromkeys(numbers[note] for cell in cells for note in cell.notes)
        return text + (self.notes(",".join(map(str, notes))) if notes else "")

    def _marked(self, text: str, mark: str) -> str:
        return self.best(text) if mark == "best" else self.second(text) if mark else text


MARKDOWN = Style(
    markdown,
    best="**{}**".format,
    second="<ins>{}</ins>".format,
    notes=lambda numbers: numbers.translate(SUPERSCRIPT),
    italic="*{}*".format,
)
LATEX = Style(
    latex,
    best=r"\textbf{{{}}}".format,
    second=r"\underline{{{}}}".format,
    notes=r"\textsuperscript{{{}}}".format,
    italic=r"\textit{{{}}}".format,
)
TERMINAL = Style(
    plain, best="{}*".format, second="{}°".format, notes=" [{}]".format, encloses=False
)


def _heads(table: Table, escape: Wrap) -> list[str]:
    return [escape(title) for title, _ in table.groups()]


def _starts_quoted(table: Table, place: int) -> bool:
    """Whether somebody else's rows begin at this one."""
    kinds = [row.kind for row in table.rows]
    return place > 0 and kinds[place] == "quoted" != kinds[place - 1]


def _footnotes(table: Table) -> list[tuple[str, str]]:
    protocol = [("", f"Protocol: {table.signature}.")] if table.signature else []
    return [*table.footnotes(), *protocol]


def render(tables: Sequence[Table], format: str) -> str:
    """The tables as text in one of FORMATS, "md" being markdown; ReportError for another."""
    format = "markdown" if format == "md" else format
    if format not in FORMATS:
        raise ReportError(f"no table format '{format}'; there are {', '.join(FORMATS)}")
    return FORMATS[format](tables)


def as_markdown(table: Table) -> str:
    """A GitHub table between its caption and its notes; the best in bold, others' in italics."""
    heads = _heads(table, markdown)
    lines = [
        markdown(table.titled()),
        "",
        _row(heads),
        _row(["---"] + ["---:"] * (len(heads) - 1)),
        *map(_row, MARKDOWN.rows(table)),
    ]
    notes = [f"{n.translate(SUPERSCRIPT)} {markdown(s)}".strip() for n, s in _footnotes(table)]
    below = "\n\n" + "  \n".join(notes) if notes else ""
    return "\n".join(lines) + below + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def as_latex(table: Table) -> str:
    """A booktabs table, of one column of a two-column paper where it fits there, else of both.

    Columns without any value are left out. One that fits no page goes over several (longtable).
    """
    table = table.without_empty()
    rows = LATEX.rows(table)
    width = _latex_width(table, rows)
    kind = "longtable" if len(rows) > FITS_A_PAGE else "table" if width <= COLUMN else "table*"
    shrunk = kind == "table*" and width > PAGE
    columns = "l" + "r" * (len(rows[0] if rows else _heads(table, str)) - 1)
    caption = rf"\caption{{{latex(table.titled())}}}"
    head = [r"    \toprule", *_latex_heads(table), r"    \midrule"]
    packages = "booktabs" + ",longtable" * (kind == "longtable") + ",graphicx" * shrunk
    lines = [rf"% needs \usepackage{{{packages}}}"]
    if table.signature:
        lines.append(f"% protocol: {plain(table.signature)}")
    if kind == "longtable":
        lines += [r"\begingroup", r"  \small", r"  \setlength{\tabcolsep}{4pt}"]
        lines += [rf"  \begin{{longtable}}{{{columns}}}", rf"    {caption} \\"]
        lines += [*head, r"    \endfirsthead", *head, r"    \endhead"]
        lines += [r"    \bottomrule", r"    \endfoot"]
    else:
        lines += [rf"\begin{{{kind}}}[t]", r"  \centering", r"  \small"]
        lines += [r"  \setlength{\tabcolsep}{4pt}", r"  \setlength{\belowcaptionskip}{6pt}"]
        lines += [f"  {caption}"] + [r"  \resizebox{\linewidth}{!}{%"] * shrunk
        lines += [rf"  \begin{{tabular}}{{{columns}}}", *head]
    for place, cells in enumerate(rows):
        if _starts_quoted(table, place):
            lines.append(r"    \midrule")
        elif table.rows[place].spaced:
            lines.append(r"    \addlinespace")
        lines.append(_latex_row(cells))
    if kind == "longtable":
        lines.append(r"  \end{longtable}")
    else:
        lines += [r"    \bottomrule", r"  \end{tabular}" + "}" * shrunk]
    if table.footnotes():
        lines += ["", r"  \smallskip", r"  \begin{minipage}{\linewidth}", r"    \footnotesize"]
        for number, text in table.footnotes():
            mark = rf"\textsuperscript{{{number}}}~" if number else ""
            lines.append(rf"    {mark}{latex(text)}\par")
        lines.append(r"  \end{minipage}")
    return "\n".join([*lines, r"\endgroup" if kind == "longtable" else rf"\end{{{kind}}}"]) + "\n"


def _latex_heads(table: Table) -> list[str]:
    """The head; where each metric has a column of its own, in two rows, metrics below."""
    if not table.split or not any(column.part for column in table.columns):
        return [_latex_row(_latex_head(title) for title, _ in table.groups())]
    above, rules, below, start = [], "", [], 1
    for title, columns in table.titles():
        stop = start + len(columns) - 1
        if columns[0].part:
            above.append(rf"\multicolumn{{{len(columns)}}}{{c}}{{{latex(title)}}}")
            rules += rf"\cmidrule(lr){{{start}-{stop}}}"
            below += [_arrow(column) for column in columns]
        else:
            above.append("")
            below.append(_latex_head(title))
        start = stop + 1
    return [_latex_row(above), f"    {rules}", _latex_row(below)]


def _arrow(column: TableColumn) -> str:
    return latex(column.part) + rf"$\{'down' if column.better == 'low' else 'up'}arrow$"


def _latex_head(title: str) -> str:
    """What stands after a comma goes into a second line."""
    first, comma, second = map(latex, title.partition(", "))
    return rf"\shortstack[r]{{{first},\\{second}}}" if comma else first


def _latex_width(table: Table, rows: Sequence[Sequence[str]]) -> float:
    """About how wide a table in \\small letters is, in points."""
    texts = [re.split(", ?", title) for title, _ in table.groups()]
    if table.split:
        texts = [re.split(", ?", column.part or column.title) for column in table.columns]
    for cells in rows:
        for column, cell in zip(texts, cells, strict=True):
            column.append(re.sub(r"\\[a-z]+\{?|[{}\\]", "", cell))
    return sum(LETTER * max(map(len, column)) + 8 for column in texts)


def _latex_row(cells: Iterable[str]) -> str:
    return "    " + " & ".join(cells) + r" \\"


def as_standalone(tables: Sequence[Table]) -> str:
    """A whole LaTeX document of the tables, which pdflatex takes as it is."""
    wide = ",landscape" if any(len(_heads(table, str)) > 5 for table in tables) else ""
    return "\n".join(
        [
            r"\documentclass{article}",
            rf"\usepackage[a4paper{wide},margin=15mm]{{geometry}}",
            r"\usepackage{booktabs,longtable,graphicx}",
            r"\begin{document}",
            *[as_latex(table).rstrip() for table in tables],
            r"\end{document}",
            "",
        ]
    )


def as_html(tables: Sequence[Table]) -> str:
    """Fragments as on report.html, without style or script; all text escaped."""
    from ..page.templates import render as render_template

    return render_template("fragment.html.j2", tables=tables)


def as_terminal(table: Table) -> str:
    """Aligned plain text; the best are marked with a star, the second with a ring."""
    from tabulate import tabulate

    heads = _heads(table, plain)
    rows = TERMINAL.rows(table)
    body = tabulate(
        rows,
        headers=heads,
        tablefmt="simple",
        stralign="right",
        colalign=("left",) + ("right",) * (len(heads) - 1) if rows else None,
        disable_numparse=True,
    ).split("\n")
    for place in range(len(rows) - 1, 0, -1):
        quoted = _starts_quoted(table, place)
        if quoted or table.rows[place].spaced:
            body.insert(2 + place, body[1] if quoted else "")
    notes = [f"[{n}] {plain(s)}" if n else plain(s) for n, s in _footnotes(table)]
    if "best" in table.marks():
        notes.insert(0, "* best, ° second" if "second" in table.marks() else "* best")
    return "\n".join([plain(table.caption), "", *body, *([""] if notes else []), *notes]) + "\n"


def as_csv(tables: Sequence[Table]) -> str:
    """A line a measured value, in full precision; where nothing is measured, a line a row."""
    lines = _all_lines(tables)
    text = io.StringIO()
    if lines:
        fields = dict.fromkeys(field for line in lines for field in line)
        writer = csv.DictWriter(text, list(fields), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _csv_cell(k, v) for k, v in line.items()} for line in lines)
    return text.getvalue()


def _csv_cell(key: str, value: object) -> object:
    if key in ("value", "difference", "low", "high") and isinstance(value, float):
        return f"{value:.6f}"
    return csv_text(value) if isinstance(value, str) else value


def as_json(tables: Sequence[Table]) -> str:
    """What CSV has, as a list of objects without what is empty; an infinite value is null."""
    lines = [
        {k: None if v in (math.inf, -math.inf) else v for k, v in line.items() if v != ""}
        for line in _all_lines(tables)
    ]
    return json.dumps(lines, indent=1, ensure_ascii=False) + "\n"


def _all_lines(tables: Sequence[Table]) -> list[dict[str, object]]:
    rows = [(table, row) for table in tables for row in table.rows if row.kind != "mean"]
    return [line for table, row in rows for line in _lines(table, row)]


def _lines(table: Table, row: Row) -> Iterable[dict[str, object]]:
    pairs = list(zip(table.columns, row.cells, strict=True))
    named: dict[str, object] = {}  # what each of the row's lines repeats
    for column, cell in pairs:
        if not column.measured:
            named |= ({column.key: _exact(cell.value)} if column.key else {}) | _details(cell)
    measured = [(column, cell) for column, cell in pairs if column.measured]
    for column, cell in measured:
        yield {
            **row.keys,
            **column.measured,
            "value": _exact(cell.value),
            "note": _note(cell),
            "rank": cell.rank.place if cell.rank else "",
            "mark": cell.mark,
            **_details(cell),
            **named,
        }
    if not measured:
        notes = dict.fromkeys(note for cell in row.cells for note in cell.notes)
        yield {**row.keys, **named, "note": " ".join(notes)}


def _note(cell: Cell) -> str:
    """The reason where there is no value, and the notes."""
    return " ".join([*([cell.text] if cell.value is None else []), *cell.notes])


def _details(cell: Cell) -> dict[str, object]:
    return {key: _exact(value) for key, value in cell.details.items()}


def _exact(value: object) -> object:
    return "" if isinstance(value, float) and math.isnan(value) else value


def _each(of: Callable[[Table], str]) -> Callable[[Sequence[Table]], str]:
    return lambda tables: "\n".join(map(of, tables))


FORMATS: Mapping[str, Callable[[Sequence[Table]], str]] = {
    "markdown": _each(as_markdown),
    "latex": _each(as_latex),
    "standalone": as_standalone,
    "csv": as_csv,
    "json": as_json,
    "html": as_html,
    "terminal": _each(as_terminal),
}
