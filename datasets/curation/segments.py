"""Which frames of a shot make clips, and why the rest does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise

from ..video.timestamps import measured_rate
from .duplicates import EvenRun, even_runs, repeats, without_jumps
from .fades import faded
from .flicker import flickering
from .frame_stats import Seen

RATE_TOLERANCE = Fraction(1, 100)  # 29.97 passes for 30, 23.976 for 24
STILL = 1.0  # least `Seen.moved` of a frame with motion; measured: noise 0.3 to 0.9, slow pans 2
STILL_SECONDS = Fraction(1, 4)  # as long a rest is left in: training needs pauses, not stills
FLICKER = "flicker: the light goes up and down"
JUMP = 0.5  # of the usual gap: a gap that differs by more parts what is before from what is after


@dataclass(frozen=True)
class Wanted:
    """What is asked of clips. rate: least frames a second, as filmed; frames: of a clip, about."""

    rate: Fraction
    frames: int
    least: int


@dataclass(frozen=True)
class Piece:
    """A clip to be: numbers of frames in the video, when they begin and end, frames a second as filmed."""

    frames: tuple[int, ...]
    start: Fraction
    end: Fraction
    rate: Fraction


@dataclass(frozen=True)
class Refusal:
    """A stretch of a video that makes no clip: from the first frame to behind the last, in seconds."""

    start: Fraction
    end: Fraction
    frames: int
    reason: str


def plan_shot(
    shot: Sequence[Seen], wanted: Wanted, steady: Fraction | None, speed: Fraction = Fraction(1)
) -> tuple[list[Piece], list[Refusal]]:
    """The clips that a shot makes, and a reason for every frame that is in none, in order of time.

    steady: the rate of the whole video if it is constant; None measures it, and parts the shot
            where it is not.
    speed:  how many times slower than life it is shown: 8 for 240 fps played at 30.
    """
    pieces: list[Piece] = []
    refused: list[Refusal] = []
    behind = -1  # the number of the frame after the part before
    for part, rate, fault in _constant_rate(shot, steady):
        if fault and refused and refused[-1].reason == fault and part[0].number == behind:
            last = refused.pop()
            whole = _refusal(part, rate, fault)
            refused.append(Refusal(last.start, whole.end, last.frames + whole.frames, fault))
        elif fault:
            refused.append(_refusal(part, rate, fault))
        else:
            _plan_part(part, rate, wanted, speed, pieces, refused)
        behind = part[-1].number + 1
    return pieces, refused


def _constant_rate(
    shot: Sequence[Seen], steady: Fraction | None
) -> Iterator[tuple[Sequence[Seen], Fraction, str]]:
    """The parts of a shot that are shown at a constant rate, with it; or why one is not."""
    if steady is not None or len(shot) < 2:
        yield shot, steady or Fraction(25), ""
        return
    gaps = [later.seconds - one.seconds for one, later in pairwise(shot)]
    usual = sorted(gaps)[len(gaps) // 2]
    said = f"gaps of {float(min(gaps)):.4f} to {float(max(gaps)):.4f} s"
    if usual <= 0:
        yield shot, Fraction(25), f"variable frame rate: time stamps run backwards ({said})"
        return
    cuts = [k + 1 for k, gap in enumerate(gaps) if abs(gap / usual - 1) > JUMP]
    for start, end in pairwise([0, *cuts, len(shot)]):
        part = shot[start:end]
        if len(part) < 3:
            yield part, 1 / usual, f"variable frame rate ({said})"
            continue
        rate, even = measured_rate([seen.seconds for seen in part])
        yield part, rate, "" if even else f"variable frame rate ({said})"


def _plan_part(
    part: Sequence[Seen],
    rate: Fraction,
    wanted: Wanted,
    speed: Fraction,
    pieces: list[Piece],
    refused: list[Refusal],
) -> None:
    fades = faded(part, rate)
    stills = _still(part, rate)
    flickers = flickering(part)
    # Of what fades the frames differ in brightness alone, and of a still not at all: neither can
    # tell of repeats.
    whys = [
        fade or ("still: nothing moves" if still else FLICKER if flicker else "")
        for fade, still, flicker in zip(fades, stills, flickers, strict=True)
    ]
    for why, group in groupby(range(len(part)), key=lambda k: whys[k]):
        numbers = list(group)
        stretch = part[numbers[0] : numbers[-1] + 1]
        if why:
            refused.append(_refusal(stretch, rate, why))
        else:
            _plan_moving(stretch, rate, wanted, speed, pieces, refused)


def _plan_moving(
    stretch: Sequence[Seen],
    rate: Fraction,
    wanted: Wanted,
    speed: Fraction,
    pieces: list[Piece],
    refused: list[Refusal],
) -> None:
    changes = [seen.change for seen in stretch]
    again = repeats(changes)
    first = stretch[0].number
    count = sum(again[1:])
    uneven = f"repeated frames, unevenly: {count} of {len(stretch)} repeat the one before"
    short = f"{len(stretch)} frames, fewer than the {wanted.least} of a clip"
    whys = [uneven if count else short] * len(stretch)
    even = even_runs(again, first)
    runs = [part for run in even for part in without_jumps(run, changes, first)]
    for run in runs:
        film = rate * speed * len(run.frames) / run.shown
        at = run.frames[0] - first
        place = slice(at, at + run.shown)
        if len(run.frames) < wanted.least:
            if len(runs) > len(even) and not count:
                whys[place] = ["between jumps: " + _few(run, wanted)] * run.shown
            elif run.shown == len(stretch) and count:
                whys[place] = ["repeated frames: " + _few(run, wanted)] * run.shown
        elif film < wanted.rate * (1 - RATE_TOLERANCE):
            why = (
                f"{_number(film)} frames a second, fewer than the {_number(wanted.rate)} asked for"
            )
            if run.shown > len(run.frames):
                why = f"repeated frames: each is shown {run.hold} times, {why}"
            whys[place] = [why] * run.shown
        else:
            whys[place] = [""] * run.shown
            pieces.extend(_clips(run.frames, stretch[place], rate, film, wanted))
    for why, group in groupby(range(len(stretch)), key=lambda k: whys[k]):
        numbers = list(group)
        if why:
            refused.append(_refusal(stretch[numbers[0] : numbers[-1] + 1], rate, why))


def _few(run: EvenRun, wanted: Wanted) -> str:
    return f"{len(run.frames)} distinct frames, fewer than the {wanted.least} of a clip"


def _clips(
    frames: tuple[int, ...], inside: Sequence[Seen], rate: Fraction, film: Fraction, wanted: Wanted
) -> Iterator[Piece]:
    """The frames in clips of about the wanted number, as equal as can be."""
    count = max(1, round(len(frames) / wanted.frames))
    seconds = {seen.number: seen.seconds for seen in inside}
    ends = [len(frames) * n // count for n in range(count + 1)]
    for start, end in pairwise(ends):
        after = seconds[frames[end]] if end < len(frames) else inside[-1].seconds + 1 / rate
        yield Piece(frames[start:end], seconds[frames[start]], after, film)


def _still(part: Sequence[Seen], rate: Fraction) -> list[bool]:
    """Whether each frame belongs to a rest that is long enough to be left out."""
    low = [seen.moved < STILL for seen in part]
    if len(low) > 1:
        low[0] = low[1]  # the first has none before it to be compared with
    found = [False] * len(part)
    for rests, group in groupby(range(len(low)), key=lambda k: low[k]):
        numbers = list(group)
        if rests and len(numbers) >= max(float(rate * STILL_SECONDS), 2.0):
            for k in numbers:
                found[k] = True
    return found


def _refusal(part: Sequence[Seen], rate: Fraction, reason: str) -> Refusal:
    return Refusal(part[0].seconds, part[-1].seconds + 1 / rate, len(part), reason)


def _number(rate: Fraction) -> str:
    return f"{float(rate):.2f}".rstrip("0").rstrip(".")
