"""7z archives, by the optional package py7zr."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from ..errors import DatasetError
from .archive_members import Member, checked


class SevenZip:
    """Such an archive is unpacked at once, for its files are packed together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._library: Any = import_module("py7zr")
        except ImportError as error:
            raise DatasetError(
                f"{path}: 7z archives need py7zr; type pip install 'stvt[7z]', or unpack it and "
                "give the folder"
            ) from error

    def members(self, most: int) -> Iterator[Member]:
        with self._opened() as opened:
            for file in opened.files:
                plain = not (file.is_symlink or file.is_junction or file.is_socket)
                name = checked(self.path, file.filename, "" if plain else "a link or device")
                if file.is_directory:
                    continue
                changed = file.lastwritetime
                seconds = int(changed.totimestamp()) if changed is not None else 0
                yield Member(name, file.uncompressed, seconds * 10**9)

    def contents(self, names: Collection[str], room: Path) -> Iterator[tuple[str, IO[bytes]]]:
        with (
            tempfile.TemporaryDirectory(dir=room, prefix=".7z.") as unpacked,
            self._opened() as opened,
        ):
            called = {checked(self.path, name): name for name in opened.getnames()}
            wanted = [name for name in called if name in names]
            opened.extract(path=unpacked, targets=[called[name] for name in wanted])
            for name in wanted:
                file = Path(unpacked) / called[name]
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
