"""One video made into training clips: the unit of work, done by one process and remembered in a file."""

from __future__ import annotations

import hashlib
import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from stvt.core.safe_names import UnsafeName, name_in, path_in

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
from ..curation.segments import ClipRequirements, ClipSegment
from ..errors import DatasetError
from ..frames import replace_file
from ..video.probe import capture_rate

VERSION = 3  # of what is made: a record of another is made anew
LEAST_MOTION = 0.1  # pixels a frame, 95th percentile: measured on stills with coding noise, 0.05
SLOWED = Fraction(3, 2)  # times slower or faster than filmed: less is a camera's imprecision
Record = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How clips are to be.

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

    def digest(self) -> str:
        """A checksum of all that decides on one video's clips."""
        said = {**asdict(self), "validation": None, "version": VERSION}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Unit:
    """A video to be done.

    video:   its name in the set. files: a video, or the pictures of a folder; none with a `url`.
    folder:  of the set. sha256: that the video must have, if not empty.
    """

    video: str
    files: tuple[Path, ...]
    pictures: bool
    sections: tuple[Section, ...]
    rate: str | None
    settings: Settings
    folder: Path
    url: str = ""
    sha256: str = ""
    transfer: YtdlpOptions = field(default_factory=YtdlpOptions)

    def key(self) -> Record:
        """What tells whether a record is still of this unit: settings and the look of its files."""
        stats = [file.stat() for file in (*self.files[:1], *self.files[-1:])]
        return {
            "settings": self.settings.digest(),
            "rate": self.rate,
            "sections": [[str(s.start), str(s.end)] for s in self.sections],
            "url": self.url,
            "sha256": self.sha256,
            "files": len(self.files),
            "stamps": [[stat.st_size, stat.st_mtime_ns] for stat in stats],
        }


def record_file(folder: Path, video: str) -> Path:
    return folder / "videos" / f"{video}.json"


def clip_file(unit: Unit, clip: str) -> Path:
    return unit.folder / "clips" / f"{clip}{suffix(unit.settings.storage)}"


def read_record(folder: Path, video: str) -> Record | None:
    """What is remembered of a video; None if nothing, or nothing that can be read.

    Raises UnsafeName if it names another video, or a clip that leads out of the set.
    """
    file = record_file(folder, video)
    try:
        record = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    clips = record.get("clips") if isinstance(record, dict) else None
    if not isinstance(clips, list) or not all(isinstance(clip, dict) for clip in clips):
        return None
    if record.get("video") != video:
        raise UnsafeName(f"{file}: video: {record.get('video')!r} is another; delete that file")
    for clip in clips:
        name_in(clip.get("name"), file, "clips.name")
        path_in(folder, clip.get("file"), file, "clips.file")
    return dict(record)


def is_done(record: Record | None, unit: Unit) -> bool:
    """Whether a record is of this very unit, its clips are there, and trying again would not help."""
    if record is None or record.get("key") != unit.key():
        return False
    if record["class"] in TRIED_AGAIN:
        return False
    if record["class"] in ("private", "format") and record.get("asked") != _asked(unit):
        return False
    return all(has_clip(unit.folder, clip) for clip in record["clips"])


def has_clip(folder: Path, clip: Record) -> bool:
    """Whether a clip's file is there, in its size, or was left out on purpose."""
    if clip.get("dropped"):
        return True
    with suppress(OSError):
        return bool((folder / clip["file"]).stat().st_size == clip["bytes"])
    return False


def _asked(unit: Unit) -> list[str]:
    """How the video was asked for, as far as that may decide on whether it is given."""
    t = unit.transfer
    return [t.format, str(t.cookies), str(t.browser), str(t.proxy), *t.runtimes]


def make_video(unit: Unit) -> Record:
    """Make the clips of a video, and the record of it, which is written last; returns that.

    A video that cannot be had or used is a record, too; but where it gave clips before, those and
    their record stay, and what is returned says why in `stays`. Raises OSError if the disk refuses.
    """
    key = unit.key()
    before = read_record(unit.folder, unit.video)
    # Without its record a video counts as not done: its clips are about to change.
    record_file(unit.folder, unit.video).unlink(missing_ok=True)
    record: Record = {"video": unit.video, "key": key}
    holding = unit.folder / ".transfer" / unit.video
    try:
        if unit.url:
            record["asked"] = _asked(unit)
            unit = replace(unit, files=(fetch_video(unit.url, holding, unit.transfer),))
        if unit.sha256 and _checksum(unit.files[0]) != unit.sha256:
            raise DownloadFailed("hash", f"{unit.video}: its sha256 is not the one of the list")
        record |= _made(unit)
    except DownloadFailed as error:
        record |= _nothing("failed", error.kind, str(error))
    except DatasetError as error:
        # Without the folder: a set made from another copy of its source is the same set.
        why = " ".join(str(error).split())
        for file in unit.files:
            why = why.replace(str(file), file.name)
        record |= _nothing("refused", "unreadable", why)
    # What a network broke off is kept, to go on from there.
    if record["class"] != "network":
        shutil.rmtree(holding, ignore_errors=True)
    unusable = record["outcome"] == "failed" or record["class"] == "unreadable"
    # Clips that were left out on purpose are not there to stay.
    clips = [clip for clip in (before or {}).get("clips", []) if not clip.get("dropped")]
    if unusable and before and clips and all(has_clip(unit.folder, clip) for clip in clips):
        kept = {**before, "clips": clips}
        write_record(unit.folder, kept)
        return {**kept, "stays": record["reason"]}
    write_record(unit.folder, record)
    return record


