"""The unit of a training set: the clips of one video, and the record of what became of it."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from stvt.core.files import sha256_of
from stvt.core.records import from_dict

from ..clips.storage import suffix
from ..collect.ytdlp import TRIED_AGAIN, DownloadFailed, YtdlpOptions, fetch_video
from ..curation.extract import (
    FrameFolder,
    FrameSource,
    Section,
    Survey,
    scaled_size,
    survey,
    write_clips,
)
from ..curation.segments import ClipRequirements
from ..errors import DatasetError
from ..frames import Box, frame_files
from ..manifest import FILE, VIDEOS
from ..schema import ClipRecord, FileRecord, fingerprint_of
from ..video.probe import capture_rate
from .video_record import RefusedPart, VideoRecord, VideoSource, has_clips, read_video_record

VERSION = 5  # of what is made: a record of another is made anew
LEAST_MOTION = 0.1  # pixels a frame, 95th percentile: measured on stills with coding noise, 0.05
SLOWED = Fraction(3, 2)  # times slower or faster than filmed: less is a camera's imprecision
TRANSFER = ".transfer"  # the folder in the set for videos that are being transferred


@dataclass(frozen=True)
class Settings:
    """The settings of the clips of a training set.

    min_rate:    least frames a second, as filmed.
    rate:        frames a second as filmed of every video, where its file says another.
    clip_frames: of a clip, about; min_frames: at least.
    height, width: to scale down to, for pictures wider than high; None leaves them as they are.
    min_side:    pixels of the shorter side that a clip must have.
    validation:  part of the videos that is for validation.
    """

    min_rate: str = "240"
    rate: str | None = None
    clip_frames: int = 120
    min_frames: int = 24
    height: int | None = None
    width: int | None = None
    min_side: int = 128
    validation: float = 0.05
    storage: str = "npy"


@dataclass(frozen=True)
class VideoUnit:
    """The clips of a video; `name` is its own in the set, `folder` that of the set."""

    record_type: ClassVar[type[Any]] = VideoRecord

    name: str
    source: VideoSource
    settings: Settings
    folder: Path
    transfer: YtdlpOptions = field(default_factory=YtdlpOptions)

    @property
    def path(self) -> Path | None:
        """The video, or the folder of its frames; None if it is to be transferred."""
        return None if self.source.path is None else Path(self.source.path)

    @property
    def rate(self) -> str | None:
        """Frames a second as filmed, where that was said."""
        return self.source.rate or self.settings.rate

    @property
    def files(self) -> list[Path]:
        """The video, or the frames of its folder; none if it is to be transferred."""
        if self.path is None:
            return []
        return frame_files(self.path) if self.path.is_dir() else [self.path]

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the settings and of its files' sizes and times: to read every video takes too long."""
        try:
            stats = [file.stat() for file in self.files]
        except OSError:
            stats = []  # building it says what is wrong
        return fingerprint_of(
            {
                "version": VERSION,
                "settings": {**asdict(self.settings), "validation": None},
                "source": {**asdict(self.source), "path": None},
                "files": [[stat.st_size, stat.st_mtime_ns] for stat in stats],
            }
        )

    def is_current(self, record: VideoRecord) -> bool:
        """Whether it would come out the same: a transfer that failed may succeed another time."""
        if record.failure in ("private", "format") and record.asked != self.asked:
            return False
        return record.fingerprint == self.fingerprint and record.failure not in TRIED_AGAIN

    @property
    def asked(self) -> tuple[str, ...]:
        """The request for the video, as far as it may decide on whether it is given."""
        t = self.transfer
        options = (t.format, str(t.cookies), str(t.browser), str(t.proxy), *t.runtimes)
        return options if self.source.url else ()

    def build(self, folder: Path) -> VideoRecord:
        """Writes its clips below `folder`; its record, also if it cannot be had or used.

        Raises DatasetError if it cannot, and gave clips before, which stay; OSError if the disk
        refuses.
        """
        record = VideoRecord(self.name, self.fingerprint, self.source, "failed", asked=self.asked)
        holding = self.folder / TRANSFER / self.name
        unit, source = self, self.source
        try:
            if source.url:
                fetched = fetch_video(source.url, holding, self.transfer)
                unit = replace(self, source=replace(source, path=str(fetched)))
            elif self.path is None or not self.path.exists():
                raise DatasetError(f"{self.path}: there is no such file")
            if source.sha256 and sha256_of(unit.files[0]) != source.sha256:
                raise DownloadFailed("hash", f"{self.name}: its sha256 is not the one of the list")
            record = _built(unit, folder, record)
        except DownloadFailed as error:
            record = replace(record, failure=error.kind, reason=str(error))
        except DatasetError as error:
            # Without the folder: a set made from another copy of its source is the same set.
            why = " ".join(str(error).split())
            for file in unit.files:
                why = why.replace(str(file), file.name)
            record = replace(record, outcome="refused", failure="unreadable", reason=why)
        # What a network broke off is kept, to go on from there.
        if record.failure != "network":
            shutil.rmtree(holding, ignore_errors=True)
        if record.failure and has_clips(self.folder, self.name):
            raise DatasetError(f"{record.reason}; the clips made before stay")
        return record


