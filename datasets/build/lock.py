"""The folder of a set while it is being prepared: one at a time, and left clean."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stvt.core.safe_names import UnsafeName, is_inside, name_in

from ..errors import DatasetError
from ..frames import is_leftover, reason
from ..manifest import PREPARING, TRUTH, is_label
from .frame_files import CannotWrite

_WAIT_SECONDS = 3.0  # for a killed run to be gone


@contextmanager
def sole_use(folder: Path) -> Iterator[None]:
    """The folder, made if need be, for this process alone; what was made and stays empty goes.

    Raises CannotWrite if it cannot be made, DatasetError if another process has it.
    """
    made = [above for above in folder.absolute().parents if not above.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY) if os.name == "posix" else None
    except OSError as error:
        raise CannotWrite(f"{folder}: cannot be written: {reason(error)}") from error
    try:
        if handle is not None:
            _lock(handle, folder)
        yield
    finally:
        if handle is not None:
            os.close(handle)  # gives the lock back, as the end of the process does
        with suppress(OSError):
            for empty in (folder, *made):
                empty.rmdir()


def _lock(handle: int, folder: Path) -> None:
    import fcntl  # not on Windows, where nothing is locked

    end = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise DatasetError(
                    f"{folder}: is being prepared by another process; wait for that to end"
                ) from error
            time.sleep(0.05)
        except OSError:
            return  # a file system without locks


def read_plan(folder: Path) -> dict[str, Any]:
    """What the last `prepare` was about to do, if it did not come to its end; else empty.

    Raises UnsafeName if it names a scene that cannot be one.
    """
    file = folder / PREPARING
    try:
        plan = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(plan, dict):
        return {}
    scenes = plan.get("scenes", [])
    if not isinstance(scenes, list):
        raise UnsafeName(f"{file}: scenes: is no list of names; delete that file")
    return {**plan, "scenes": [name_in(scene, file, "scenes") for scene in scenes]}


def kinds(folder: Path) -> list[str]:
    """The folders of scenes in a set: GT, BDx4 and so on; no others, and no links out of it."""
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir()
        and (entry.name == TRUTH or is_label(entry.name))
        and is_inside(folder, folder / entry.name)
    )


def remove_leftovers(folder: Path, everywhere: bool) -> None:
    """Remove what a killed process had begun to write; beside the scenes, or in them too."""
    places = [folder]
    if everywhere:
        places += [scene for kind in kinds(folder) for scene in (folder / kind).iterdir()]
    for place in places:
        if place == folder or is_inside(folder, place):
            for file in place.glob(".*.tmp"):
                if is_leftover(file.name):
                    file.unlink(missing_ok=True)


def remove_scene(folder: Path, scene: str, keeping: frozenset[str] = frozenset()) -> None:
    """Remove a scene's frames, but for those of the kinds to keep; no other file."""
    for kind in kinds(folder):
        place = folder / kind / scene
        if kind in keeping or place.parent != folder / kind or not is_inside(folder / kind, place):
            continue
        for file in (*place.glob("[0-9]" * 8 + ".png"), *place.glob(".*.tmp")):
            file.unlink(missing_ok=True)
        with suppress(OSError):
            place.rmdir()


def remove_empty(folder: Path) -> None:
    """Remove the folders that hold no scene any more."""
    for kind in kinds(folder):
        with suppress(OSError):
            (folder / kind).rmdir()
