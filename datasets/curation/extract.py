"""The two readings of a video that makes training clips: what is in it, then the clips themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..clips.storage import Written, write_clip
from ..errors import DatasetError
from ..frames import read_frame
from .frame_stats import Looking, Seen, small_picture
from .letterbox import Borders, Box
from .motion import MotionMeter
from .phash import EVERY, picture_hash
from .segments import Piece, Refusal, Wanted, plan_shot
from .shot_detector import BUILT_IN, shots
from .watermark import Logos, overlap, without_logos
from .watermark_segments import Passing, PassingLogos

Frame = NDArray[np.uint8]
LOOK_EVERY_SECONDS = Fraction(1, 4)  # how often borders and logos are looked for
PATCHED = (
    8  # frames before the place where a damaged file stops, which decoders may have patched up
)


class Footage(Protocol):
    """What is read of a video, or of a folder of frames; see `video.Video`."""

    width: int
    height: int
    notes: list[str]
    facts: dict[str, object]

    def timed(self) -> Iterator[tuple[Fraction | None, Any]]: ...


@dataclass
class Pictures:
    """A folder of frames, filmed at a rate that must be told."""

    files: Sequence[Path]
    rate: Fraction
    width: int = 0
    height: int = 0
    notes: list[str] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.height, self.width = read_frame(self.files[0]).shape[:2]

    def timed(self) -> Iterator[tuple[Fraction | None, Any]]:
        for number, file in enumerate(self.files):
            frame = read_frame(file)
            if frame.shape[:2] != (self.height, self.width):
                raise DatasetError(f"{file}: is not of the size of the frames before it")
            yield number / self.rate, frame


@dataclass(frozen=True)
class Section:
    """A part of a video, in seconds from its first frame; an `end` of None is the video's."""

    start: Fraction = Fraction(0)
    end: Fraction | None = None


@dataclass
class Survey:
    """What the first reading found."""

    frames: int = 0
    pieces: list[Piece] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    box: Box | None = None  # of the picture within its borders, logos cut off
    logos: list[Box] = field(default_factory=list)
    fault: str = ""  # for which no clip can be made of the video


def survey(
    footage: Footage,
    sections: Sequence[Section],
    wanted: Wanted,
    steady: Fraction | None,
    about: Fraction,
    speed: Fraction,
    cuts: str = BUILT_IN,
) -> Survey:
    """What a video holds; of each frame only a few numbers are kept, and those for one shot.

    steady: the rate if it is constant, else None; about: the rate, at least roughly.
    cuts:   what `detected_cuts.chosen_cuts` gave.
    """
    found = Survey()
    borders = Borders(footage.height, footage.width)
    logos = Logos(footage.height, footage.width)
    passing = PassingLogos(footage.height, footage.width, lambda: borders.result()[0])
    shot: list[Seen] = []
    key: tuple[int, int] | None = None

    def close() -> None:
        if shot:
            pieces, refused = plan_shot(shot, wanted, steady, speed)
            found.pieces += pieces
            found.refused += refused
            shot.clear()

    looking = Looking(about)

    def look(frame: Frame, seconds: Fraction) -> None:
        borders.add(frame)
        logos.add(frame)
        passing.add(frame, seconds)

    reading = _reading(footage, sections, about, look, found, looking)
    for number, (section, seen, _) in shots(reading, lambda item: item[2], cuts):
        if (section, number) != key:
            close()
            key = section, number
        shot.append(seen)
    close()
    found.box, found.fault = borders.result()
    if not found.fault:
        found.logos = logos.boxes(found.box)
        _leave_logos(found, passing.found, Box(0, 0, footage.height, footage.width))
    if footage.facts.get("partial"):
        _leave_patched(found)
    return found


def _leave_logos(found: Survey, passing: Sequence[Passing], picture: Box) -> None:
    """Cut logos off; where too little were left, those of a part of the video cost its clips there."""
    whole = found.box or picture
    if found.logos:
        found.box, found.fault = without_logos(whole, found.logos)
    if found.fault:
        return
    rest = found.box or picture
    others = [one for one in passing if overlap(rest, one.box)]
    every = [*found.logos, *(one.box for one in others)]
    cut, fault = without_logos(whole, every)
    if not fault:
        if others:
            found.box, found.logos = cut, every
        return
    for piece in list(found.pieces):
        seen = [one.box for one in others if one.is_seen(piece.start, piece.end)]
        if seen:
            box = seen[0]
            why = f"burnt-in logo for a while ({box.width}x{box.height} at {box.left},{box.top})"
            found.pieces.remove(piece)
            found.refused.append(Refusal(piece.start, piece.end, len(piece.frames), why))


