"""Checkpoints of a training: written whole or not at all, the last few kept, a bad one passed over."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

KEPT = 3


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write `state` as the checkpoint after `step` steps; older ones than the last three go."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"step-{step:08d}.pt"
    write_whole(file, lambda part: torch.save(state, part))
    for old in checkpoints(folder)[:-KEPT]:
        old.unlink(missing_ok=True)
    return file


def newest(folder: Path, say: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest checkpoint that can be read; `say` is told of one that cannot."""
    for file in reversed(checkpoints(folder)):
        try:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001  # a torn file can fail in any way
            say(f"{file.name} is damaged ({type(error).__name__}), so the one before is taken")
            file.unlink()
            continue
        return state
    return None


def checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-[0-9]*.pt"))


def write_whole(file: Path, write: Callable[[Path], object]) -> None:
    """What `write` writes, under its name only when it is on the disk."""
    part = file.with_name(f".{file.name}.part")
    write(part)
    with part.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(part, file)
