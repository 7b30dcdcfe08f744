"""Archives (zip, tar, 7z) from strangers: what they hold, and unpacking what is wanted of it.

Nothing is unpacked of an archive that holds a link, a device, or a path out of its folder; nor of
one that declares more files, or more bytes, than there is a reason for. Every file is written
anew, under a name that was not there.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Protocol, cast

from stvt.core.files import reason

from ..errors import DatasetError

MOST_MEMBERS = 100_000
MOST_LISTED = 64 << 20  # bytes of a listing that is read
SPARE_BYTES = 64 << 20  # that stay free on the disk
BLOCK = 1 << 20
SUFFIXES = (".zip", ".tar", ".7z", ".tgz", ".gz", ".bz2", ".xz", ".rar")
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error),
    *(NotImplementedError, RuntimeError, UnicodeError, ValueError, OverflowError),
)
MOST_RATIO = 200  # bytes unpacked for one packed; frames and videos are near 1
FREE_RATIO = 64 << 20  # bytes that may be packed any better than that
LONGEST_READ = 4 << 20  # bytes at once
_PACKED: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


class Reader(Protocol):
    """The reader of one kind of archive."""

    def __init__(self, path: Path) -> None: ...

    def members(self, most: int) -> Iterator[tuple[str, int]]:
        """Names and bytes of its files, in order; DatasetError at the first that must not be."""

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        """The named files, in the archive's order; `room` is a folder to work in."""


def member_name(path: Path, name: str, what: str = "") -> str:
    """The name of a member of the archive `path`, without a leading "./".

    Backslashes, which old programs of Windows write, part folders too.
    what: "" for a file or folder, else what it is instead.
    Raises DatasetError for what must not be unpacked.
    """
    if what:
        raise DatasetError(f"{path}: is not unpacked: it holds {what}, {quoted(name)}")
    name = name.replace("\\", "/").removeprefix("./")
    parts = name.split("/")
    if not name or name.startswith("/") or ".." in parts or "\0" in name or name[1:2] == ":":
        raise DatasetError(f"{path}: is not unpacked: {quoted(name)} would lie outside")
    return "/".join(part for part in parts if part not in ("", "."))


def too_many(path: Path, most: int) -> DatasetError:
    return DatasetError(f"{path}: is not unpacked: it holds more than {most} files")


def refuse_bomb(path: Path, packed: int, unpacked: int) -> None:
    """Raises DatasetError for what would grow beyond all reason."""
    if unpacked > max(FREE_RATIO, MOST_RATIO * packed):
        raise DatasetError(
            f"{path}: is not unpacked: {size(packed)} of it would become {size(unpacked)} or more"
        )


def quoted(name: str) -> str:
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


class Zip:
    """A zip archive."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def members(self, most: int) -> Iterator[tuple[str, int]]:
        if _directory_bytes(self.path) > 256 * most:  # a name of some 150 letters each
            raise too_many(self.path, most)
        with zipfile.ZipFile(self.path) as opened:
            for info in opened.infolist():
                form = stat.S_IFMT(info.external_attr >> 16)
                link = "" if form in (0, stat.S_IFREG, stat.S_IFDIR) else "a link or device"
                name = member_name(self.path, info.filename, link)
                if info.is_dir() or info.filename.endswith("\\"):
                    continue
                if info.flag_bits & 1:
                    raise DatasetError(f"{self.path}: {quoted(name)} is encrypted; unpack it first")
                refuse_bomb(self.path, info.compress_size, info.file_size)
                yield name, info.file_size

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        with zipfile.ZipFile(self.path) as opened:
            for info in opened.infolist():
                name = member_name(self.path, info.filename)
                if name in names and not info.is_dir():
                    with opened.open(info) as content:
                        yield name, content


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


class Tar:
    """A tar archive, plain or packed with gzip, bzip2 or xz."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def members(self, most: int) -> Iterator[tuple[str, int]]:
        for number, info in enumerate(self._infos(), 1):
            if number > most:  # folders count, too
                raise too_many(self.path, most)
            plain = info.isdir() or (info.isreg() and not info.issparse())
            name = member_name(
                self.path, info.name, "" if plain else "a link, device or sparse file"
            )
            if not info.isdir():
                yield name, info.size

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        left = set(names)
        for info in self._infos():
            if not left:
                return
            if info.isreg() and (name := member_name(self.path, info.name)) in left:
                left.discard(name)
                content = self._opened.extractfile(info)
                if content is not None:
                    yield name, content

    def _infos(self) -> Iterator[tarfile.TarInfo]:
        with (
            self.path.open("rb") as raw,
            closing(_Unpacked(raw)) as data,
            tarfile.open(fileobj=cast("IO[bytes]", data), mode="r:") as self._opened,
        ):
            while (info := self._opened.next()) is not None:
                vars(self._opened)["members"].clear()  # which would grow with the archive
                yield info
            data.require_end()


class _Unpacked:
    """The bytes of a tar file, whatever it is packed with, a few at a time.

    `tarfile` reads a header's long name as a whole, whatever length that claims.
    """

    def __init__(self, raw: IO[bytes]) -> None:
        start = raw.read(6)
        raw.seek(0)
        packed = (unpack for mark, unpack in _PACKED.items() if start.startswith(mark))
        self._file: Any = next(packed, lambda raw: raw)(raw)
        self._last = b""
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close

    def read(self, length: int) -> bytes:
        if length > LONGEST_READ:
            raise ValueError("a name in it is longer than names are")
        self._last = bytes(self._file.read(length))
        return self._last

    def require_end(self) -> None:
        """Raises ValueError unless what was read last is the mark of an archive's end: `tarfile`
        takes one that was cut off between two files for whole. The rest is read for its checksum."""
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise ValueError("it is cut off")
        for _ in range(16):
            if not self.read(LONGEST_READ):
                return


