"""Inputs of `stvt upsample`: a video or a folder of pictures, as frames with their times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from stvt.core.errors import UsageError
from stvt.core.images import animated_webp, other_files
from stvt.datasets import (
    Pixels,
    Timestamps,
    frame_files,
    numbering_fault,
    open_video,
    read_deep_frame,
    two_sequences,
)
from stvt.upsampling.color import VUI, source_vui
from stvt.upsampling.placement import TimedFrame, output_count


@dataclass(frozen=True)
class Part:
    """The part of a source that is taken.

    start, end: seconds from its first frame; an end of None is its own.
    crop:       (width, height, x, y) of upright frames, in pixels; None: all.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None
    crop: tuple[int, int, int, int] | None = None


@dataclass
class Source:
    """Frames in order, each with its time; `frames()` reads them anew.

    when:   rate and times. vui, bits: how colours are coded.
    first:  the time of the first frame taken, once it has been read.
    last:   how long the last frame taken is shown, in seconds, once all have been read.
    notes:  what a user may like to know; problems: why less came than should have.
    """

    path: Path
    part: Part
    when: Timestamps
    vui: VUI
    bits: int
    width: int
    height: int
    first: Fraction | None = None
    last: Fraction = Fraction(1)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.part.crop is not None:
            width, height, x, y = self.part.crop
            if x + width > self.width or y + height > self.height:
                raise UsageError(
                    f"--crop {width}:{height}:{x}:{y}: {self.path} is {self.width}x{self.height}"
                )
        if self.part.start >= self.when.seconds:
            raise UsageError(
                f"--start: {self.path} is {float(self.when.seconds):.2f} s long; "
                f"nothing comes after {float(self.part.start):g} s"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames taken, cropped."""
        return (self.width, self.height) if self.part.crop is None else self.part.crop[:2]

    def expected(self, step: Fraction) -> int:
        """About how many outputs there will be, one every `step` seconds of the source."""
        end = self.when.seconds if self.part.end is None else self.part.end
        return output_count(min(end, self.when.seconds) - self.part.start, step)

    def frames(self) -> Iterator[TimedFrame]:
        """The frames taken, cropped, with their times in seconds."""
        self.first, self.last = None, 1 / self.when.rate
        origin: Fraction | None = None
        last: Fraction | None = None
        for number, stamp, picture in self._all():
            if number and origin is None:
                origin = self.when.start
            before = last
            if self.when.constant_rate or stamp is None or (last is not None and stamp <= last):
                beginning = origin if origin is not None else stamp
                if beginning is None:
                    beginning = self.when.start
                if self.when.constant_rate or last is None:
                    stamp = beginning + number / self.when.rate
                else:
                    stamp = last + 1 / self.when.rate
            origin = stamp if origin is None else origin
            last = stamp
            past = stamp - origin
            if self.part.end is not None and past >= self.part.end:
                if before is not None and not self.when.constant_rate:
                    self.last = origin + self.part.end - before
                break
            if past < self.part.start:
                continue
            self.first = stamp if self.first is None else self.first
            yield TimedFrame(stamp, self._cropped(picture), number)
        else:
            if last is not None and origin is not None and not self.problems:
                end = self.part.end
                rest = self.when.last if end is None else min(self.when.last, origin + end - last)
                self.last = max(rest, self.last if self.when.constant_rate else rest)
        if self.first is None:
            start, end = float(self.part.start), self.part.end
            until = "" if end is None else f" and before {float(end):g} s"
            raise UsageError(f"--start: {self.path} has no frame after {start:g} s{until}")

    def _all(self) -> Iterator[tuple[int, Fraction | None, Pixels]]:
        """The frames with their numbers and time stamps; some before the part may be left out."""
        raise NotImplementedError

    def _cropped(self, picture: Pixels) -> Pixels:
        if self.part.crop is None:
            return picture
        width, height, x, y = self.part.crop
        cut: Pixels = np.ascontiguousarray(picture[y : y + height, x : x + width])  # type: ignore[assignment]
        return cut


class VideoSource(Source):
    """A video file, by the stream of that number or the one a player would show."""

    def __init__(self, path: Path, part: Part, stream: int | None = None) -> None:
        if path.is_file() and animated_webp(path):
            raise UsageError(
                f"{path}: is an animated WebP, which FFmpeg cannot decode; make it a GIF, or a "
                "folder of its frames"
            )
        self._video = open_video(path, stream, threads=0)
        facts = self._video.facts
        self.stream = int(str(facts["stream"]))
        when = self._video.timestamps
        video = self._video
        super().__init__(path, part, when, source_vui(facts), video.bits, video.width, video.height)
        self.notes += video.notes
        if not when.constant_rate:
            self.notes.append(
                f"variable frame rate, {float(when.rate):g} frames a second usually: new frames are "
                "placed by time stamp, the result is steady"
            )
        if facts["hdr"]:
            self.notes.append("what its screen was (mastering metadata) is not handed on")

    def _all(self) -> Iterator[tuple[int, Fraction | None, Pixels]]:
        # Where the first frames cannot be decoded, numbers do not tell times.
        whole = self._video.start == self.when.start
        point = self.when.seek_point(self.part.start) if whole else None
        number = start = point.number if point else 0
        origin: int | None = None
        latest, ordered = start, True
        frames = self._video.timed(deep=True, point=point)
        try:
            for count, (stamp, picture) in enumerate(frames):
                # A frame that could not be decoded leaves its place empty; one in another order does not.
                place = self.when.number(stamp)
                ordered = ordered and place is not None and (not count or place > latest)
                if place is not None and ordered:
                    origin = place - number if origin is None else origin
                    number = max(number, min(place - origin, start + count + self._video.missing))
                    latest = place
                yield number, stamp, picture
                number += 1
        finally:  # of those read, where the part ends before the file
            frames.close()
            self.notes += self._video.faults
        if self._video.facts["partial"]:
            note = next(note for note in self._video.notes if note.startswith("partial"))
            self.problems.append(f"{self.path}: {note}")


class FolderSource(Source):
    """A folder of pictures, in natural order, at a rate that the user gives."""

    def __init__(self, path: Path, part: Part, rate: Fraction) -> None:
        self._files = frame_files(path)
        if not self._files:
            raise UsageError(f"{path}: holds no pictures{other_files(path)}")
        if fault := two_sequences(self._files):
            raise UsageError(f"{path}: {fault}")
        said: set[str] = set()
        first = read_deep_frame(self._files[0], said)
        height, width = first.shape[:2]
        bits = 8 if first.dtype == np.uint8 else 16
        seconds = len(self._files) / rate
        count = len(self._files)
        when = Timestamps(rate, True, Fraction(0), Fraction(0), count, seconds, 1 / rate)
        super().__init__(path, part, when, VUI(), bits, width, height)
        if fault := numbering_fault(self._files):
            self.notes.append(f"{path}: {fault}")
        self.notes += [f"{path}: {note}" for note in sorted(said)]

    def _all(self) -> Iterator[tuple[int, Fraction | None, Pixels]]:
        start = math.ceil(self.part.start * self.when.rate)
        for number, file in enumerate(self._files[start:], start):
            said: set[str] = set()
            picture = read_deep_frame(file, said)
            if picture.dtype != np.uint8 and self.bits == 8:
                said.add("frames of 16 bits are written in the 8 of the folder's first")
            lines = (f"{self.path}: {note}" for note in sorted(said))
            self.notes += [line for line in lines if line not in self.notes]
            if picture.shape[:2] != (self.height, self.width):
                raise UsageError(
                    f"{file}: is {picture.shape[1]}x{picture.shape[0]}, "
                    f"the first of the folder {self.width}x{self.height}"
                )
            yield number, None, picture
