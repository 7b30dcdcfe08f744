"""A file that is on its way: what has come so far, where from, and its hash."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Self

from .errors import DownloadError, StvtError
from .files import lock, read_json, write_json
from .records import from_dict


@dataclass(frozen=True)
class Origin:
    """Where a part came from, and how to ask whether that is still the same file.

    validator: the server's mark of this version of the file, "" if it gave none.
    total:     bytes in all, as the server said.
    """

    source: str = ""
    validator: str = ""
    total: int | None = None


class PartialFile:
    """The file `.NAME.part` beside a target, open, and locked by its handle, while it is a context.

    It stays on leaving, unless it is empty or was moved. Every block is with the operating system
    when `write` returns, so that no kill loses or repeats one.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.file = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")
        self._handle: BinaryIO
        self.origin = Origin()
        self.have = 0
        self._hash = hashlib.sha256()

    def __enter__(self) -> Self:
        with _writing(self.file):
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        return self

    def __exit__(self, *_: object) -> None:
        if os.name == "nt":  # where no open file can be moved or removed
            self._handle.close()
        if not self.have:
            self.file.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        self._handle.close()

    @property
    def sha256(self) -> str:
        """Of what has come so far."""
        return self._hash.hexdigest()

    def begin(self, origin: Origin) -> None:
        """Say where what is written next comes from."""
        if origin != self.origin:
            self.origin = origin
            with _writing(self._note):
                write_json(self._note, asdict(origin), sync=False)

    def write(self, block: bytes) -> None:
        with _writing(self.file):
            self._handle.write(block)
        self._hash.update(block)
        self.have += len(block)

    def restart(self) -> None:
        """Throw away what has come."""
        self._handle.truncate(0)
        self.origin, self.have, self._hash = Origin(), 0, hashlib.sha256()

    def adopt(self, file: Path) -> None:
        """Have a whole file, brought by something else, in the place of what has come."""
        self._handle.close()
        file.replace(self.file)
        self._open()

    def move(self) -> None:
        """Give it the target's name: it is whole."""
        os.fsync(self._handle.fileno())
        if os.name == "nt":
            self._handle.close()
        self.file.replace(self.target)
        self._note.unlink(missing_ok=True)
        self._handle.close()

    def _open(self) -> None:
        while True:
            self._handle = self.file.open("a+b", buffering=0)
            if not lock(self._handle.fileno()):
                self._handle.close()
                raise DownloadError(
                    f"{self.target} is being fetched by another process; wait for it"
                )
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._handle.fileno()), self.file.stat()):
                    break
            self._handle.close()  # another process has just moved it to its place
        self.origin = Origin()
        with suppress(StvtError):  # none, or damaged: then it is not known
            self.origin = from_dict(Origin, read_json(self._note), str(self._note))
        self._handle.seek(0)
        self._hash = hashlib.file_digest(self._handle, "sha256")
        self.have = self._handle.tell()


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DownloadError(f"cannot write {file}: {error.strerror or error}") from error