class SevenZip:
    """A 7z archive, by the optional package py7zr: unpacked at once, for its files are packed together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._library: Any = import_module("py7zr")
        except ImportError as error:
            raise DatasetError(
                f"{path}: 7z archives need py7zr; type pip install 'stvt[7z]', or unpack it and "
                "give the folder"
            ) from error

    def members(self, most: int) -> Iterator[tuple[str, int]]:
        with self._opened() as opened:
            for file in opened.files:
                plain = not (file.is_symlink or file.is_junction or file.is_socket)
                name = member_name(self.path, file.filename, "" if plain else "a link or device")
                if not file.is_directory:
                    yield name, file.uncompressed

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        with (
            tempfile.TemporaryDirectory(dir=room, prefix=".7z.") as unpacked,
            self._opened() as opened,
        ):
            names_in_archive = {member_name(self.path, name): name for name in opened.getnames()}
            chosen = [name for name in names_in_archive if name in names]
            opened.extract(path=unpacked, targets=[names_in_archive[name] for name in chosen])
            for name in chosen:
                file = Path(unpacked) / names_in_archive[name]
                with file.open("rb") as content:
                    yield name, content
                file.unlink()

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            with self._library.SevenZipFile(self.path) as opened:
                yield opened
        except (DatasetError, GeneratorExit):
            raise
        except Exception as error:  # its own, and those of its many decoders
            why = " ".join(str(error).split())[:200] or type(error).__name__
            raise DatasetError(f"{self.path}: is damaged or no such archive: {why}") from error


@dataclass(frozen=True)
class Archive:
    """An archive that was found to be harmless; members: name -> bytes of the file."""

    path: Path
    members: dict[str, int]

    def read(self, name: str) -> bytes:
        """The content of one small file. Raises DatasetError if it is large or damaged."""
        if self.members[name] > MOST_LISTED:
            raise DatasetError(f"{self.path}: {quoted(name)} is too large for a list of scenes")
        with _damage_in_one_line(self.path), tempfile.TemporaryDirectory() as room:
            for _, content in _reader(self.path).contents({name}, Path(room)):
                return content.read(MOST_LISTED)
        raise DatasetError(f"{self.path}: {quoted(name)} cannot be read")

    def unpack(self, names: Collection[str], into: Path) -> None:
        """Write the named files below a folder that is made for it; on failure nothing is left.

        Raises DatasetError, one line, if the archive is damaged or the disk does not take it.
        """
        remaining = set(names)
        total = sum(self.members[name] for name in remaining)
        try:
            into.mkdir(parents=True)
            free = shutil.disk_usage(into).free
            if free < total + SPARE_BYTES:
                raise DatasetError(
                    f"{self.path}: {size(total)} are to be unpacked and {into.parent} has "
                    f"{size(free)} free; make room, or choose another --root"
                )
            with _damage_in_one_line(self.path):
                for name, content in _reader(self.path).contents(remaining.copy(), into):
                    _write(into / name, content, self.members[name])
                    remaining.discard(name)
                if remaining:
                    raise DatasetError(f"{self.path}: {quoted(min(remaining))} cannot be unpacked")
        except BaseException:
            shutil.rmtree(into, ignore_errors=True)
            raise


def open_archive(path: Path, most: int = MOST_MEMBERS) -> Archive:
    """The files of an archive.

    Raises DatasetError, one line, if it is none, is damaged, or holds what must not be unpacked.
    """
    members: dict[str, int] = {}
    packed, unpacked = path.stat().st_size, 0
    with _damage_in_one_line(path):
        for name, length in _reader(path).members(most):
            if name in members:
                raise DatasetError(f"{path}: is not unpacked: it holds {quoted(name)} twice")
            members[name] = length
            unpacked += length
            if len(members) > most:
                raise too_many(path, most)
            refuse_bomb(path, packed, unpacked)
    return Archive(path, members)


_STARTS = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"\x1f\x8b": "tar",
    b"BZh": "tar",
    b"\xfd7zXZ\x00": "tar",
}
_READERS: dict[str | None, type[Reader]] = {"zip": Zip, "tar": Tar, "7z": SevenZip}


def kind(path: Path) -> str | None:
    """zip, tar, 7z or rar, by the first bytes of a file; None if it is no archive."""
    try:
        with path.open("rb") as opened:
            head = opened.read(265)
    except OSError:
        return None
    if head[257:262] == b"ustar":
        return "tar"
    return next((name for start, name in _STARTS.items() if head.startswith(start)), None)


def _reader(path: Path) -> Reader:
    name = kind(path)
    if name in _READERS:
        return _READERS[name](path)
    if name == "rar":
        raise DatasetError(f"{path}: RAR archives are not read; unpack it and give the folder")
    raise DatasetError(f"{path}: expected a zip, tar or 7z archive, found something else")


@contextmanager
def _damage_in_one_line(path: Path) -> Iterator[None]:
    """Raises DatasetError, one line, for what a library raises of a damaged archive."""
    try:
        yield
    except (*BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DatasetError(f"{path}: cannot be unpacked: {reason(error)}") from error
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise DatasetError(f"{path}: is damaged or no such archive: {why}") from error


def _write(target: Path, content: IO[bytes], length: int) -> None:
    """Write a file that is not there yet, of the length that was declared."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("xb") as opened:
        while written <= length and (block := content.read(BLOCK)):
            written += len(block)
            opened.write(block)
    if written != length:
        raise ValueError(f"{quoted(target.name)} has not the {length} bytes that it should")
