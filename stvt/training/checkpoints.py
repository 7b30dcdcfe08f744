"""Checkpoints of a training: written whole or not at all, the last few kept, a damaged one passed over."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch

from stvt.core.errors import UsageError
from stvt.core.files import reason, write_bytes

KEPT = 3


def save(folder: Path, step: int, state: dict[str, Any], keep_every: int = 0) -> Path:
    """Write `state` as the checkpoint after `step` steps; of the older ones the last two stay, and
    those after each `keep_every` steps, if not 0."""
    file = folder / f"step-{step:08d}.pt"
    content = io.BytesIO()  # PyTorch's own writer says nothing of a full disk
    torch.save(state, content)
    with writing(file):
        write_bytes(file, content.getvalue())
    # Later ones are damaged, or `load_newest` had taken them: they count for nothing.
    for old in [other for other in list_checkpoints(folder) if other <= file][:-KEPT]:
        if not keep_every or int(old.stem.removeprefix("step-")) % keep_every:
            old.unlink(missing_ok=True)
    return file


def load_newest(folder: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest checkpoint that is not damaged; `say` is told of one that is. None if there are none.

    No file is deleted, for what cannot be read today may be whole.
    Raises UsageError if one that is not proved damaged cannot be read, or if all are damaged.
    """
    files = list_checkpoints(folder)
    for file in reversed(files):
        try:
            fault = _damage(file)
            state = None if fault else torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # whole bytes may fail to load in any way
            lines = str(error).splitlines() or [type(error).__name__]
            why = getattr(error, "strerror", None) or lines[0]
            raise UsageError(
                f"{file}: cannot be read ({why}); it may be whole, so nothing was deleted, and "
                "the same command goes on once it can be read"
            ) from error
        if state is not None:
            if not isinstance(state, dict):
                raise UsageError(f"{file}: is no checkpoint of a training; move it away")
            return state
        say(f"{file.name} is damaged ({fault}); it is kept, and the one before is taken")
    if files:
        raise UsageError(
            f"{folder}: every checkpoint is damaged; they are kept, and nothing is trained from "
            "step 0 over them; begin again in another --out, for which --initial takes this run"
        )
    return None


def list_checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a folder, by step. Raises OSError for a folder that cannot be read, which
    `glob` would call empty."""
    try:
        return sorted(file for file in folder.iterdir() if file.match("step-[0-9]*.pt"))
    except FileNotFoundError:
        return []


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Raises UsageError for a disk that is full or cannot be written."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{file}: cannot be written ({reason(error)}); what was there before is kept, and the "
            "same command goes on once there is room"
        ) from error


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
