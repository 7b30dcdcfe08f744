"""A table before its format is chosen: columns, and rows of cells that every renderer reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Literal

from ..formatting import NOTHING
from ..scores import Rank

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
    """Rows of cells under a head, a caption above, and remarks below that no cell refers to."""

    caption: str
    columns: Sequence[TableColumn]
    rows: list[Row] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def notes(self) -> dict[str, int]:
        """The notes of all cells with their numbers, in the order of the cells."""
        every = (note for row in self.rows for cell in row.cells for note in cell.notes)
        return {note: number for number, note in enumerate(dict.fromkeys(every), 1)}

    def footnotes(self) -> list[tuple[str, str]]:
        """All that stands below the table: (number or nothing, sentence)."""
        numbered = [(str(number), note) for note, number in self.notes().items()]
        return [*numbered, *(("", remark) for remark in self.remarks)]

    def marks(self) -> set[str]:
        """Which marks its cells have: "best", "second"."""
        return {cell.mark for row in self.rows for cell in row.cells if cell.mark}

    def legend(self) -> str:
        """What the marks mean, where there are any."""
        marks = self.marks()
        second = ", second underlined" if "second" in marks else ""
        return f"Best in bold{second}." if "best" in marks else ""

    def titled(self) -> str:
        """The caption, and what the marks mean."""
        return f"{self.caption} {self.legend()}".rstrip()

    def groups(self) -> Iterator[tuple[str, slice]]:
        """The heads, and the columns that stand under each."""
        start = 0
        for title, same in groupby(self.columns, lambda c: c.title if c.part else c):
            stop = start + len(list(same))
            yield title if isinstance(title, str) else title.title, slice(start, stop)
            start = stop

    def of_part(self, part: str) -> Table:
        """The table with only those of its columns that have this part, or none."""
        places = [place for place, c in enumerate(self.columns) if c.part in ("", part)]
        rows = [replace(row, cells=[row.cells[place] for place in places]) for row in self.rows]
        return replace(self, columns=[self.columns[place] for place in places], rows=rows)
