"""The schema of manifests: what is recorded of scenes, frames and clips, as plain values."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from stvt.core.files import reading, sha256_of
from stvt.core.safe_names import absolute_in, name_in, path_in

from .errors import DatasetError

MOST_NESTED = 20  # lists and objects in one another; ours are 9


@dataclass(frozen=True)
class FileRecord:
    """The size of a file and its sha256, in hexadecimal."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileRecord:
        """The record of a file on the disk; OSError if it cannot be read, or is a FIFO or the like."""
        size = path.stat().st_size
        if not path.is_file():
            raise OSError(f"{path} is no file")
        return cls(size, sha256_of(path))


def stored_json(file: Path) -> Any:
    """The value of a JSON file of a set, whose numbers are finite and of 64 bits.

    Raises DatasetError, one line, if it cannot be read, is damaged, or nested without end.
    """
    with reading(file, DatasetError):
        if file.exists() and not file.is_file():
            raise DatasetError(f"{file}: is no file; delete it")
        data = file.read_bytes()
        value = json.loads(data, parse_int=_integer, parse_float=_number, parse_constant=_number)
        if b"\\ud" in data.lower():  # half a pair is no text, but for what a file's name may hold
            json.dumps(value, ensure_ascii=False).encode(errors="surrogateescape")
        level = [value]
        for _ in range(MOST_NESTED):
            inner = (one.values() if isinstance(one, dict) else one for one in level)
            level = [each for one in inner for each in one if isinstance(each, dict | list)]
            if not level:
                return value
        raise ValueError("it is nested too deeply")


def _integer(text: str) -> int:
    if len(text) > 18:
        raise ValueError(f"the number {text[:20]}... is too large")
    return int(text)


def _number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"the number {text[:20]} is not finite")
    return number


def record_of(data: bytes) -> FileRecord:
    """The record of a file of that content."""
    return FileRecord(len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True)
class SourceFile:
    """A file that frames were decoded from."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SceneSource:
    """Where the frames of a scene came from.

    path:    absolute, of the folder, video or archive that was given; None if they are rendered.
    archive: of the file at `path`, if that is an archive.
    name:    of the folder of frames, or of the video, in it.
    version: of the recipe that renders them.
    """

    kind: Literal["frames", "video", "rendered"]
    path: str | None = None
    archive: FileRecord | None = None
    name: str = ""
    files: tuple[SourceFile, ...] = ()
    version: int = 1


class FramesRecord:
    """The record of a unit of frames: file number i is frame i."""

    frames: tuple[FileRecord, ...]

    def files(self, unit: str) -> dict[str, FileRecord]:
        """The frames of a unit by their paths in the set."""
        return {f"{unit}/{frame_name(index)}": frame for index, frame in enumerate(self.frames)}

    def check(self, unit: str, folder: Path, file: Path) -> None:
        """Raises UnsafeName if it names a path that cannot be one, DatasetError for a rate."""


@dataclass(frozen=True)
class GtRecord(FramesRecord):
    """The ground-truth frames of a scene.

    fingerprint: of the source's content and of how the frames were cropped.
    original:    (height, width) before cropping, or None if nothing was cut off.
    fps:         as a fraction, "30000/1001", where known. facts: of a video, as it was decoded.
    """

    fingerprint: str
    source: SceneSource
    height: int
    width: int
    original: tuple[int, int] | None
    fps: str | None
    frames: tuple[FileRecord, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def check(self, unit: str, folder: Path, file: Path) -> None:
        absolute_in(self.source.path, file, f"{unit}.source.path")
        check_rate(self.fps, f"{file}: {unit}.fps")


@dataclass(frozen=True)
class LrRecord(FramesRecord):
    """The low-resolution frames of one scene under one degradation.

    crop: (height, width) of the ground-truth frames that they were made of, where `scale` did not
          divide those; the rest, below and to the right, was left out.
    """

    fingerprint: str
    height: int
    width: int
    crop: tuple[int, int] | None
    frames: tuple[FileRecord, ...]


@dataclass(frozen=True)
class SceneRecord:
    """One scene: its ground-truth frames, and the low-resolution ones by degradation."""

    gt: GtRecord
    lr: dict[str, LrRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class Missing:
    """The scenes and frames that a known set lacks, as it was asked for.

    share:   "1 of 2 scenes, as chosen".
    chosen:  scenes that were asked for alone. partial: whether what was there was to do.
    """

    share: str
    chosen: tuple[str, ...] = ()
    partial: bool = False


@dataclass(frozen=True)
class RecipeRecord:
    """The recipe of a known set, as a manifest records it."""

    name: str
    title: str
    licence: str
    citation: str
    version: int
    missing: Missing | None = None


@dataclass(frozen=True)
class ClipRecord:
    """One clip of a training set: frames of one shot, one after another.

    file:       its path in the set; `stored` is the record of that file.
    start, end: in the video, in seconds. rate: frames a second as filmed, "240/1".
    motion:     median and 95th percentile of the flow between frames, in pixels.
    sha256:     of the frames' bytes, RGB. hashes: of what the frames look like, 64 bits each.
    """

    name: str
    file: str
    video: str
    frames: int
    height: int
    width: int
    split: str = "train"
    start: float = 0.0
    end: float = 0.0
    rate: str | None = None
    motion: dict[str, float] = field(default_factory=dict)
    sha256: str = ""
    stored: FileRecord | None = None
    hashes: tuple[str, ...] = ()

    @property
    def record(self) -> FileRecord:
        """The record of its file; one that no file has where it is not known."""
        return self.stored or FileRecord(0, "")

    def check(self, folder: Path, file: Path) -> None:
        name_in(self.name, file, "clips.name")
        path_in(folder, self.file, file, "clips.file")
        check_rate(self.rate, f"{file}: clips.{self.name}.rate")
        if not all(re.fullmatch("[0-9a-f]{16}", bits) for bits in self.hashes):
            raise DatasetError(f"{file}: clips.{self.name}.hashes: are none; prepare the set again")


@dataclass(frozen=True)
class RefusedRecord:
    """A part of a video that was left out, and why; the whole video where there are no times."""

    video: str
    start: float | None
    end: float | None
    reason: str


def check_rate(rate: str | None, where: str) -> None:
    """Raises DatasetError unless a rate is a positive fraction, or not known."""
    try:
        if rate is not None and Fraction(rate) <= 0:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise DatasetError(f"{where}: {rate!r} is no frame rate; prepare the set again") from None


def are_there(folder: Path, files: Mapping[str, FileRecord]) -> bool:
    """Whether files are in a set, by their sizes alone: `verify` reads them."""
    try:
        return all((folder / path).stat().st_size == file.bytes for path, file in files.items())
    except OSError:
        return False


def frame_name(index: int) -> str:
    return f"{index:08d}.png"


def fingerprint_of(inputs: Mapping[str, object]) -> str:
    """A checksum of the inputs and settings of a unit."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]