def unit_again(folder: Path, video: str, settings: dict[str, Any]) -> VideoUnit:
    """The unit of a video that the set has a record of; DatasetError if its source is not there."""
    record = read_video_record(folder, video)
    if record is None:
        raise DatasetError(f"{VIDEOS}/{video}.json is missing or damaged; prepare the set again")
    checked = from_dict(Settings, settings, str(folder / FILE), DatasetError)
    unit = VideoUnit(video, record.source, checked, folder)
    if unit.path is not None and not unit.path.exists():
        raise DatasetError(f"{unit.path} is no longer there")
    if not unit.is_current(record):
        raise DatasetError(f"{unit.path or unit.source.url}: has changed; prepare the set again")
    return unit


def _built(unit: VideoUnit, folder: Path, record: VideoRecord) -> VideoRecord:
    """The record of a video that could be had, its clips written below `folder`."""
    settings, notes = unit.settings, list[str]()
    source: FrameSource
    if unit.path is not None and unit.path.is_dir():
        if not unit.rate:
            raise DatasetError("frames have no rate of their own; give --rate")
        rate, constant = Fraction(unit.rate), True
        source = FrameFolder(unit.files, rate)
    else:
        from ..video.reader import open_video

        source = video = open_video(unit.files[0])
        rate, constant = video.timestamps.rate, video.timestamps.constant_rate
    slowdown = Fraction(unit.rate) / rate if unit.rate else Fraction(1)
    # Phones write it into ordinary videos, too, and into such as are slow in one part only.
    captured = None if unit.rate or not constant else capture_rate(unit.files[0])
    if captured and max(captured / rate, rate / captured) >= SLOWED:
        slowdown = captured / rate
        notes.append(f"filmed at {float(captured):g} frames a second, by its container")
    required = ClipRequirements(
        Fraction(settings.min_rate), settings.clip_frames, settings.min_frames
    )
    sections = [Section(Fraction(a), Fraction(b) if b else None) for a, b in unit.source.sections]
    result = survey(source, sections, required, rate, constant, slowdown)
    notes += source.notes
    notes += [
        f"a logo of {one.width}x{one.height} pixels at {one.left},{one.top} is cut off"
        for one in result.watermarks
        if not result.fault
    ]
    box = result.crop or Box(0, 0, source.height, source.width)
    size = scaled_size(box.height, box.width, settings.height, settings.width)
    fault = result.fault if result.frames else "no frames in its sections"
    if not fault and min(size) < settings.min_side:
        small = size if min(size) else (box.height, box.width)
        fault = f"{small[1]}x{small[0]} is too small: {settings.min_side} pixels are the least"
    clips, rejections = list[ClipRecord](), result.rejections
    if fault:
        rejections += [segment.rejected(fault) for segment in result.segments]
    else:
        clips = _write(unit, folder, source, result, size)
    refused = [
        RefusedPart(_seconds(each.start), _seconds(each.end), each.frames, each.reason)
        for each in sorted(rejections, key=lambda each: each.start)
    ]
    return replace(
        record,
        outcome="kept" if clips else "refused",
        reason=fault or ("" if clips else refused[0].reason),
        frames=result.frames,
        rate=_fraction(rate),
        width=source.width,
        height=source.height,
        constant_rate=constant,
        crop=(box.top, box.left, box.height, box.width) if result.crop else None,
        notes=tuple(notes),
        clips=tuple(clips),
        refused=tuple(refused),
    )


def _write(
    unit: VideoUnit, folder: Path, source: FrameSource, result: Survey, size: tuple[int, int]
) -> list[ClipRecord]:
    """Writes the segments of a video as clips; those in which nothing moves are rejected."""
    clips: list[ClipRecord] = []
    ending = suffix(unit.settings.storage)
    paths = [
        (each, folder / "clips" / f"{unit.name}_{each.frames[0]:06d}{ending}")
        for each in result.segments
    ]
    written = write_clips(source, paths, result.crop, size)
    for (segment, path), (clip, motion, hashes) in zip(paths, written, strict=True):
        if motion["p95"] < LEAST_MOTION:
            path.unlink()
            why = f"still: nothing moves by {LEAST_MOTION} pixels a frame"
            result.rejections.append(segment.rejected(why))
            continue
        clips.append(
            ClipRecord(
                name=path.stem,
                file=f"clips/{path.name}",
                video=unit.name,
                **asdict(clip),
                start=_seconds(segment.start),
                end=_seconds(segment.end),
                rate=_fraction(segment.rate),
                motion=motion,
                stored=FileRecord.of(path),
                hashes=tuple(f"{bits:016x}" for bits in hashes),
            )
        )
    return clips


def _fraction(rate: Fraction) -> str:
    return f"{rate.numerator}/{rate.denominator}"


def _seconds(seconds: Fraction) -> float:
    return round(float(seconds), 6)
