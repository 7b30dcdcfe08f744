"""How much two training sets, or a set and a list, have in common; what is lost, and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from ..clips.storage import open_clip
from ..curation.phash import NEAR
from .clip_index import Holding, Section

Spans = list[tuple[float, float]]
Progress = Callable[[int, int | None, str], None]
ENDLESS = float("inf")
SLACK = 0.05  # seconds: less than three frames at 60, which two decoders may place otherwise


@dataclass(frozen=True)
class Lost:
    """A section of one side that the other has not, and what the other says of it."""

    video: str
    start: float
    end: float | None
    reason: str

    @property
    def seconds(self) -> float:
        return 0.0 if self.end is None else self.end - self.start


@dataclass(frozen=True)
class Half:
    """What one side has, and how much of it the other has too.

    seconds:  of its sections, those without an end aside; frames: of its clips.
    videos_shared, seconds_shared: by id, and by section of the same id.
    clips_same: bit by bit, by the checksum of their frames, whatever they are called.
    pictures: of which there are hashes of their looks; pictures_shared: that look like one of the
              other side.
    frames_read, frames_shared: of frames whose bytes were read, those that the other side has too.
    lost:     sections that the other has not.
    """

    name: str
    is_list: bool
    videos: int
    videos_shared: int
    sections: int
    seconds: float
    seconds_shared: float
    frames: int
    clips_same: int
    frames_same: int
    pictures: int
    pictures_shared: int
    frames_read: int
    frames_shared: int
    lost: list[Lost] = field(default_factory=list)

    def reasons(self) -> list[tuple[str, int, float]]:
        """Why sections are lost: reason, how many, seconds; the most seconds first."""
        count: Counter[str] = Counter()
        spent: dict[str, float] = defaultdict(float)
        for one in self.lost:
            count[one.reason] += 1
            spent[one.reason] += one.seconds
        return sorted(
            ((reason, count[reason], round(spent[reason], 3)) for reason in count),
            key=lambda row: (-row[2], -row[1], row[0]),
        )


@dataclass(frozen=True)
class Coverage:
    """Both sides, each compared with the other."""

    halves: tuple[Half, Half]

    def facts(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {"a": asdict(self.halves[0]), "b": asdict(self.halves[1])}


def coverage(
    a: Holding, b: Holding, read_frames: bool = False, progress: Progress | None = None
) -> Coverage:
    """Compares two holdings by ids, by sections, by clips' checksums and by looks of pictures.

    A section without an end counts as one with, but its seconds are not known and not counted.
    read_frames: compares frame by frame, too, for which every clip of both is read.
    Raises DatasetError if a clip that is to be read is missing or damaged.
    """
    frames: list[list[bytes]] = [[], []]
    if read_frames:
        clips = [(n, section) for n, side in enumerate((a, b)) for section in side.held]
        for done, (side, section) in enumerate(clips, 1):
            frames[side] += _frame_hashes(section)
            if progress:
                progress(done, len(clips), section.clip)
    return Coverage((_half(a, b, *frames), _half(b, a, *frames[::-1])))


def _frame_hashes(section: Section) -> Iterator[bytes]:
    """A checksum of each frame of a clip, one frame held at a time."""
    if section.file is None:
        return
    clip = open_clip(section.file)
    for number in range(len(clip)):
        yield sha256(clip.read([number]).data).digest()[:16]


def _half(one: Holding, other: Holding, mine: list[bytes], yours: list[bytes]) -> Half:
    theirs = _by_video(other.held)
    shared = 0.0
    lost: list[Lost] = []
    for video, spans in _by_video(one.held).items():
        there = theirs.get(video, [])
        known = [(start, end) for start, end in spans if end < ENDLESS]
        missing = [(low, high) for low, high in _without(known, there) if high - low > SLACK]
        shared += _length(known) - _length(missing)
        # Of what ends nobody knows where, all that can be said is whether the other has any.
        missing += [span for span in spans[len(known) :] if not _within(span, there)]
        lost += _explained(video, missing, other, bool(there))
    same = {section.sha256 for section in other.held if section.sha256}
    alike = [section for section in one.held if section.sha256 in same]
    looks = [bits for section in one.held for bits in section.hashes]
    found = _found(looks, [bits for section in other.held for bits in section.hashes])
    spans_all = [span for spans in _by_video(one.held).values() for span in spans]
    return Half(
        name=one.name,
        is_list=one.is_list,
        videos=len(one.videos()),
        videos_shared=len(one.videos() & other.videos()),
        sections=len(one.held),
        seconds=round(_length(spans_all), 3),
        seconds_shared=round(shared, 3),
        frames=sum(section.frames for section in one.held),
        clips_same=len(alike),
        frames_same=sum(section.frames for section in alike),
        pictures=len(looks),
        pictures_shared=found,
        frames_read=len(mine),
        frames_shared=sum(map(set(yours).__contains__, mine)),
        lost=lost,
    )


def _by_video(sections: Iterable[Section]) -> dict[str, Spans]:
    """The time of each video that some sections cover: spans in order, none touching another."""
    found: dict[str, Spans] = {}
    ordered = sorted(sections, key=lambda section: (section.video, section.start))
    for section in ordered:
        end = ENDLESS if section.end is None else section.end
        spans = found.setdefault(section.video, [])
        if spans and section.start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((section.start, end))
    return found


def _without(spans: Spans, others: Spans) -> Spans:
    """What of some spans is in none of the others.

    >>> _without([(0, 10), (20, 30)], [(2, 3), (9, 25)])
    [(0, 2), (3, 9), (25, 30)]
    """
    left: Spans = []
    for start, end in spans:
        for low, high in others:
            if high <= start or low >= end:
                continue
            if low > start:
                left.append((start, low))
            start = max(start, high)
        if start < end:
            left.append((start, end))
    return left


def _length(spans: Spans) -> float:
    return sum(end - start for start, end in spans if end < ENDLESS)


def _within(span: tuple[float, float], others: Spans) -> bool:
    """Whether some of a span is in one of the others."""
    return any(low < span[1] and high > span[0] for low, high in others)


def _explained(video: str, missing: Spans, other: Holding, known: bool) -> Iterator[Lost]:
    """What is missing, cut where the reasons that the other side gives begin and end."""
    for refused in other.refused:
        if refused.video != video:
            continue
        span = (refused.start, ENDLESS if refused.end is None else refused.end)
        rest = _without(missing, [span])
        for start, end in _without(missing, rest):
            if end - start > SLACK:
                yield Lost(video, start, None if end == ENDLESS else end, refused.reason)
        missing = rest
    what = "list" if other.is_list else "set"
    why = f"in none of the {what}'s sections" if known else f"video not in the {what}"
    for start, end in missing:
        if end - start > SLACK:
            yield Lost(video, start, None if end == ENDLESS else end, why)


def _found(hashes: Sequence[int], others: Sequence[int]) -> int:
    """How many of the hashes are near one of the others."""
    if not hashes or not others:
        return 0
    there = np.unique(np.array(others, np.uint64))
    return sum(bool((np.bitwise_count(there ^ np.uint64(bits)) <= NEAR).any()) for bits in hashes)
