"""Extraction of training clips from a video: one reading surveys it, the next writes the clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from ..clips.storage import Written, write_clip
from ..errors import DatasetError
from ..frames import Box, Frame, read_frame
from .frame_stats import FrameStats, FrameStatsMeter, small_picture
from .letterbox import LetterboxDetector
from .motion import MotionMeter
from .phash import EVERY, perceptual_hash
from .segments import ClipRequirements, ClipSegment, Rejection, split_shot
from .shot_boundaries import shots
from .watermark import PassingWatermark, WatermarkDetector, without_watermarks

INTERVAL = Fraction(1, 4)  # seconds between the frames in which borders and watermarks are sought
INTERLACED = Fraction(1, 20)  # of the frames, at most, that may be: combs look like motion
PATCHED = 8  # frames before the place where a damaged file stops: decoders may have patched them up


class FrameSource(Protocol):
    """What is read of a video, or of a folder of frames; see `video.reader.Video`.

    facts: "partial" says that reading stopped part way.
    """

    width: int
    height: int
    notes: list[str]
    facts: dict[str, object]

    def timed(self) -> Iterator[tuple[Fraction | None, Any]]: ...


class FrameFolder:
    """Frames of a folder as a source, filmed at a rate that must be told."""

    def __init__(self, files: Sequence[Path], rate: Fraction) -> None:
        self.files, self.rate = files, rate
        self.height, self.width = read_frame(files[0]).shape[:2]
        self.notes: list[str] = []
        self.facts: dict[str, object] = {}

    def timed(self) -> Iterator[tuple[Fraction | None, Any]]:
        said: set[str] = set()
        for number, file in enumerate(self.files):
            frame = read_frame(file, said)
            self.notes += sorted(said.difference(self.notes))
            if frame.shape[:2] != (self.height, self.width):
                raise DatasetError(f"{file}: is not of the size of the frames before it")
            yield number / self.rate, frame


class Section(NamedTuple):
    """A part of a video, in seconds from its first frame; an `end` of None is the video's."""

    start: Fraction = Fraction(0)
    end: Fraction | None = None


@dataclass
class Survey:
    """What a video holds.

    frames:   in its sections.
    segments: that make clips; rejections: of all other frames.
    crop:     of the picture, without letterbox bars and watermarks; None leaves it whole.
    watermarks: that are cut off; fault: for which no clip can be made of the video.
    """

    frames: int = 0
    segments: list[ClipSegment] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    crop: Box | None = None
    watermarks: list[Box] = field(default_factory=list)
    fault: str = ""


def survey(
    source: FrameSource,
    sections: Sequence[Section],
    required: ClipRequirements,
    rate: Fraction,
    constant_rate: bool,
    slowdown: Fraction = Fraction(1),
) -> Survey:
    """What a video holds; of each frame only a few numbers are kept, and those for one shot.

    rate:     of the video, or about, where it is not constant.
    slowdown: how many times slower than life it is shown.
    """
    result = Survey()
    height, width = source.height, source.width
    letterbox = LetterboxDetector(height, width)
    watermark = WatermarkDetector(height, width, crop=lambda: letterbox.result()[0])
    meter, every = FrameStatsMeter(rate), max(1, round(rate * INTERVAL))
    shot: list[FrameStats] = []
    behind = 0  # number of the frame behind the last one

    def measured() -> Iterator[tuple[int, FrameStats, Frame]]:
        """Section, statistics and small picture of each frame."""
        nonlocal behind
        for section, number, seconds, frame in frames_of(source, sections, rate):
            result.frames += 1
            behind = number + 1
            if number % every == 0:
                letterbox.process_frame(frame)
                watermark.process_frame(frame, seconds)
            small = small_picture(frame)
            yield section, meter(number, seconds, small), small

    def close_shot() -> None:
        parts = split_shot(shot, required, rate if constant_rate else None, slowdown)
        for part in parts if shot else ():
            if isinstance(part, ClipSegment):
                result.segments.append(part)
            else:
                result.rejections.append(part)
        shot.clear()

    last: tuple[int, int] | None = None
    for number, (section, stats, _) in shots(measured(), lambda item: item[2]):
        if (section, number) != last:
            close_shot()
        last = section, number
        shot.append(stats)
    close_shot()
    result.crop, result.fault = letterbox.result()
    if not result.fault:
        marks = watermark.result()
        result.watermarks = marks.lasting
        _cut_watermarks_off(result, marks.passing, Box(0, 0, height, width))
    interlaced = int(str(source.facts.get("frames_interlaced") or 0))
    if interlaced > INTERLACED * result.frames:
        result.fault = f"interlaced: {interlaced} frames are two fields; deinterlace it first"
    if scaled := int(str(source.facts.get("frames_scaled") or 0)):
        result.fault = (
            f"picture size: it changes within the video, {scaled} frames have another; cut it there"
        )
    if source.facts.get("partial"):
        _drop_patched(result, behind, required.min_frames)
    return result


