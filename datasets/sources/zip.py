"""Reading zip archives."""

from __future__ import annotations

import calendar
import os
import stat
import struct
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from ..errors import DatasetError
from .archive_members import Member, bomb, checked, said, too_many


class Zip:
    """A zip archive."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def members(self, most: int) -> Iterator[Member]:
        if _directory_bytes(self.path) > 256 * most:  # a name of some 150 letters each
            raise too_many(self.path, most)
        with zipfile.ZipFile(self.path) as opened:
            for info in opened.infolist():
                form = stat.S_IFMT(info.external_attr >> 16)
                link = "" if form in (0, stat.S_IFREG, stat.S_IFDIR) else "a link or device"
                name = checked(self.path, info.filename, link)
                if info.is_dir():
                    continue
                if info.flag_bits & 1:
                    raise DatasetError(f"{self.path}: {said(name)} is encrypted; unpack it first")
                if error := bomb(self.path, info.compress_size, info.file_size):
                    raise error
                yield Member(name, info.file_size, _stamp(info.date_time))

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        with zipfile.ZipFile(self.path) as opened:
            for info in opened.infolist():
                name = checked(self.path, info.filename)
                if name in names and not info.is_dir():
                    with opened.open(info) as content:
                        yield name, content


def _stamp(date: tuple[int, ...]) -> int:
    try:
        return calendar.timegm((*date, 0, 0, 0)) * 10**9
    except (ValueError, OverflowError):
        return 0


def _directory_bytes(path: Path) -> int:
    """The size of a zip file's directory, which is read as a whole; 0 if it is not found."""
    with path.open("rb") as opened:
        length = opened.seek(0, os.SEEK_END)
        start = max(0, length - 65_557)
        opened.seek(start)
        tail = opened.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) < at + 22:
            return 0
        (directory,) = struct.unpack_from("<L", tail, at + 12)
        pointer = tail[max(0, at - 20) : at]
        if pointer[:4] == b"PK\x06\x07":
            (where,) = struct.unpack_from("<Q", pointer, 8)
            opened.seek(min(where, length))
            large = opened.read(56)
            if large[:4] == b"PK\x06\x06" and len(large) == 56:
                (directory,) = struct.unpack_from("<Q", large, 40)
    return int(directory)
