"""Archives (zip, tar, 7z) from strangers: what they hold, and unpacking what is wanted of it.

Nothing is unpacked of an archive that holds a link, a device, or a path out of its folder; nor of
one that declares more files, or more bytes, than there is a reason for. Every file is written
anew, under a name that was not there.
"""

import lzma
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stvt.core.files import reason

from ..errors import DatasetError
from .archive_readers import Reader, SevenZip, Tar, Zip, quoted, refuse_bomb, size, too_many

MOST_MEMBERS = 100_000
MOST_LISTED = 64 << 20  # bytes of a listing that is read
SPARE_BYTES = 64 << 20  # that stay free on the disk
BLOCK = 1 << 20
SUFFIXES = (".zip", ".tar", ".7z", ".tgz", ".gz", ".bz2", ".xz", ".rar")
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, struct.error),
    *(NotImplementedError, RuntimeError, UnicodeError, ValueError, OverflowError),
)


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
_READERS: dict[str, type[Reader]] = {"zip": Zip, "tar": Tar, "7z": SevenZip}


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
    if name == "rar":
        raise DatasetError(f"{path}: RAR archives are not read; unpack it and give the folder")
    if name is None:
        raise DatasetError(f"{path}: expected a zip, tar or 7z archive, found something else")
    return _READERS[name](path)


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
