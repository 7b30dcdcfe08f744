"""Clip segments: which frames of a shot make clips, and why the rest does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TypeVar

from ..video.timestamps import measured_rate
from .duplicates import DuplicateDetector, split_at_jumps, uniform_runs
from .filters import FadeDetector, FlickerDetector, StillDetector
from .frame_stats import FrameStats

RATE_TOLERANCE = Fraction(1, 100)  # 29.97 passes for 30, 23.976 for 24
GAP = 0.5  # of the usual gap: one that differs by more parts what is before from what is after

Key = TypeVar("Key")


@dataclass(frozen=True)
class ClipRequirements:
    """What clips must be.

    rate:   least frames a second, as filmed.
    frames: of a clip, about; min_frames: at least.
    """

    rate: Fraction
    frames: int
    min_frames: int


@dataclass(frozen=True)
class ClipSegment:
    """A clip to be: numbers of frames in the video, when they begin and end, frames a second as filmed."""

    frames: tuple[int, ...]
    start: Fraction
    end: Fraction
    rate: Fraction

    def rejected(self, reason: str) -> Rejection:
        return Rejection(self.start, self.end, len(self.frames), reason)


@dataclass(frozen=True)
class Rejection:
    """A stretch of a video that makes no clip: from the first frame to behind the last, in seconds."""

    start: Fraction
    end: Fraction
    frames: int
    reason: str


def split_shot(
    shot: Sequence[FrameStats],
    required: ClipRequirements,
    rate: Fraction | None,
    slowdown: Fraction = Fraction(1),
) -> Iterator[ClipSegment | Rejection]:
    """The clips that a shot makes, and a rejection of every frame that is in none.

    rate:     of the whole video if it is constant; None measures it, and parts the shot where it is
              not.
    slowdown: how many times slower than life it is shown: 8 for 240 fps played at 30.
    """
    for fault, group in groupby(_constant_parts(shot, rate), key=lambda each: each[2]):
        parts = list(group)
        if fault:
            whole = [stats for part, _, _ in parts for stats in part]
            yield _rejection(whole, parts[-1][1], fault)
        else:
            for part, part_rate, _ in parts:
                yield from _split_part(part, part_rate, required, slowdown)


def _constant_parts(
    shot: Sequence[FrameStats], rate: Fraction | None
) -> Iterator[tuple[Sequence[FrameStats], Fraction, str]]:
    """The parts of a shot that are shown at a constant rate, with it; or why one is not."""
    if rate is not None or len(shot) < 2:
        yield shot, rate or Fraction(25), ""
        return
    gaps = [later.seconds - one.seconds for one, later in pairwise(shot)]
    usual = sorted(gaps)[len(gaps) // 2]
    why = f"gaps of {float(min(gaps)):.4f} to {float(max(gaps)):.4f} s"
    if usual <= 0:
        yield shot, Fraction(25), f"variable frame rate: time stamps run backwards ({why})"
        return
    cuts = [k + 1 for k, gap in enumerate(gaps) if abs(gap / usual - 1) > GAP]
    for start, end in pairwise([0, *cuts, len(shot)]):
        part = shot[start:end]
        part_rate, is_constant = 1 / usual, False
        if len(part) >= 3:
            part_rate, is_constant = measured_rate([stats.seconds for stats in part])
        yield part, part_rate, "" if is_constant else f"variable frame rate ({why})"


def _split_part(
    part: Sequence[FrameStats], rate: Fraction, required: ClipRequirements, slowdown: Fraction
) -> Iterator[ClipSegment | Rejection]:
    # Of what fades the frames differ in brightness alone, and of a still not at all: neither can
    # tell of duplicates.
    detectors = (FadeDetector(rate), StillDetector(rate), FlickerDetector())
    for stats in part:
        for detector in detectors:
            detector.process_frame(stats)
    reasons = [
        next(filter(None, of_frame), "")
        for of_frame in zip(*(detector.result() for detector in detectors), strict=True)
    ]
    for why, start, end in _runs(reasons):
        if why:
            yield _rejection(part[start:end], rate, why)
        else:
            yield from _split_moving(part[start:end], rate, required, slowdown)


def _split_moving(
    stretch: Sequence[FrameStats], rate: Fraction, required: ClipRequirements, slowdown: Fraction
) -> Iterator[ClipSegment | Rejection]:
    detector = DuplicateDetector()
    for stats in stretch:
        detector.process_frame(stats)
    duplicate = detector.result()
    changes, first = [stats.change for stats in stretch], stretch[0].number
    uniform = uniform_runs(duplicate, first)
    runs = [part for run in uniform for part in split_at_jumps(run, changes, first)]
    count, least = sum(duplicate), f"fewer than the {required.min_frames} of a clip"
    why = f"{len(stretch)} frames, {least}"
    if count:
        why = f"repeated frames, unevenly: {count} of {len(stretch)} repeat the one before"
    reasons = [why] * len(stretch)
    for run in runs:
        at, distinct = run.frames[0] - first, len(run.frames)
        place = slice(at, at + run.duration)
        film = rate * slowdown * distinct / run.duration
        if distinct < required.min_frames:
            why = f"{distinct} distinct frames, {least}"
            if len(runs) > len(uniform) and not count:
                reasons[place] = [f"between jumps: {why}"] * run.duration
            elif run.duration == len(stretch) and count:
                reasons[place] = [f"repeated frames: {why}"] * run.duration
        elif film < required.rate * (1 - RATE_TOLERANCE):
            why = f"{_number(film)} frames a second, fewer than the {_number(required.rate)} asked for"
            if run.duration > distinct:
                why = f"repeated frames: each is shown {run.hold} times, {why}"
            reasons[place] = [why] * run.duration
        else:
            reasons[place] = [""] * run.duration
            yield from _clips(run.frames, stretch[place], rate, film, required)
    for why, start, end in _runs(reasons):
        if why:
            yield _rejection(stretch[start:end], rate, why)


def _clips(
    frames: tuple[int, ...],
    inside: Sequence[FrameStats],
    rate: Fraction,
    film: Fraction,
    required: ClipRequirements,
) -> Iterator[ClipSegment]:
    """The frames in clips of about the required number, as equal as can be, and none too short."""
    count = min(round(len(frames) / required.frames), len(frames) // required.min_frames)
    count = max(1, count)
    seconds = {stats.number: stats.seconds for stats in inside}
    ends = [len(frames) * n // count for n in range(count + 1)]
    for start, end in pairwise(ends):
        after = seconds[frames[end]] if end < len(frames) else inside[-1].seconds + 1 / rate
        yield ClipSegment(frames[start:end], seconds[frames[start]], after, film)


def _runs(keys: Sequence[Key]) -> Iterator[tuple[Key, int, int]]:
    """Each run of equal keys: the key, where it begins, where it ends."""
    start = 0
    for key, group in groupby(keys):
        end = start + len(list(group))
        yield key, start, end
        start = end


def _rejection(part: Sequence[FrameStats], rate: Fraction, reason: str) -> Rejection:
    return Rejection(part[0].seconds, part[-1].seconds + 1 / rate, len(part), reason)


def _number(rate: Fraction) -> str:
    return f"{float(rate):.2f}".rstrip("0").rstrip(".")