def _reading(
    footage: Footage,
    sections: Sequence[Section],
    about: Fraction,
    look: Callable[[Frame, Fraction], None],
    found: Survey,
    looking: Looking,
) -> Iterator[tuple[int, Seen, Frame]]:
    """The frames of the sections: which, what is seen, and the small picture."""
    every = max(1, round(about * LOOK_EVERY_SECONDS))
    for section, number, seconds, frame in placed(footage, sections, about):
        found.frames += 1
        if number % every == 0:
            look(frame, seconds)
        small = small_picture(frame)
        yield section, looking(number, seconds, small), small


def placed(
    footage: Footage, sections: Sequence[Section], about: Fraction
) -> Iterator[tuple[int, int, Fraction, Frame]]:
    """Section, number and seconds from the first frame of each frame that is in a section.

    Reading ends with the last section, not with the video.
    """
    first: Fraction | None = None
    last = None if any(s.end is None for s in sections) else max(s.end or 0 for s in sections)
    for number, (stamp, frame) in enumerate(footage.timed()):
        if stamp is None:
            seconds = number / about
        else:
            first = stamp if first is None else first
            seconds = stamp - first
        if last is not None and seconds >= last:
            return
        for index, section in enumerate(sections):
            if section.start <= seconds and (section.end is None or seconds < section.end):
                yield index, number, seconds, frame
                break


def _leave_patched(found: Survey) -> None:
    """Take the last frames before the damage out of the pieces."""
    if not found.pieces:
        return
    last = found.pieces[-1]
    sound = found.frames - PATCHED
    kept = tuple(number for number in last.frames if number < sound)
    if len(kept) == len(last.frames):
        return
    length = (last.end - last.start) / len(last.frames)
    end = last.start + length * len(kept)
    why = "next to the place where the damaged file stops"
    found.refused.append(Refusal(end, last.end, len(last.frames) - len(kept), why))
    found.pieces.pop()
    if kept:
        found.pieces.append(Piece(kept, last.start, end, last.rate))


@dataclass(frozen=True)
class Made:
    """A clip that was written."""

    piece: Piece
    written: Written
    motion: dict[str, float]
    hashes: list[int]


def write_pieces(
    footage: Footage,
    pieces: Sequence[tuple[Piece, Path]],
    box: Box | None,
    size: tuple[int, int],
) -> Iterator[Made]:
    """Write the clips, in one reading of the video; one frame is held at a time.

    pieces: in order, none within another. box: the part of the picture that is kept.
    size: (height, width) to scale down to, by areas.
    """
    frames = ((number, frame) for number, (_, frame) in enumerate(footage.timed()))
    for piece, path in pieces:
        motion = MotionMeter(len(piece.frames))
        hashes: list[int] = []
        written = write_clip(path, _tapped(frames, piece, box, size, motion, hashes))
        if written.frames != len(piece.frames):
            raise DatasetError(f"{path}: the video has changed while it was read; prepare it again")
        yield Made(piece, written, motion.result(), hashes)


def _tapped(
    frames: Iterator[tuple[int, Frame]],
    piece: Piece,
    box: Box | None,
    size: tuple[int, int],
    motion: MotionMeter,
    hashes: list[int],
) -> Iterator[Frame]:
    """The frames of a piece as they are stored, measured as they go by."""
    wanted = iter(piece.frames)
    for place in itertools.count():
        number = next(wanted, None)
        if number is None:
            return
        for found, frame in frames:
            if found == number:
                break
        else:
            return
        made = reduced(frame, box, size)
        motion.add(made)
        if place % EVERY == 0:
            hashes.append(picture_hash(made))
        yield made


def reduced(frame: Frame, box: Box | None, size: tuple[int, int]) -> Frame:
    """The part of a frame within `box`, scaled down by areas to (height, width)."""
    if box is not None:
        frame = frame[box.top : box.top + box.height, box.left : box.left + box.width]
    if frame.shape[:2] == size:
        return np.ascontiguousarray(frame)
    return np.asarray(cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def scaled(height: int, width: int, to_height: int | None, to_width: int | None) -> tuple[int, int]:
    """The size that a picture is scaled down to, both even: within the given one, never larger.

    The given size is meant for pictures that are wider than high; for others it is turned.

    >>> scaled(1080, 1920, 540, None), scaled(1920, 1080, 540, None), scaled(240, 320, 540, None)
    ((540, 960), (960, 540), (240, 320))
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