def _cut_watermarks_off(result: Survey, passing: Sequence[PassingWatermark], whole: Box) -> None:
    """Crop watermarks away; where too little were left, passing ones cost the clips they are in."""
    within = result.crop or whole
    if result.watermarks:
        result.crop, result.fault = without_watermarks(within, result.watermarks)
    others = [mark for mark in passing if mark.box.overlaps(result.crop or whole)]
    if result.fault or not others:
        return
    every = [*result.watermarks, *(mark.box for mark in others)]
    crop, fault = without_watermarks(within, every)
    if not fault:
        result.crop, result.watermarks = crop, every
        return
    for segment in list(result.segments):
        boxes = (
            mark.box for mark in others if mark.start < segment.end and segment.start < mark.end
        )
        if box := next(boxes, None):
            why = f"burnt-in logo for a while ({box.width}x{box.height} at {box.left},{box.top})"
            result.segments.remove(segment)
            result.rejections.append(segment.rejected(why))


def frames_of(
    source: FrameSource, sections: Sequence[Section], rate: Fraction
) -> Iterator[tuple[int, int, Fraction, Frame]]:
    """Section, number and seconds from the first frame of each frame that is in a section.

    rate: by which frames without time stamps are timed.
    Reading ends with the last section, not with the video.
    """
    first: Fraction | None = None
    last = None if any(s.end is None for s in sections) else max(s.end or 0 for s in sections)
    for number, (stamp, frame) in enumerate(source.timed()):
        seconds = number / rate
        if stamp is not None:
            first = stamp if first is None else first
            seconds = stamp - first
        if last is not None and seconds >= last:
            return
        for index, section in enumerate(sections):
            if section.start <= seconds and (section.end is None or seconds < section.end):
                yield index, number, seconds, frame
                break


def _drop_patched(result: Survey, damage: int, least: int) -> None:
    """Take the last frames before the damage, which is at that frame, out of the segments.

    least: frames of a clip.
    """
    if not result.segments:
        return
    last = result.segments[-1]
    frames = tuple(number for number in last.frames if number < damage - PATCHED)
    if frames == last.frames:
        return
    frames = frames if len(frames) >= least else ()
    end = last.start + (last.end - last.start) / len(last.frames) * len(frames)
    why = "next to the place where the damaged file stops"
    result.rejections.append(Rejection(end, last.end, len(last.frames) - len(frames), why))
    result.segments[-1:] = [replace(last, frames=frames, end=end)] if frames else []


def write_clips(
    source: FrameSource,
    segments: Sequence[tuple[ClipSegment, Path]],
    crop: Box | None,
    size: tuple[int, int],
) -> Iterator[tuple[Written, dict[str, float], list[int]]]:
    """Write the clips, in one reading of the video; one frame is held at a time.

    segments: in order, none within another.
    size:     (height, width) to scale the crop down to, by areas.
    Yields what was written, its motion in pixels a frame, and the hashes of every `EVERY`-th frame.
    Raises DatasetError if a frame of a segment is no longer there.
    """
    numbered = enumerate(frame for _, frame in source.timed())
    for segment, path in segments:
        motion, hashes = MotionMeter(len(segment.frames)), list[int]()

        frames = (resize(frame, crop, size) for frame in _numbered(segment.frames, numbered))
        written = write_clip(path, _measured(frames, motion, hashes))
        if written.frames != len(segment.frames):
            raise DatasetError(f"{path}: the video has changed while it was read; prepare it again")
        yield written, motion.result(), hashes


def _numbered(numbers: Sequence[int], numbered: Iterator[tuple[int, Frame]]) -> Iterator[Frame]:
    """The frames of these numbers, in rising order, as far as they are there."""
    for wanted in numbers:
        yield from islice((frame for number, frame in numbered if number == wanted), 1)


def _measured(frames: Iterable[Frame], motion: MotionMeter, hashes: list[int]) -> Iterator[Frame]:
    """The frames as they are; their motion and hashes are noted as they go by."""
    for place, frame in enumerate(frames):
        motion.process_frame(frame)
        if place % EVERY == 0:
            hashes.append(perceptual_hash(frame))
        yield frame


def resize(frame: Frame, crop: Box | None, size: tuple[int, int]) -> Frame:
    """The part of a frame within `crop`, scaled down by areas to (height, width).

    One row or column more is cut off, as an odd size has: to scale would blur every frame.
    """
    if crop is not None:
        frame = frame[crop.top : crop.bottom, crop.left : crop.right]
    height, width = size
    if frame.shape[0] - height in (0, 1) and frame.shape[1] - width in (0, 1):
        return np.ascontiguousarray(frame[:height, :width])
    return np.asarray(cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def scaled_size(
    height: int, width: int, to_height: int | None, to_width: int | None
) -> tuple[int, int]:
    """The size that a picture is scaled down to, both even: within the given one, never larger.

    The given size is meant for pictures that are wider than high; for others it is turned.

    >>> scaled_size(1080, 1920, 540, None), scaled_size(1920, 1080, 540, None)
    ((540, 960), (960, 540))
    >>> scaled_size(240, 320, 540, None)
    (240, 320)
    """
    if height > width:
        to_height, to_width = to_width, to_height
    parts = [Fraction(1)]
    parts += [Fraction(to_height, height)] if to_height else []
    parts += [Fraction(to_width, width)] if to_width else []
    part = min(parts)
    if part == 1:
        return height - height % 2, width - width % 2
    return tuple(max(2, round(side * part / 2) * 2) for side in (height, width))  # type: ignore[return-value]
