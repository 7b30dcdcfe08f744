"""A table before its format is chosen: columns, and rows of cells that every renderer reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Literal

from ..averages import Rank
from ..errors import ReportError
from ..formatting import NOTHING

Value = float | int | str | None
RowKind = Literal["own", "subrow", "quoted", "mean"]


@dataclass(frozen=True)
class Cell:
    """One value of a table, as it is printed and in full precision.

    value:   None where there is none: the text says why. A text is somebody's printed number.
    notes:   sentences that stand below the table, with a number at the cell.
    rank:    its place among the values that it competes with.
    details: more of it, for CSV alone.
    """

    value: Value
    text: str
    notes: tuple[str, ...] = ()
    rank: Rank | None = None
    details: dict[str, object] = field(default_factory=dict)

    @property
    def mark(self) -> Literal["best", "second", ""]:
        return self.rank.mark if self.rank else ""


def label(text: str, *notes: str) -> Cell:
    """A cell of words: a name, or the reason why there is no value."""
    return Cell(None, text, notes)


EMPTY = label(NOTHING)


@dataclass(frozen=True)
class TableColumn:
    """A column of one kind of value.

    title:    its head. Neighbours of one title stand under one head, joined by slashes, where room
              is scarce; `part` tells them apart: PSNR, SSIM.
    better:   which of its values are best; "text" for words.
    measured: data set, channel, metric ...: its values have lines of their own in CSV.
    key:      the name of its value in CSV, in each line of the row.
    """

    title: str
    part: str = ""
    better: Literal["high", "low", "text"] = "text"
    measured: Mapping[str, str] = field(default_factory=dict)
    key: str = ""

    @property
    def names(self) -> list[str]:
        """The names that choose it, the first by its head: vid4, psnr, vid4:psnr; time."""
        title = self.title.split(",")[0]
        metric = self.measured.get("metric")
        return [title, *([metric, f"{title}:{metric}"] if metric else [])]


@dataclass(frozen=True)
class Row:
    """The cells of a row, its name first.

    kind:   "subrow" belongs to the row above: somebody's numbers, a difference. "quoted" are
            somebody else's, set apart at the end. "mean" is over the rows above.
    keys:   of its lines in CSV. spaced: a little space goes before it.
    """

    cells: Sequence[Cell]
    kind: RowKind = "own"
    keys: Mapping[str, object] = field(default_factory=dict)
    spaced: bool = False


@dataclass
class Table:
    """Rows of cells under a head, a caption above, and remarks below that no cell refers to.

    signature: of the protocol of all its scores. split: a head for each part of a column.
    """

    caption: str
    columns: Sequence[TableColumn]
    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    signature: str = ""
    split: bool = False

    def notes(self) -> dict[str, int]:
        """The notes of all cells with their numbers, in the order of the cells."""
        every = (note for row in self.rows for cell in row.cells for note in cell.notes)
        return {note: number for number, note in enumerate(dict.fromkeys(every), 1)}

    def footnotes(self) -> list[tuple[str, str]]:
        """The notes below the table: (number or nothing, sentence)."""
        numbered = [(str(number), note) for note, number in self.notes().items()]
        return [*numbered, *(("", remark) for remark in self.remarks)]

    def marks(self) -> set[str]:
        """The marks that its cells have: "best", "second"."""
        return {cell.mark for row in self.rows for cell in row.cells if cell.mark}

    def legend(self) -> str:
        """The meaning of the marks, where there are any."""
        words = {"best": "best in bold", "second": "second underlined"}
        listed = ", ".join(text for mark, text in words.items() if mark in self.marks())
        return f"{listed.capitalize()}." if listed else ""

    def titled(self) -> str:
        """The caption, and what the marks mean."""
        return f"{self.caption} {self.legend()}".rstrip()

    def groups(self) -> Iterator[tuple[str, slice]]:
        """The heads, and the columns that stand under each."""
        start = 0
        for title, same in self.titles():
            for part in [[column] for column in same] if self.split else [same]:
                stop = start + len(part)
                yield f"{title} {part[0].part}".strip() if self.split else title, slice(start, stop)
                start = stop

    def titles(self) -> Iterator[tuple[str, list[TableColumn]]]:
        """The titles of the columns, and the neighbours that share each."""
        for _, same in groupby(self.columns, lambda c: c.title if c.part else c):
            columns = list(same)
            yield columns[0].title, columns

    def choose(self, names: Sequence[str]) -> Table:
        """The table with the columns of these names (`TableColumn.names`), in this order.

        Raises ReportError for a name that no column has.
        """
        chosen = [0]
        for name in names:
            places = [place for place, column in enumerate(self.columns) if name in column.names]
            if not places:
                has = ", ".join(dict.fromkeys(column.names[0] for column in self.columns[1:]))
                raise ReportError(f"no column '{name}' in the table; it has {has}")
            chosen += [place for place in places if place not in chosen]
        return self._of(chosen)

    def without_empty(self) -> Table:
        """The table without columns that have nothing in any row."""
        columns = range(len(self.columns))
        texts = [{row.cells[place].text for row in self.rows} for place in columns]
        return self._of([place for place in columns if not place or texts[place] - {NOTHING}])

    def highlight(self, marks: Collection[str]) -> Table:
        """The table with no other marks than these."""
        rows = [
            replace(
                row,
                cells=[c if c.mark in ("", *marks) else replace(c, rank=None) for c in row.cells],
            )
            for row in self.rows
        ]
        return replace(self, rows=rows)

    def _of(self, places: Sequence[int]) -> Table:
        rows = [replace(row, cells=[row.cells[place] for place in places]) for row in self.rows]
        return replace(self, columns=[self.columns[place] for place in places], rows=rows)