def write_record(folder: Path, record: Record) -> None:
    data = json.dumps(record, indent=1, ensure_ascii=False).encode()
    file = record_file(folder, record["video"])
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, data, sync=True)


def _checksum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _made(unit: Unit) -> Record:
    settings = unit.settings
    source, rate, constant, notes = _open(unit)
    slowdown = _slowdown(unit, rate, constant, notes)
    required = ClipRequirements(
        Fraction(settings.min_rate), settings.clip_frames, settings.min_frames
    )
    found = survey(source, unit.sections, required, rate, constant, slowdown)
    notes += source.notes
    notes += [
        f"a logo of {one.width}x{one.height} pixels at {one.left},{one.top} is cut off"
        for one in found.watermarks
        if not found.fault
    ]
    box = found.crop
    height, width = (box.height, box.width) if box else (source.height, source.width)
    size = scaled_size(height, width, settings.height, settings.width)
    fault = found.fault
    if not fault and min(size) < settings.min_side:
        small = size if min(size) else (height, width)
        fault = f"{small[1]}x{small[0]} is too small: {settings.min_side} pixels are the least"
    record: Record = {
        "outcome": "kept" if found.segments and not fault else "refused",
        "class": "",
        "reason": fault or ("" if found.segments else _main_reason(found)),
        "frames": found.frames,
        "rate": f"{rate.numerator}/{rate.denominator}",
        "steady": constant,
        "width": source.width,
        "height": source.height,
        "crop": list(box) if box else None,
        "notes": notes,
        "clips": [],
        "refused": [
            {
                "start": _seconds(each.start),
                "end": _seconds(each.end),
                "frames": each.frames,
                "reason": each.reason,
            }
            for each in found.rejections
        ],
    }
    if fault:
        record["refused"] += [_refused(segment, fault) for segment in found.segments]
        record["refused"].sort(key=lambda each: each["start"])
        return record
    named = [(one, f"{unit.video}_{one.frames[0]:06d}") for one in found.segments]
    paths = [(one, clip_file(unit, name)) for one, name in named]
    for (_, name), made in zip(named, write_clips(source, paths, box, size), strict=True):
        if made.motion["p95"] < LEAST_MOTION:
            clip_file(unit, name).unlink()
            why = f"still: nothing moves by {LEAST_MOTION} pixels a frame"
            record["refused"].append(_refused(made.segment, why))
            continue
        record["clips"].append(
            {
                "name": name,
                "file": clip_file(unit, name).relative_to(unit.folder).as_posix(),
                "start": _seconds(made.segment.start),
                "end": _seconds(made.segment.end),
                "frames": made.written.frames,
                "height": made.written.height,
                "width": made.written.width,
                "rate": f"{made.segment.rate.numerator}/{made.segment.rate.denominator}",
                "motion": made.motion,
                "sha256": made.written.sha256,
                "bytes": made.written.bytes,
                "hashes": [f"{bits:016x}" for bits in made.hashes],
            }
        )
    record["refused"].sort(key=lambda each: each["start"])
    if not record["clips"]:
        record |= {"outcome": "refused", "reason": record["refused"][0]["reason"]}
    return record


def _slowdown(unit: Unit, rate: Fraction, constant: bool, notes: list[str]) -> Fraction:
    """How many times slower than life a video is shown, by what was said of it or by its phone."""
    filmed = unit.rate or unit.settings.rate
    if filmed:
        return Fraction(filmed) / rate
    captured = None if unit.pictures else capture_rate(unit.files[0])
    # Phones write it into ordinary videos, too, and into such as are slow in one part only.
    if captured is None or not constant or max(captured / rate, rate / captured) < SLOWED:
        return Fraction(1)
    notes.append(f"filmed at {float(captured):g} frames a second, by its container")
    return captured / rate


def _refused(segment: ClipSegment, why: str) -> Record:
    return {
        "start": _seconds(segment.start),
        "end": _seconds(segment.end),
        "frames": len(segment.frames),
        "reason": why,
    }


def _open(unit: Unit) -> tuple[FrameSource, Fraction, bool, list[str]]:
    """The source of frames, its rate, whether that is constant, and notes."""
    if unit.pictures:
        rate = unit.rate or unit.settings.rate
        if not rate:
            raise DatasetError("frames have no rate of their own; give --rate")
        return FrameFolder(unit.files, Fraction(rate)), Fraction(rate), True, []
    from ..video.reader import open_video

    video = open_video(unit.files[0])
    return video, video.timestamps.rate, video.timestamps.constant_rate, []


def _main_reason(found: Survey) -> str:
    """The reason that most frames were refused for."""
    frames: dict[str, int] = {}
    for each in found.rejections:
        frames[each.reason] = frames.get(each.reason, 0) + each.frames
    return (
        max(sorted(frames), key=lambda why: frames[why]) if frames else "no frames in its sections"
    )


def _nothing(outcome: str, class_: str, why: str) -> Record:
    return {
        "outcome": outcome,
        "class": class_,
        "reason": why,
        "frames": 0,
        "notes": [],
        "clips": [],
        "refused": [],
    }


def _seconds(seconds: Fraction) -> float:
    return round(float(seconds), 6)
