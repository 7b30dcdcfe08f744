"""Whether a training set is still what its manifest says: every frame of every clip."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ..clips.storage import SUFFIXES, open_clip
from ..collect.overlap import ClipRange, read_clip_index
from ..errors import DatasetError
from ..manifest import FILE, VIDEOS
from .lock import sole_use
from .training_ledger import LEDGER

Progress = Callable[[int, int | None, str], None]


@dataclass
class ClipsFound:
    """files: that were looked at; problems: a line for each that is not as it was made."""

    files: int = 0
    problems: list[str] = field(default_factory=list)


def verify_training(folder: Path, fix: bool, workers: int, progress: Progress | None) -> ClipsFound:
    """Compare the frames of every clip of a set with its manifest.

    fix: remove altered clips, which `prepare` then makes again from the videos: a set does not
         remember where those are.
    Raises DatasetError if the manifest cannot be read.
    """
    index = read_clip_index(str(folder / FILE))
    found = ClipsFound(len(index.clips))
    again = f"`stvt prepare {index.name}` with its source or list makes it again"
    with ThreadPoolExecutor(workers) as pool:
        looks = zip(index.clips, pool.map(_fault, index.clips), strict=True)
        for done, (clip, fault) in enumerate(looks, 1):
            if progress:
                progress(done, len(index.clips), clip.clip)
            if not fault:
                continue
            if (
                fix
                and clip.file is not None
                and clip.file.exists()
                and clip.file.suffix in SUFFIXES
            ):
                with sole_use(folder):
                    clip.file.unlink()
                fault += ", so it was removed"
            found.problems.append(f"{_path(clip, folder)}: {fault}; {again}")
    made = any((folder / VIDEOS).glob("*.json"))  # sets of photographs have no ledger
    if made and not (folder / LEDGER).is_file():
        found.problems.append(f"{LEDGER}: is missing; {again}")
    known = {_path(clip, folder) for clip in index.clips} | {FILE, LEDGER}
    found.problems += [f"{extra}: is no file of the set" for extra in _extra(folder, known)]
    return found


def _fault(section: ClipRange) -> str:
    """What is wrong with a clip; empty if nothing. One frame is held at a time."""
    if section.file is None or not section.file.is_file():
        return "is missing"
    checksum = hashlib.sha256()
    try:
        clip = open_clip(section.file)
        for number in range(len(clip)):
            checksum.update(clip.read([number]).data)
    except (DatasetError, OSError):
        return "is damaged"
    return "" if checksum.hexdigest() == section.sha256 else "is altered"


def _path(section: ClipRange, folder: Path) -> str:
    return section.file.relative_to(folder).as_posix() if section.file else section.clip


def _extra(folder: Path, known: set[str]) -> Iterator[str]:
    """Files that are none of the set's; what a transfer goes on from is hidden, and its own."""
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder)
        of_video = path.parts[0] == VIDEOS and path.suffix == ".json"
        own = of_video or path.parts[0].startswith(".") or path.as_posix() in known
        if file.is_file() and not own:
            yield path.as_posix()
