"""The files of one frame: the true one, and a low-resolution one for each degradation.

Files carry their source's time of last change. So one look at sizes and times tells whether a
file is still the one that was made, from the source as it still is, and no state is kept beside
the set.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..degradation import degrade
from ..errors import DatasetError
from ..frames import Frame, decode, encode_png, read_bytes, read_frame, reason, replace_file
from ..manifest import TRUTH, FileRecord, frame_name


class CannotWrite(DatasetError):
    """The disk is full, or the set's folder may not be written: nothing more can be prepared."""


@dataclass(frozen=True)
class Known:
    """What is recorded of a frame's files; None or missing where nothing is."""

    source: FileRecord | None = None
    truth: FileRecord | None = None
    reduced: dict[str, FileRecord] = field(default_factory=dict)
    original: tuple[int, int] | None = None


@dataclass(frozen=True)
class Job:
    """One frame to be there.

    folder:   the set's; `scene` and `index` say which frame.
    multiple: crop the true frame to a multiple of this.
    labels:   "BDx4" -> (degradation, scale), for each that is wanted.
    known:    what the manifest says of files already there.
    trusted:  files already there that the manifest does not know were made for this very source,
              if their time is the source's.
    file, frame: where the frame comes from: a file, or a function; with neither, the true frame
              must be there.
    strict:   refuse a source that is no longer what the manifest says.
    stamp:    the time to give the files, in nanoseconds; with `file`, that file's is taken.
    """

    folder: Path
    scene: str
    index: int
    multiple: int
    labels: dict[str, tuple[str, int]]
    known: Known
    trusted: bool
    file: Path | None = None
    frame: Callable[[], Frame] | None = None
    stamp: int = 0
    strict: bool = False

    def path(self, kind: str) -> Path:
        return self.folder / kind / self.scene / frame_name(self.index)


@dataclass(frozen=True)
class Made:
    """What is now recorded of a frame's files; `size` is the source frame's height and width."""

    source: FileRecord | None
    truth: FileRecord
    reduced: dict[str, FileRecord]
    size: tuple[int, int]
    written: bool


def make(job: Job) -> Made:
    """Make what is missing of a frame's files, and only that.

    Raises DatasetError if the source frame cannot be used, CannotWrite if the disk refuses.
    """
    known, trusted, stamp = job.known, job.trusted, job.stamp
    frame: Frame | None = None
    source = known.source
    if job.file is not None:
        status = _stat(job.file)
        stamp = status.st_mtime_ns
        same_look = source is not None and source.bytes == status.st_size
        if not (same_look and _time(job.path(TRUTH)) == stamp):
            data = read_bytes(job.file)
            now = record(data)
            if source is None or source.sha256 != now.sha256:
                if job.strict:
                    raise DatasetError(f"{job.file}: has changed; prepare the set again")
                trusted = trusted and source is None
                known = Known()
                frame = decode(data, job.file)
            source = now
    size = frame.shape[:2] if frame is not None else known.original

    truth = _kept(job.path(TRUTH), known.truth, stamp, trusted)
    written = truth is None
    if truth is None or size is None:
        if frame is None:
            frame = _original(job)
        size = frame.shape[:2]
    if frame is not None:
        frame = cropped(frame, job.multiple)
    if truth is None:
        assert frame is not None  # for mypy: made just above
        truth = _write(job.path(TRUTH), frame, stamp)
    reduced = {}
    for label, (degradation, scale) in job.labels.items():
        # A low-resolution frame stands for the true frame that it was made of.
        still = known.truth is not None and known.truth.sha256 == truth.sha256
        before = known.reduced.get(label) if still else None
        trust = trusted and not (written and known.truth is None)
        small = _kept(job.path(label), before, stamp, trust and before is None)
        if small is None:
            if frame is None:
                frame = read_frame(job.path(TRUTH))
            made = degrade(cropped(frame, scale), degradation, scale)
            small = _write(job.path(label), made, stamp)
            written = True
        reduced[label] = small
    assert size is not None
    return Made(source, truth, reduced, (size[0], size[1]), written)


def cropped(frame: Frame, multiple: int) -> Frame:
    """The frame without the rows below and columns on the right beyond a multiple.

    Raises DatasetError if nothing is left.
    """
    height, width = frame.shape[:2]
    if height < multiple or width < multiple:
        raise DatasetError(f"a frame of {width}x{height} is too small for scale {multiple}")
    return frame[: height - height % multiple, : width - width % multiple]


def record(data: bytes) -> FileRecord:
    """The size and checksum of a file's content."""
    return FileRecord(len(data), hashlib.sha256(data).hexdigest())


def file_record(path: Path) -> FileRecord:
    """The size and checksum of a file; OSError if it cannot be read."""
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
        return FileRecord(file.tell(), checksum)


def looks_kept(path: Path, known: FileRecord, stamp: int) -> bool:
    """Whether a file has the size and time that it was given when it was made."""
    try:
        status = path.stat()
    except OSError:
        return False
    return status.st_size == known.bytes and status.st_mtime_ns == stamp


def _kept(path: Path, known: FileRecord | None, stamp: int, trusted: bool) -> FileRecord | None:
    """The record of a file that is there and need not be made again."""
    try:
        status = path.stat()
        if known is None:
            return file_record(path) if trusted and status.st_mtime_ns == stamp else None
        if status.st_size != known.bytes:
            return None
        if status.st_mtime_ns != stamp:  # copied or touched: only the content can tell
            if file_record(path) != known:
                return None
            os.utime(path, ns=(stamp, stamp))
        return known
    except OSError:
        return None


def _original(job: Job) -> Frame:
    if job.file is not None:
        return decode(read_bytes(job.file), job.file)
    if job.frame is None:
        raise DatasetError(
            f"{job.path(TRUTH)}: is missing or altered, and what it was made of is no longer there"
        )
    return job.frame()


def _write(path: Path, frame: Frame, stamp: int) -> FileRecord:
    data = encode_png(frame)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data, mtime_ns=stamp)
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be written: {reason(error)}") from error
    return record(data)


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {reason(error)}") from error


def _time(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
