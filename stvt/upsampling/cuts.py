"""Lists of cuts: read from what PySceneDetect, FFmpeg, TransNetV2 or a person wrote."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from stvt.core.errors import UsageError
from stvt.core.files import reason
from stvt.core.formatting import seconds_in
from stvt.upsampling.placement import TimedFrame, with_next

LARGEST = 1 << 24  # bytes of a file that may be a list of cuts
NUMBER = re.compile(r"\d+")
# FFmpeg's filter scdet says a time for cuts alone; after select=gt(scene\,...) every frame is one.
SCDET = re.compile(r"lavfi\.scd\.time[:=]\s*(\d+(?:\.\d+)?)")
SELECTED = re.compile(r"pts_time:\s*(\d+(?:\.\d+)?)")
FFMPEG = re.compile(r"lavfi\.sc|pts_time:|Parsed_showinfo")
START = "Start Frame"  # PySceneDetect's column, which counts from 1

Cut: TypeAlias = int | Fraction  # the number of a frame, or a time in seconds


@dataclass(frozen=True)
class CutList:
    """Where shots begin, in order: numbers of frames from 0, or times in seconds.

    from_opening: the times count from the beginning of the file, as FFmpeg's do, not from the
                  first frame.
    origin: what is added to times to have time stamps.
    """

    path: Path
    cuts: tuple[Cut, ...]
    from_opening: bool = False
    origin: Fraction = Fraction(0)

    def at(self, start: Fraction, opening: Fraction) -> CutList:
        """The list for a source whose first frame has the time stamp `start`."""
        return replace(self, origin=opening if self.from_opening else start)

    def shots(self, frames: Iterable[TimedFrame]) -> Iterator[tuple[int, TimedFrame]]:
        """Each frame with the number of its shot, from 0; a time is a cut at the frame next to it."""
        shot, passed = 0, 0
        for k, (frame, following) in enumerate(with_next(frames)):
            before = passed
            while passed < len(self.cuts):
                cut = self.cuts[passed]
                if isinstance(cut, int):
                    begins = cut <= frame.number
                else:
                    edge = following and (frame.seconds + following.seconds) / 2
                    begins = edge is None or self.origin + cut < edge
                if not begins:
                    break
                passed += 1
            shot += k > 0 and passed > before
            yield shot, frame

    def beyond(self, frames: int, seconds: Fraction) -> int:
        """How many of the cuts lie after the last frame of a source of that length."""
        ends = [frames if isinstance(cut, int) else seconds for cut in self.cuts]
        return sum(cut >= end for cut, end in zip(self.cuts, ends, strict=True))


def read_cuts(path: Path) -> CutList:
    """The cuts that a file names.

    It is a CSV of PySceneDetect's `list-scenes`, with or without its first line; what FFmpeg's
    filters `scdet`, or `select` with `metadata=print` or `showinfo`, print; pairs of the first and
    the last frame of each shot, as TransNetV2 writes; or a plain list with commas or lines: whole
    numbers are frames from 0, `12.5`, `12.5s` and `0:12.5` times, a line after # is left out.

    Raises UsageError for anything else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        text = data.decode("utf-8-sig")
        if len(data) > LARGEST or "\0" in text:
            raise _NoCuts("is no list of cuts")
        lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
        lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
        if FFMPEG.search(text):
            return CutList(path, _ffmpeg(text), from_opening=True)
        if any(START in line for _, line in lines[:2]):
            return CutList(path, _pyscenedetect(lines))
        return CutList(path, _plain(lines))
    except OSError as error:
        raise UsageError(f"--cuts {path}: cannot be read: {reason(error)}") from error
    except UnicodeDecodeError:
        what = "is no text"
    except _NoCuts as error:
        what = str(error)
    except (ValueError, csv.Error):  # a number, or a field, that is longer than Python reads
        what = "is no list of cuts"
    raise UsageError(
        f"--cuts {path}: {what}; give frame numbers or times, one a line, or what PySceneDetect's "
        "list-scenes or FFmpeg's scdet write"
    )


class _NoCuts(Exception):
    """What is wrong with a list of cuts."""


def _ordered(cuts: Iterable[Cut]) -> tuple[Cut, ...]:
    return tuple(sorted({cut for cut in cuts if cut}))


def _ffmpeg(text: str) -> tuple[Cut, ...]:
    times = SCDET.findall(text)
    if not times and "lavfi.scd." not in text:
        times = SELECTED.findall(text)
    if not times:
        raise _NoCuts("says of no frame that it is a cut; if there is none, give --no-cuts")
    return _ordered(Fraction(time) for time in times)


def _pyscenedetect(lines: list[tuple[int, str]]) -> tuple[Cut, ...]:
    head = next(k for k, (_, line) in enumerate(lines) if START in line)
    column = [name.strip() for name in next(csv.reader([lines[head][1]]))].index(START)
    cuts = []
    for number, line in lines[head + 1 :]:
        cells = next(csv.reader([line]))
        if column >= len(cells) or not NUMBER.fullmatch(cells[column].strip()):
            raise _NoCuts(f"line {number} has no number under {START!r}")
        cuts.append(int(cells[column]) - 1)
    return _ordered(cuts)


def _plain(lines: list[tuple[int, str]]) -> tuple[Cut, ...]:
    rows = [(number, re.split(r"[\s,;]+", line.strip(",; "))) for number, line in lines]
    cuts = [_cut(number, word) for number, row in rows for word in row]
    if not cuts:
        raise _NoCuts("names no cut; if there is none, give --no-cuts")
    if len({type(cut) for cut in cuts}) > 1:
        raise _NoCuts("mixes whole numbers, which are frames, and times: write 10.0 for 10 s")
    if all(len(row) == 2 for _, row in rows) and (len(rows) > 1 or not cuts[0]):
        starts, ends = cuts[::2], cuts[1::2]
        if any(start - end not in (0, 1) for start, end in zip(starts[1:], ends, strict=False)):
            raise _NoCuts("has two numbers a line that are no shots one after another")
        return _ordered(starts)
    if cuts != sorted(cuts):
        raise _NoCuts("is not in order")
    return _ordered(cuts)


def _cut(number: int, word: str) -> Cut:
    if NUMBER.fullmatch(word):
        return int(word)
    seconds = seconds_in(word)
    if seconds is None:
        raise _NoCuts(f"line {number} is no frame number or time ({word[:40]!r})")
    return seconds
