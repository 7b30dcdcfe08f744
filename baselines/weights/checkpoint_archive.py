"""A zip file with a TensorFlow checkpoint in it: what it holds, and unpacking that."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from stvt.core.formatting import plain

from ..errors import MethodError

PART = re.compile(r"checkpoint|[\w.+-]+\.index|[\w.+-]+\.data-\d+-of-\d+")


def checkpoint_parts(file: Path) -> dict[str, zipfile.ZipInfo]:
    """The parts of a checkpoint in a zip file, by name; none if it holds no index, or is none.

    Raises MethodError for a zip file that is damaged.
    """
    if not zipfile.is_zipfile(file):
        return {}
    with _unpacking(file), zipfile.ZipFile(file) as opened:
        infos = {PurePosixPath(info.filename).name: info for info in opened.infolist()}
    parts = {name: info for name, info in infos.items() if PART.fullmatch(name)}
    return parts if any(name.endswith(".index") for name in parts) else {}


def unpack_checkpoint(file: Path, into: Path) -> None:
    """Write the parts of a checkpoint, without their folders.

    Raises MethodError for a file that holds none, is damaged, encrypted or out of proportion.
    """
    parts = checkpoint_parts(file)
    if not parts:
        raise MethodError(f"{file} holds no TensorFlow checkpoint (*.index)")
    unpacked = sum(info.file_size for info in parts.values())
    if unpacked > 8 * file.stat().st_size + (64 << 20):
        raise MethodError(f"{file} would unpack to {unpacked >> 20} MiB, which can be no weights")
    with _unpacking(file), zipfile.ZipFile(file) as opened:
        for name, info in parts.items():
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("packed in an unusual way")  # without a bound to its size
            with opened.open(info) as packed, (into / name).open("wb") as written:
                shutil.copyfileobj(packed, written, 1 << 20)


@contextmanager
def _unpacking(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a damaged archive can make `zipfile` raise nearly anything
        raise MethodError(
            f"{file} is damaged or not to be unpacked ({plain(error, 100)}); fetch it again"
        ) from error
