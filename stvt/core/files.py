"""Files that are whole or absent: atomic writes, checksums, locks, and one-line errors of reading."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import StvtError

WAIT_SECONDS = 1.0  # for another process to let a folder go
_TEMPORARY = re.compile(r"\..+\.stvt-\d+-[0-9a-f]{8}\.tmp")


@contextmanager
def atomic_write(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """A temporary path beside `path`, moved there when the block ends without an error.

    sync: wait until the disk has it, so that it outlives a power cut.
    Folders are made. Nothing is left behind if the block fails; a killed process leaves a file
    whose name `is_temporary` knows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.stvt-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        if sync:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Writes `data` atomically."""
    with atomic_write(path, sync=sync) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Writes `text` atomically, as UTF-8."""
    write_bytes(path, text.encode(), sync=sync)


def write_json(path: Path, value: object, *, sync: bool = True) -> None:
    """Writes `value` atomically as JSON, the same bytes for the same value."""
    write_text(path, json_text(value), sync=sync)


def json_text(value: object) -> str:
    """`value` as JSON; in ASCII where it holds names of files that are not UTF-8."""
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=1) + "\n"
    return text


def read_json(path: Path, error: type[StvtError] = StvtError) -> Any:
    """The value of a JSON file. Raises `error`, one line, if it cannot be read or is no JSON."""
    with reading(path, error):
        return json.loads(path.read_bytes())


@contextmanager
def reading(path: Path, error: type[StvtError] = StvtError) -> Iterator[None]:
    """Raises `error`, one line that names the file, for what reading it can end with."""
    try:
        yield
    except FileNotFoundError as fault:
        raise error(f"{path}: there is no such file") from fault
    except OSError as fault:
        raise error(f"{path}: cannot be read: {reason(fault)}") from fault
    except UnicodeDecodeError as fault:
        raise error(f"{path}: cannot be read: it is not UTF-8 text") from fault
    except (ValueError, RecursionError) as fault:  # json.JSONDecodeError and what it does not catch
        detail = str(fault).splitlines()[0] if str(fault) else type(fault).__name__
        raise error(f"{path}: is damaged: {detail}") from fault


def reason(error: OSError) -> str:
    """The reason of an OSError in lower case, without the path."""
    return (error.strerror or str(error)).lower()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_temporary(name: str) -> bool:
    """Whether a file of this name is what a killed `atomic_write` leaves behind.

    >>> is_temporary(".run.json.stvt-4711-0123abcd.tmp"), is_temporary(".notes.tmp")
    (True, False)
    """
    return _TEMPORARY.fullmatch(name) is not None


def remove_temporaries(folder: Path, name: str = "") -> None:
    """Removes what a killed `atomic_write` left in a folder, and nothing else; not in sub-folders.

    name: of the file that was to be written; "" for all.
    """
    if not folder.is_dir():
        return
    start = f".{name}.stvt-" if name else "."
    with os.scandir(folder) as entries:  # in a third of the time of Path.glob
        for entry in entries:
            ours = entry.name.startswith(start) and is_temporary(entry.name)
            if ours and entry.is_file(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)


@contextmanager
def locked(folder: Path, activity: str, error: type[StvtError] = StvtError) -> Iterator[None]:
    """The folder, made if need be, for this process alone; it goes again if it stays empty.

    activity: what the other process is doing, as in "being prepared".
    The lock is the kernel's, on the folder itself: no lock file can be left behind. Windows, and
    file systems without locks, have none.
    Raises `error` if another process holds it, or if the folder cannot be written.
    """
    missing = [above for above in folder.absolute().parents if not above.exists()]
    handle = _locked_handle(folder, f"{folder}: is {activity} by another process", error)
    try:
        yield
    finally:
        with suppress(OSError):
            if handle is None or _is_open_as(handle, folder):
                for empty in (folder, *missing):
                    empty.rmdir()
        if handle is not None:
            os.close(handle)  # gives the lock back, as the end of the process does


def _locked_handle(folder: Path, busy: str, error: type[StvtError]) -> int | None:
    """The folder, made if need be, opened and locked; None where there are no locks."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
        except OSError as fault:
            raise error(f"{folder}: cannot be written: {reason(fault)}") from fault
        if handle is None:
            return None
        if not lock(handle):
            os.close(handle)
            raise error(f"{busy}; wait for that to end")
        with suppress(OSError):
            if _is_open_as(handle, folder):
                return handle
        os.close(handle)  # who held it before has removed it


def _is_open_as(handle: int, folder: Path) -> bool:
    """Whether the folder of that name is still the one that was opened. Raises OSError if there is none."""
    return os.path.samestat(os.fstat(handle), folder.stat())


def lock(handle: int) -> bool:
    """Locks an open file or folder until it is closed; False if another process keeps it locked.

    Windows, and file systems without locks, have none: True.
    """
    try:
        import fcntl
    except ImportError:
        return True
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        except OSError:
            return True  # a file system without locks
