"""Checkpoints of a training: written whole or not at all, the last few kept, a damaged one passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch

from stvt.core.errors import UsageError

KEPT = 3


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write `state` as the checkpoint after `step` steps; of the older ones the last two stay."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"step-{step:08d}.pt"
    write_whole(file, lambda part: torch.save(state, part))
    # Later ones are damaged, or `newest` had taken them: they count for nothing.
    for old in [other for other in checkpoints(folder) if other <= file][:-KEPT]:
        old.unlink(missing_ok=True)
    return file


def newest(folder: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest checkpoint that is not damaged; `say` is told of one that is. None if there are none.

    No file is deleted, for what cannot be read today may be whole.
    Raises UsageError if one that is not proved damaged cannot be read, or if all are damaged.
    """
    found = checkpoints(folder)
    for file in reversed(found):
        try:
            fault = _damage(file)
            state = None if fault else torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # whole bytes may fail to load in any way
            lines = str(error).splitlines() or [type(error).__name__]
            reason = getattr(error, "strerror", None) or lines[0]
            raise UsageError(
                f"{file}: cannot be read ({reason}); it may be whole, so nothing was deleted, and "
                "the same command goes on once it can be read"
            ) from error
        if state is not None:
            return dict(state)
        say(f"{file.name} is damaged ({fault}); it is kept, and the one before is taken")
    if found:
        raise UsageError(
            f"{folder}: every checkpoint is damaged; they are kept, and nothing is trained from "
            "step 0 over them; begin again in another --out, for which --initial takes this run"
        )
    return None


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, by step. Raises OSError for a folder that cannot be read, which
    `glob` would call empty."""
    try:
        return sorted(file for file in folder.iterdir() if file.match("step-[0-9]*.pt"))
    except FileNotFoundError:
        return []


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """What `write` writes, under its name only when it is on the disk.

    Raises UsageError for a disk that is full or cannot be written; nothing is left of the attempt.
    """
    part = file.with_name(f".{file.name}.part")
    try:
        write(part)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, file)
    except Exception as error:
        reason = _refusal(part, error)
        if not reason:
            raise
        raise UsageError(
            f"{file}: cannot be written ({reason}); what was there before is kept, and the same "
            "command goes on once there is room"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _damage(file: Path) -> str:
    """What proves that a checkpoint is damaged: its archive is cut, or a checksum differs."""
    try:
        with ZipFile(file) as archive:
            bad = archive.testzip()
    except (OSError, MemoryError):
        raise
    except Exception as error:  # bytes that were read, and are no archive
        if isinstance(error.__context__, OSError):  # which zipfile calls "not a zip file"
            raise error.__context__ from error
        return str(error) or type(error).__name__
    return f"the checksum of {bad} differs" if bad else ""


def _refusal(part: Path, error: Exception) -> str:
    """Why the system did not write; "" if it did, and the error is another.

    PyTorch and safetensors have exceptions of their own for it. The one's tells nothing, so a
    little more is written for the reason; the other's ends in the number of the error.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if number := re.search(r"\(os error (\d+)\)", str(error)):
        return os.strerror(int(number[1]))
    try:
        with part.open("ab") as probe:
            probe.write(bytes(1 << 20))
    except OSError as found:
        return found.strerror or str(found)
    return ""
