"""The record of a training set's video: what became of it, and the clips that it gave."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stvt.core.safe_names import UnsafeName

from ..errors import DatasetError
from ..manifest import LEDGER, VIDEOS, TrainingManifest, is_training, read_manifest
from ..schema import ClipRecord, FileRecord, are_there
from .engine import read_record


@dataclass(frozen=True)
class VideoSource:
    """Where a video came from.

    path:     absolute, of the file or of the folder of its frames; None with a `url`.
    sections: (start, end) in seconds, as fractions; an end of None is the video's.
    rate:     frames a second as filmed, as its list says. sha256: that it must have, if not empty.
    """

    path: str | None = None
    url: str = ""
    sections: tuple[tuple[str, str | None], ...] = (("0", None),)
    rate: str | None = None
    sha256: str = ""


@dataclass(frozen=True)
class RefusedPart:
    """A part of a video that gave no clip, in seconds, and why."""

    start: float
    end: float
    frames: int
    reason: str


@dataclass(frozen=True)
class VideoRecord:
    """The record of a video and of what became of it, `videos/NAME.json`.

    outcome: "kept" if it gave clips. failure: the class of what went wrong, of `ytdlp` or
             "unreadable"; empty for a video that could be read.
    asked:   how it was asked for, as far as that may decide on whether it is given.
    """

    video: str
    fingerprint: str
    source: VideoSource
    outcome: str
    failure: str = ""
    reason: str = ""
    frames: int = 0
    rate: str | None = None
    width: int | None = None
    height: int | None = None
    constant_rate: bool = False
    crop: tuple[int, int, int, int] | None = None
    notes: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    clips: tuple[ClipRecord, ...] = ()
    refused: tuple[RefusedPart, ...] = ()

    def files(self, unit: str) -> dict[str, FileRecord]:
        return {clip.file: clip.record for clip in self.clips}

    def check(self, unit: str, folder: Path, file: Path) -> None:
        """Raises UnsafeName if it names another video, or a clip that leads out of the set."""
        if self.video != unit:
            raise UnsafeName(f"{file}: video: {self.video!r} is another; delete that file")
        for clip in self.clips:
            clip.check(folder, file)


def read_video_record(folder: Path, video: str) -> VideoRecord | None:
    """The stored record of a video; None if there is none that can be read.

    Raises UnsafeName if it names another video, or a clip that leads out of the set.
    """
    record: VideoRecord | None = read_record(folder, VIDEOS, video, VideoRecord)
    return record


def has_clips(folder: Path, video: str) -> bool:
    """Whether a video gave clips before, and all of them are there."""
    before = read_video_record(folder, video)
    return bool(before and before.clips and are_there(folder, before.files(video)))


def recorded_files(folder: Path) -> set[str]:
    """The clips of all videos that a set has records of, those that look like others too."""
    files: set[str] = set()
    for file in (folder / VIDEOS).glob("*.json"):
        record = read_video_record(folder, file.stem)
        files |= record.files(file.stem).keys() if record else set()
    return files


def is_empty_training_set(folder: Path) -> bool:
    """Whether a folder holds a training set that no video gave a clip for, nor has one."""
    if not is_training(folder):
        return False
    try:
        manifest = read_manifest(folder)
    except DatasetError:
        return False
    clips = isinstance(manifest, TrainingManifest) and manifest.clips
    return not clips and not recorded_files(folder)


def remove_records(folder: Path) -> None:
    """Removes ledger and videos' records of an empty training set that another set replaces."""
    for file in (folder / LEDGER, *(folder / VIDEOS).glob("*.json")):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        (folder / VIDEOS).rmdir()
