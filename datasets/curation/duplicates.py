"""Duplicate frames, which only repeat the one before, and the runs in which the rest is evenly spaced."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame_stats import BLOCK, FrameStats, small_picture

Item = TypeVar("Item")
Picture = NDArray[np.uint8] | NDArray[np.float32]

LONGEST = 12  # frames that one picture is shown: 24 fps in 240 takes 10; more is a still
JUMP = 2.5  # times the largest of the steps before and after it: no pan starts and stops so fast
JUMP_LEAST = 3.0  # levels; of 73 clips cut from real files three had such a step
JUMP_AROUND = 3  # steps on either side
# Odd holds that must be seen before uneven spacing is taken for a rule (24 in 60: 2 3 2 3).
CYCLES = 3
HELD = 4  # pictures at least in a run that makes a rule
NEAR = 0.6  # levels of change: a near duplicate is no more
CODED = 16.0  # levels by which coding changes a block of 8x8 pixels at most: usually 2 to 7
AHEAD = 3  # frames after one that tell whether it repeats the one before


@dataclass(frozen=True)
class UniformRun:
    """Distinct frames evenly spaced.

    frames: their numbers; duration: how many frames of the video they last, duplicates with them.
    """

    frames: tuple[int, ...]
    duration: int

    @property
    def hold(self) -> str:
        """How long each is shown, in frames: "1", "2", "2.5"."""
        return f"{self.duration / len(self.frames):.2f}".rstrip("0").rstrip(".")


class DuplicateDetector:
    """Finds frames that repeat the one before by their changes, `FrameStats.change`.

    A duplicate is the very same picture, or one so near that the steps around it are four times as
    large; a slow moment within a quick motion is longer, or not so near. Measured on a 30 fps film
    coded at 60 fps: duplicates 0.0 to 0.22, one of 465 (a key frame) 3.4, the steps between them 1.4
    to 37; cameras held still at 60 fps: no step below 0.03.

    same:  change of at most so many levels: the very same picture, coded again.
    near:  a near duplicate is no more than this, ...
    part:  ... and no more than this part of the changes on either side of it, ...
    loose: ... or this part only, where it falls in with a period of sure ones.

    >>> detector = DuplicateDetector()
    >>> for k, change in enumerate([9, 4.0, 0.1, 4.1, 0.1, 4.2, 4.0]):
    ...     detector.process_frame(FrameStats(k, 0, change, 0, 0))
    >>> detector.result()
    [False, False, True, False, True, False, False]
    """

    def __init__(
        self, same: float = 0.02, near: float = NEAR, part: float = 0.25, loose: float = 0.4
    ) -> None:
        self.same, self.near, self.part, self.loose = same, near, part, loose
        self._changes: list[float] = []

    def process_frame(self, stats: FrameStats) -> None:
        self._changes.append(stats.change)

    def result(self) -> list[bool]:
        """Whether each frame repeats the one before it; the first does not."""
        changes, count = self._changes, len(self._changes)
        sure = [k > 0 and self._is_sure(k) for k in range(count)]
        duplicate = list(sure)
        for k in range(1, count):
            if not sure[k] and self._is_valley(k, self.loose, changes[k] / self.loose):
                duplicate[k] = any(
                    k >= 2 * p and sum(sure[k - 2 * p : k + 2 * p + 1 : p]) == 4
                    for p in range(2, LONGEST + 1)
                )
        return duplicate

    def _is_sure(self, k: int) -> bool:
        change = self._changes[k]
        if change <= self.same or change > self.near:
            return change <= self.same
        # Of a picture held for several frames some are nearer than others by more than `part`.
        return any(self._is_valley(k, self.part, bank) for bank in (change / self.part, self.near))

    def _is_valley(self, k: int, part: float, bank: float) -> bool:
        """Whether the change at k, with those about it up to `bank`, is far below what is beyond.

        Beyond the first and the last picture of a shot there is nothing, and one side must do.
        """
        changes, count = self._changes, len(self._changes)
        begin = end = k
        while begin > 1 and changes[begin - 1] <= bank and end - begin < LONGEST:
            begin -= 1
        while end + 1 < count and changes[end + 1] <= bank and end - begin < LONGEST:
            end += 1
        banks = [changes[begin - 1]] if begin > 1 else []
        banks += [changes[end + 1]] if end + 1 < count else []
        if not banks or end - begin + 1 >= LONGEST:
            return False
        # A slope up to the bank is a motion that slows down.
        return max(changes[begin : end + 1]) <= part * min(banks)


def mark_repeats(
    items: Iterable[Item], picture: Callable[[Item], Picture]
) -> Iterator[tuple[bool, Item]]:
    """Each item with whether its frame repeats the one before, `AHEAD` frames behind.

    A repeat is the very same picture, or one that only coding changed: a duplicate by
    `DuplicateDetector` among the frames around it, no block of which differs by more than `CODED`.
    In light that changes there is none: brightness counts.

    picture: the frame of an item, (H, W, 3), RGB: uint8, or floats in [0, 1].
    """
    changes: list[float] = []
    alike: list[bool | None] = []  # None: as far as a small picture tells
    waiting: deque[Item] = deque()
    before: tuple[Picture, NDArray[np.float32]] | None = None

    def is_repeat(k: int) -> bool:
        if alike[k] is not None:
            return bool(alike[k])
        first = max(k - AHEAD - 1, 0)
        detector = DuplicateDetector()
        for change in changes[first : k + AHEAD + 1]:
            detector.process_frame(FrameStats(0, Fraction(0), change, 0, 0))
        return detector.result()[k - first]

    for number, item in enumerate(items):
        frame: Any = picture(item)
        levels = np.float32(1 if frame.dtype == np.uint8 else 255)
        small = cv2.cvtColor(small_picture(frame), cv2.COLOR_RGB2GRAY) * levels
        change = math.inf
        same: bool | None = False
        if before is not None:
            change = float(cv2.absdiff(small, before[1]).mean())
            same = not change and np.array_equal(frame, before[0])
            if not same and change <= NEAR:
                size = [max(side // BLOCK, 1) for side in frame.shape[1::-1]]
                blocks = cv2.resize(
                    cv2.absdiff(frame, before[0]), size, interpolation=cv2.INTER_AREA
                )
                same = None if float(blocks.max()) * levels <= CODED else False
        changes.append(change if number else 0.0)
        alike.append(same)
        before = frame, small
        waiting.append(item)
        if len(waiting) > AHEAD:
            yield is_repeat(number - AHEAD), waiting.popleft()
    for k, item in enumerate(waiting, len(changes) - len(waiting)):
        yield is_repeat(k), item


def usual_hold(duplicate: Sequence[bool]) -> str | None:
    """How many frames most pictures are held for, as drawings on twos are; None for no rule.

    >>> usual_hold([False, True] * 6), usual_hold([False] * 11 + [True])
    ('2', None)
    """
    repeated = [run for run in uniform_runs(duplicate) if run.duration > len(run.frames) >= HELD]
    if 2 * sum(run.duration for run in repeated) <= len(duplicate):
        return None
    return max(repeated, key=lambda run: run.duration).hold


def split_at_jumps(run: UniformRun, changes: Sequence[float], first: int = 0) -> list[UniformRun]:
    """The parts of a run between steps so large that frames must be missing, or a cut was overlooked.

    changes: `FrameStats.change` by frame; `first` is the number of the first.

    >>> run = UniformRun(tuple(range(10)), 10)
    >>> [part.frames for part in split_at_jumps(run, [0, 4, 4, 5, 5, 30, 5, 4, 4, 4])]
    [(0, 1, 2, 3, 4), (5, 6, 7, 8, 9)]
    """
    steps = [changes[number - first] for number in run.frames]
    cuts = []
    for k in range(1, len(steps)):
        sides = (steps[max(1, k - JUMP_AROUND) : k], steps[k + 1 : k + 1 + JUMP_AROUND])
        around = max((max(side) for side in sides if side), default=math.inf)
        if steps[k] > max(JUMP * around, JUMP_LEAST):
            cuts.append(k)
    ends = [*run.frames, run.frames[0] + run.duration]
    return [
        UniformRun(run.frames[start:end], ends[end] - ends[start])
        for start, end in pairwise([0, *cuts, len(steps)])
    ]


def uniform_runs(duplicate: Sequence[bool], first: int = 0) -> list[UniformRun]:
    """The runs in which every distinct frame is shown equally long, or in a regular alternation.

    duplicate: by frame, whether it repeats the one before; `first` is the number of the first.
    A frame held for longer than `LONGEST` belongs to none. In order; a run may be one frame long.

    >>> runs = uniform_runs([False, False, False, False, True, False, True])
    >>> [(run.frames, run.hold) for run in runs]
    [((0, 1, 2), '1'), ((3, 5), '2')]
    """
    starts = [k for k, again in enumerate(duplicate) if not again or k == 0]
    holds = [later - one for one, later in pairwise([*starts, len(duplicate)])]
    runs, at = [], 0
    while at < len(holds):
        end = max(_constant_end(holds, at), _alternating_end(holds, at))
        if holds[at] <= LONGEST:
            frames = tuple(first + k for k in starts[at:end])
            runs.append(UniformRun(frames, sum(holds[at:end])))
        at = end
    return runs


def _constant_end(holds: Sequence[int], at: int) -> int:
    """Where the run of equal holds that begins at `at` ends."""
    return next((k for k in range(at, len(holds)) if holds[k] != holds[at]), len(holds))


def _alternating_end(holds: Sequence[int], at: int) -> int:
    """Where the run of two neighbouring holds in regular alternation ends; `at` if there is none.

    Regular: the rarer of the two comes alone, at distances that differ by one at most, and often
    enough to be a rule.
    """
    best, other = at, _constant_end(holds, at)
    if other == len(holds) or abs(holds[other] - holds[at]) != 1:
        return at
    allowed = (holds[at], holds[other])
    for rare in allowed:
        count, last, gaps, stop = 0, at, list[int](), at
        while stop < len(holds) and holds[stop] in allowed:
            gap = stop - last
            if holds[stop] != rare:
                if count and gap > max(gaps, default=LONGEST):
                    break
            elif gap > LONGEST:
                break
            else:
                gaps += [gap] if count else []
                if gaps and (gap < 2 or max(gaps) - min(gaps) > 1):
                    break
                count, last = count + 1, stop
            stop += 1
        if count >= CYCLES:
            best = max(best, stop)
    return best
