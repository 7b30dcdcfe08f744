"""Reading tar archives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO, Any, Self, cast

from .archive_members import Member, checked, too_many

LONGEST_READ = 4 << 20  # bytes at once
_PACKED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


class Tar:
    """A tar archive, plain or packed with gzip, bzip2 or xz."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def members(self, most: int) -> Iterator[Member]:
        for number, info in enumerate(self._infos(), 1):
            if number > most:  # folders count, too
                raise too_many(self.path, most)
            plain = info.isdir() or (info.isreg() and not info.issparse())
            name = checked(self.path, info.name, "" if plain else "a link, device or sparse file")
            if not info.isdir():
                yield Member(name, info.size, int(info.mtime) * 10**9)

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        left = set(names)
        for info in self._infos():
            if not left:
                return
            if info.isreg() and (name := checked(self.path, info.name)) in left:
                left.discard(name)
                content = self._opened.extractfile(info)
                if content is not None:
                    yield name, content

    def _infos(self) -> Iterator[tarfile.TarInfo]:
        with (
            self.path.open("rb") as raw,
            _Unpacked(raw) as data,
            tarfile.open(fileobj=cast("IO[bytes]", data), mode="r:") as self._opened,
        ):
            while (info := self._opened.next()) is not None:
                vars(self._opened)["members"].clear()  # which would grow with the archive
                yield info
            data.require_end(self._opened.offset)


class _Unpacked:
    """The bytes of a tar file, whatever it is packed with, a few at a time.

    `tarfile` reads a header's long name as a whole, whatever length that claims.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        start = raw.read(6)
        raw.seek(0)
        self._file: Any = raw
        for mark, unpacking in _PACKED.items():
            if start.startswith(mark):
                self._file = unpacking(raw)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, length: int) -> bytes:
        if length > LONGEST_READ:
            raise ValueError("a name in it is longer than names are")
        return bytes(self._file.read(length))

    def seek(self, at: int) -> int:
        return int(self._file.seek(at))

    def tell(self) -> int:
        return int(self._file.tell())

    def require_end(self, at: int) -> None:
        """Raises ValueError unless the archive ends here, by its own mark: `tarfile` takes one
        that was cut off between two files for whole. What follows is read for its checksum."""
        self.seek(at)
        if self.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise ValueError("it is cut off")
        for _ in range(16):
            if not self.read(LONGEST_READ):
                return
