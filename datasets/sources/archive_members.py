"""The files in an archive, and which of them must not be unpacked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from ..errors import DatasetError

MOST_RATIO = 200  # bytes unpacked for one packed; frames and videos are near 1
FREE_RATIO = 64 << 20  # bytes that may be packed any better than that


@dataclass(frozen=True)
class Member:
    """A file in an archive; `stamp` is its time of last change in nanoseconds."""

    name: str
    bytes: int
    stamp: int


class Reader(Protocol):
    """One kind of archive."""

    def members(self, most: int) -> Iterator[Member]:
        """Its files, in order; raises DatasetError at the first thing that must not be."""
        ...

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        """The named files, in the archive's order; `room` is a folder to work in."""
        ...


def checked(path: Path, name: str, what: str = "") -> str:
    """The name of a member of the archive `path`, without a leading "./".

    what: "" for a file or folder, else what it is instead.
    Raises DatasetError for what must not be unpacked.
    """
    if what:
        raise DatasetError(f"{path}: is not unpacked: it holds {what}, {said(name)}")
    parts = name.split("/")
    while parts[:1] == ["."]:
        parts = parts[1:]
    if not name or name.startswith("/") or ".." in parts or "\0" in name or name[1:2] == ":":
        raise DatasetError(f"{path}: is not unpacked: {said(name)} would lie outside")
    if "\\" in name:
        raise DatasetError(f"{path}: is not unpacked: {said(name)} is no name on every system")
    return "/".join(part for part in parts if part)


def too_many(path: Path, most: int) -> DatasetError:
    """The error for an archive of more files than a data set has."""
    return DatasetError(f"{path}: is not unpacked: it holds more than {most} files")


def bomb(path: Path, packed: int, unpacked: int) -> DatasetError | None:
    """The error for what would grow beyond all reason, if it would."""
    if unpacked <= FREE_RATIO or unpacked <= MOST_RATIO * packed:
        return None
    return DatasetError(
        f"{path}: is not unpacked: {size(packed)} of it would become {size(unpacked)} or more"
    )


def said(name: str) -> str:
    """A member's name in a message: one line, not endless."""
    text = ascii(name)
    return text if len(text) <= 80 else f"{text[:76]}...'"


def size(number: int) -> str:
    """A number of bytes, in words.

    >>> size(34_261_573_976), size(1_500_000), size(12)
    ('34.3 GB', '1.5 MB', '12 bytes')
    """
    for unit, of in (("GB", 10**9), ("MB", 10**6)):
        if number >= of:
            return f"{number / of:.1f} {unit}"
    return f"{number} bytes"
