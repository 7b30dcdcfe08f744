"""Time stamps of a video: its exact frame rate or that it varies, and where reading can begin."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av

from ..errors import DatasetError
from .probe import as_fraction, open_container, select_stream

STANDARD = [
    Fraction(rate)
    for rate in (
        *("24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60000/1001", "60"),
        *("10", "12", "15", "20", "48000/1001", "100", "120000/1001", "120", "240000/1001", "240"),
    )
]
STRAY = 0.25  # of a frame's time: how far from its place a frame of a constant rate may be stamped
USUAL = 0.1  # of the median: gaps so near to it are of the usual length
NEAR = 0.02  # a rate this close to a standard one is that one, where it varies anyway
ROUNDED = 1e-4  # a header's rate so close to a standard one is that one
CLOCK = 1000  # a rate that is that of a container's clock
LONG = 2  # frames' times: a last frame shown so long or longer is meant to stay
JUMP = 1  # seconds back from which time stamps have begun anew, as in joined transport streams
CANVAS = ("gif", "apng", "webp")  # codecs whose every picture is painted over the one before


@dataclass(frozen=True)
class SeekPoint:
    """Where reading can begin in order to have a frame without all those before it.

    number: of the frame; tick: its time stamp; key: that of the key frame to begin at.
    """

    number: int
    tick: int
    key: int


@dataclass(frozen=True)
class Timestamps:
    """The time stamps of a stream, as its packets have them.

    rate:   frames a second; where it varies that of the median gap.
    constant_rate: frame k is shown at start + k / rate, whatever the clock's rounding made of it.
    start:  of the first frame, in seconds.
    opening: the earliest start of any stream of the file.
    frames: how many there should be; a damaged file has fewer.
    seconds: from the first frame to the end of the last.
    last:   how long the last frame is shown; longer than the others where the file says so.
    ticks, keys: the time stamps of all frames and of key frames, in units of `tick` seconds; empty
             where the file does not tell each frame's.
    """

    rate: Fraction
    constant_rate: bool
    start: Fraction
    opening: Fraction
    frames: int
    seconds: Fraction
    last: Fraction
    ticks: Sequence[int] = field(default=(), repr=False)
    keys: Sequence[int] = field(default=(), repr=False)
    tick: Fraction = Fraction(1)

    def seek_point(self, seconds: Fraction) -> SeekPoint | None:
        """How to reach the first frame that is shown so many seconds after the first, or later.

        None if there is no such frame, or no key frame nearer to it than the beginning.
        """
        if not self.ticks or seconds <= 0:
            return None
        if self.constant_rate:
            number = math.ceil(seconds * self.rate)
        else:
            number = bisect_left(self.ticks, self.ticks[0] + seconds / self.tick)
        if number >= len(self.ticks):
            return None
        place = bisect_right(self.keys, self.ticks[number]) - 1
        return SeekPoint(number, self.ticks[number], self.keys[place]) if place > 0 else None

    def number(self, seconds: Fraction | None) -> int | None:
        """The number of the frame with that time stamp; None where the stamps do not tell it."""
        if seconds is None or not self.ticks:
            return None
        tick = seconds / self.tick
        place = bisect_left(self.ticks, tick)
        return place if place < len(self.ticks) and self.ticks[place] == tick else None


def read_timestamps(path: Path, stream: int) -> Timestamps:
    """The time stamps of that stream; nothing is decoded.

    Raises DatasetError if the file cannot be opened.
    """
    with open_container(path) as container:
        chosen = select_stream(path, container, stream, [])
        codec = chosen.codec_context.codec.canonical_name
        rate = as_fraction(chosen.guessed_rate)
        average = as_fraction(chosen.average_rate) or rate
        tick = as_fraction(chosen.time_base) or Fraction(1)
        ticks, keys = set(), set()
        lengths: dict[int, int] = {}
        packets, decoded = 0, None  # how many there are, and the latest time of decoding
        restarts, complete = Restarts(), codec not in CANVAS
        try:
            for packet in container.demux(chosen):
                if not packet.size:
                    continue
                packets += 1
                # Old containers only know when to decode; sorted that is when to show.
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is None:
                    continue
                shift = restarts.shift(0, packet.dts, packet.duration, tick)
                if packet.dts is not None:
                    decoded = packet.dts + shift
                if packet.is_discard or not _is_shown(packet, codec):
                    continue
                complete = complete and not shift and packet.pts is not None and stamp not in ticks
                ticks.add(stamp + shift)
                lengths[stamp + shift] = packet.duration or 0
                if packet.is_keyframe:
                    keys.add(stamp + shift)
        except av.FFmpegError:
            pass  # what the file holds up to there
        if decoded is not None and packets < chosen.frames:
            # The file was cut off: of frames shown after that, some before them may be missing.
            ticks = {stamp for stamp in ticks if stamp <= decoded}
        ordered = sorted(ticks)
        stamps = [stamp * tick for stamp in ordered]
        opening = min(stamps[:1] + _starts(container), default=Fraction(0))
    if len(stamps) < 2:
        # A bare stream has packets without stamps, and its header's rate, which only parsing tells.
        rate = (Fraction(0) if stamps else rate) or average or Fraction(25)
        start, frames = stamps[0] if stamps else Fraction(0), len(stamps) or packets
        seconds = max(frames, 1) / rate
        return Timestamps(rate, True, start, opening, frames, seconds, 1 / rate)
    rate, constant = measured_rate(stamps, average or None, tick)
    gaps = sorted(later - one for one, later in pairwise(stamps))
    usual = 1 / rate if constant else gaps[len(gaps) // 2]
    own = lengths[ordered[-1]] * tick
    last = own if own >= LONG * usual else usual
    seconds = (len(stamps) - 1) / rate if constant else stamps[-1] - stamps[0]
    read = Timestamps(rate, constant, stamps[0], opening, len(stamps), seconds + last, last)
    if not complete:
        return read
    return replace(read, ticks=array("q", ordered), keys=array("q", sorted(keys)), tick=tick)


@dataclass
class Restarts:
    """Where time stamps begin anew, as in joined transport streams, by what they go on.

    One shift holds for all streams of a file, so that they stay together: that of the first stream
    to restart; `leader`: the stream that settles it, once its own stamps restart.
    """

    leader: int | None = None
    seconds: Fraction = Fraction(0)
    _ends: dict[int, Fraction] = field(default_factory=dict)
    _parts: dict[int, int] = field(default_factory=dict)  # in which part each stream is
    _part: int = 0

    def shift(self, stream: int, dts: int | None, duration: int | None, tick: Fraction) -> int:
        """How many ticks the stamps of the next packet of a stream move up."""
        if dts is None:
            return round(self.seconds / tick)
        start = dts * tick
        end = self._ends.get(stream)
        if end is not None and start + self.seconds < end - JUMP:
            self.seconds = end - start
            self._part += 1
            self._parts[stream] = self._part
        elif stream == self.leader and self._parts.get(stream, 0) < self._part and end is not None:
            # Another stream was first; the picture goes on without a gap.
            self.seconds = end - start
            self._parts[stream] = self._part
        shift = round(self.seconds / tick)
        ended = (dts + shift + (duration or 0)) * tick
        self._ends[stream] = max(ended, end) if end is not None else ended
        return shift


def _is_shown(packet: av.Packet[Any], codec: str) -> bool:
    """Whether a packet of VP8 or VP9 holds a frame to show, by its first bits.

    Encoders store frames that are only referred to as packets of their own, or before a shown one
    in the same packet (a superframe of VP9, which its last byte tells).
    """
    if codec == "vp8":
        return bool(memoryview(packet)[0] & 0x10)
    if codec != "vp9":
        return True
    data = memoryview(packet)
    first, last = data[0], data[-1]
    if last & 0xE0 == 0xC0 or first >> 6 != 2:
        return True
    at = 2 if first & 0x30 == 0x30 else 3  # a reserved bit follows profile 3
    existing, is_shown = first >> at & 1, first >> (at - 2) & 1
    return bool(existing or is_shown)


def _starts(container: av.container.InputContainer) -> list[Fraction]:
    """When the streams of picture and sound begin."""
    return [
        stream.start_time * as_fraction(stream.time_base)
        for stream in container.streams
        if stream.type in ("video", "audio") and stream.start_time is not None and stream.time_base
    ]


def measured_rate(
    stamps: Sequence[Fraction], average: Fraction | None = None, tick: Fraction = Fraction(0)
) -> tuple[Fraction, bool]:
    """The rate of frames with these time stamps, in rising order, and whether it is constant.

    average: the container's own word, which holds if the stamps bear it out.
    tick:    of the container's clock. A rate by which no stamp is off by more goes before one that
             is only near; short clips are near to many.

    >>> measured_rate([Fraction(n, 1000) for n in (0, 17, 33, 50, 67)], Fraction(60))
    (Fraction(60, 1), True)
    >>> measured_rate([Fraction(n, 10) for n in (0, 1, 2, 5, 6)])
    (Fraction(10, 1), False)
    """
    mean = (len(stamps) - 1) / (stamps[-1] - stamps[0])
    near = sorted(STANDARD, key=lambda rate: abs(rate / mean - 1))
    exact = mean.limit_denominator(100_000)
    promised = None
    if average is not None:  # in nanoseconds a frame, perhaps, as Matroska has it
        known = [rate for rate in STANDARD if abs(rate / average - 1) < ROUNDED]
        plain = average.denominator in (1, 1001) and average < CLOCK
        promised = average if plain else next(iter(known), None)
    rounding = min(float(tick), STRAY / float(mean))
    for off, known in ((rounding, near[:2]), (math.inf, near[:1])):
        for rate in [promised, *known, average, exact]:
            if rate and _is_constant(stamps, rate, off):
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


def _is_constant(stamps: Sequence[Fraction], rate: Fraction, off: float) -> bool:
    """Whether every stamp is near the place that its number gives it, and off by no more seconds."""
    start, period = float(stamps[0]), 1 / float(rate)
    strays = [float(stamp) - start - k * period for k, stamp in enumerate(stamps)]
    # The first stamp may be off as well as any other.
    spread = max(strays) - min(strays)
    near = spread < 2 * STRAY * period and max(map(abs, strays)) < period / 2
    return near and spread <= off * 1.001 + 1e-9


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
        raise DatasetError(
            f"{text} frames a second is out of reach; give more than 0 and at most 1000"
        )
    near = [known for known in STANDARD if abs(known - rate) < Fraction(1, 200)]
    return near[0] if near and "/" not in text else rate
