"""When the frames of a video are shown: its exact rate, or that it varies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from .container import chosen_stream, opened
from .errors import DatasetError

STANDARD = [
    Fraction(rate)
    for rate in (
        *("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60"),
        *("10", "12", "15", "20", "100", "120000/1001", "120", "240000/1001", "240"),
    )
]
STRAY = 0.25  # of a frame's time: how far from its place a frame of a steady rate may be stamped
USUAL = 0.1  # of the median: gaps so near to it are of the usual length
NEAR = 0.02  # a rate this close to a standard one is that one, where it varies anyway


@dataclass(frozen=True)
class Timeline:
    """The time stamps of a stream, as its packets have them.

    rate:   frames a second; where it varies that of the median gap.
    steady: frame k is shown at start + k / rate, whatever the clock's rounding made of it.
    start:  of the first frame, in seconds.
    opening: the earliest start of any stream of the file.
    frames: how many there should be; a damaged file has fewer.
    seconds: from the first frame to the end of the last.
    """

    rate: Fraction
    steady: bool
    start: Fraction
    opening: Fraction
    frames: int
    seconds: Fraction


def timeline(path: Path, stream: int) -> Timeline:
    """When the frames of that stream are shown; nothing is decoded.

    Raises DatasetError if the file cannot be opened.
    """
    with opened(path) as container:
        chosen = chosen_stream(path, container, stream, [])
        ticks = set()
        try:
            for packet in container.demux(chosen):
                # Old containers only know when to decode; sorted that is when to show.
                stamp = packet.dts if packet.pts is None else packet.pts
                if packet.size and not packet.is_discard and stamp is not None:
                    ticks.add(stamp)
        except av.FFmpegError:
            pass  # what the file holds up to there
        tick = Fraction(chosen.time_base or 1)
        hidden = chosen.codec_context.codec.canonical_name in ("vp8", "vp9")
        stamps = [stamp * tick for stamp in (_shown(sorted(ticks)) if hidden else sorted(ticks))]
        promised = chosen.average_rate
        opening = min(stamps[:1] + _starts(container), default=Fraction(0))
    if len(stamps) < 2:
        rate = Fraction(promised or 25)
        start = stamps[0] if stamps else Fraction(0)
        return Timeline(rate, True, start, opening, len(stamps), 1 / rate)
    rate, steady = measured_rate(stamps, promised)
    gaps = sorted(later - one for one, later in pairwise(stamps))
    last = 1 / rate if steady else gaps[len(gaps) // 2]
    seconds = len(stamps) / rate if steady else stamps[-1] - stamps[0] + last
    return Timeline(rate, steady, stamps[0], opening, len(stamps), seconds)


def _shown(ticks: list[int]) -> list[int]:
    """The stamps without those of VP8's and VP9's hidden frames, stored a tick before another."""
    return [tick for tick, after in pairwise([*ticks, ticks[-1] + 9]) if after - tick > 1]


def _starts(container: av.container.InputContainer) -> list[Fraction]:
    """When the streams of picture and sound begin."""
    return [
        stream.start_time * Fraction(stream.time_base)
        for stream in container.streams
        if stream.type in ("video", "audio")
        and stream.start_time is not None
        and stream.time_base is not None
    ]


def measured_rate(
    stamps: Sequence[Fraction], promised: Fraction | None = None
) -> tuple[Fraction, bool]:
    """The rate of frames stamped so, in rising order, and whether it is steady.

    promised: the container's own word, which holds if the stamps bear it out.

    >>> measured_rate([Fraction(n, 1000) for n in (0, 17, 33, 50, 67)], Fraction(60))
    (Fraction(60, 1), True)
    >>> measured_rate([Fraction(n, 10) for n in (0, 1, 2, 5, 6)])
    (Fraction(10, 1), False)
    """
    mean = (len(stamps) - 1) / (stamps[-1] - stamps[0])
    near = sorted(STANDARD, key=lambda rate: abs(rate / mean - 1))
    exact = mean.limit_denominator(100_000)
    for rate in [*([promised] if promised in STANDARD else []), near[0], promised, exact]:
        if rate and _steady(stamps, rate):
            return rate, True
    gaps = sorted(later - one for one, later in pairwise(stamps))
    median = gaps[len(gaps) // 2]
    # A coarse clock rounds gaps of 33.4 ms to 33 and 34: only their mean tells 29.97 from 30.
    usual_gaps = [gap for gap in gaps if abs(gap / median - 1) < USUAL]
    usual = len(usual_gaps) / sum(usual_gaps, Fraction(0))
    near = sorted(STANDARD, key=lambda rate: abs(rate / usual - 1))
    if abs(near[0] / usual - 1) < NEAR:
        return near[0], False
    return usual.limit_denominator(1001), False


def _steady(stamps: Sequence[Fraction], rate: Fraction) -> bool:
    """Whether every stamp is near the place that its number gives it."""
    start, period = float(stamps[0]), 1 / float(rate)
    strays = [float(stamp) - start - k * period for k, stamp in enumerate(stamps)]
    # The first stamp may be off as well as any other.
    return max(strays) - min(strays) < 2 * STRAY * period and max(map(abs, strays)) < period / 2


def checked_rate(text: str) -> Fraction:
    """A frame rate as people write it: 25, 29.97, 30000/1001.

    >>> checked_rate("23.976")
    Fraction(24000, 1001)
    """
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise DatasetError(f"{text!r} is no frame rate; write 25, 29.97 or 30000/1001") from None
    if not 0 < rate <= 1000:
        raise DatasetError(f"{text} frames a second is out of reach; give 1000 at most")
    near = [known for known in STANDARD if abs(known - rate) < Fraction(1, 200)]
    return near[0] if near and "/" not in text else rate
