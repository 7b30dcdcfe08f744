"""Overlap of two training sets, or of a set and a list of videos: what is shared, what is missing and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from stvt.core.progress import Progress

from ..clips.storage import open_clip
from ..errors import DatasetError
from ..manifest import FILE, TrainingManifest, read_manifest
from .video_list import read_list

Spans = list[tuple[float, float]]
ENDLESS = float("inf")
SLACK = 0.05  # seconds: less than three frames at 60, which two decoders may place otherwise


@dataclass(frozen=True)
class ClipRange:
    """A part of a video, in seconds; an `end` of None is that of the video.

    clip, frames, sha256, file: of the clip that was made of it, if one was.
    reason: why it was refused, if it was.
    """

    video: str
    start: float = 0.0
    end: float | None = None
    clip: str = ""
    frames: int = 0
    sha256: str = ""
    file: Path | None = None
    reason: str = ""


@dataclass
class ClipIndex:
    """The index of a training set or a list: the ranges of videos that it holds or asks for.

    clips: what is there, or what a list asks for; refused: what was left out, and why.
    """

    name: str
    is_list: bool
    clips: list[ClipRange] = field(default_factory=list)
    refused: list[ClipRange] = field(default_factory=list)


def read_clip_index(what: str, root: Path | str = "data") -> ClipIndex:
    """The index of a training set or a list.

    what: the name of a set under `root`, its folder, its manifest, or a list, `video_list.read_list`.
    Raises DatasetError if it is none of these or cannot be read.
    """
    path = Path(what)
    if path.suffix.lower() == ".csv":
        ranges = [
            ClipRange(video.name, float(one.start), None if one.end is None else float(one.end))
            for video in read_list(path, strict=False)
            for one in video.sections
        ]
        return ClipIndex(path.stem, True, ranges)
    for folder in (path.parent if path.name == FILE else path, Path(root) / what):
        if (folder / FILE).is_file():
            return _read_set(folder)
    raise DatasetError(
        f"{what}: is no training set under {root}, no folder of one, no manifest and no list (.csv)"
    )


def _read_set(folder: Path) -> ClipIndex:
    manifest = read_manifest(folder)
    if not isinstance(manifest, TrainingManifest):
        raise DatasetError(f"{folder / FILE}: is no manifest of a training set")
    index = ClipIndex(manifest.name, False)
    for clip in manifest.clips:
        facts = (clip.video, clip.start, clip.end, clip.name, clip.frames, clip.sha256)
        index.clips.append(ClipRange(*facts, folder / clip.file))
    for one in manifest.refused:
        index.refused.append(ClipRange(one.video, one.start or 0.0, one.end, reason=one.reason))
    return index


@dataclass(frozen=True)
class MissingRange:
    """A range of one side that the other has not, and what the other says of it."""

    video: str
    start: float
    end: float | None
    reason: str

    @property
    def seconds(self) -> float:
        return 0.0 if self.end is None else self.end - self.start


@dataclass(frozen=True)
class SideOverlap:
    """The content of one side, and how much of it the other has too.

    seconds:  of its ranges, those without an end aside; frames: of its clips.
    videos_shared, seconds_shared: by id, and by range of the same id.
    clips_same: bit by bit, by the checksum of their frames, whatever they are called.
    frames_read, frames_shared: of frames whose bytes were read, those that the other side has too.
    missing:  ranges that the other has not.
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
    frames_read: int
    frames_shared: int
    missing: list[MissingRange] = field(default_factory=list)

    def reasons(self) -> list[tuple[str, int, float]]:
        """Why ranges are missing: reason, how many, seconds; the most seconds first."""
        seconds: dict[str, list[float]] = defaultdict(list)
        for one in self.missing:
            seconds[one.reason].append(one.seconds)
        rows = [(reason, len(each), round(sum(each), 3)) for reason, each in seconds.items()]
        return sorted(rows, key=lambda row: (-row[2], -row[1], row[0]))


@dataclass(frozen=True)
class Coverage:
    """Both sides, each compared with the other."""

    sides: tuple[SideOverlap, SideOverlap]

    def as_dict(self) -> dict[str, Any]:
        """The result as plain values for JSON."""
        return {"a": asdict(self.sides[0]), "b": asdict(self.sides[1])}


def coverage(
    a: ClipIndex, b: ClipIndex, read_frames: bool = False, progress: Progress | None = None
) -> Coverage:
    """Compares two indices by ids, by ranges and by clips' checksums.

    A range without an end counts as one with, but its seconds are not known and not counted.
    read_frames: compares frame by frame, too, for which every clip of both is read.
    Raises DatasetError if a clip that is to be read is missing or damaged.
    """
    frames: list[list[bytes]] = [[], []]
    clips = [(side, clip) for side, index in enumerate((a, b)) for clip in index.clips]
    for done, (side, clip) in enumerate(clips if read_frames else (), 1):
        if clip.file is not None:
            stored = open_clip(clip.file)
            for number in range(len(stored)):  # one frame held at a time
                frames[side].append(sha256(stored.read([number]).data).digest()[:16])
        if progress:
            progress(done, len(clips), clip.clip)
    return Coverage((_side(a, b, *frames), _side(b, a, *frames[::-1])))


def _side(
    one: ClipIndex, other: ClipIndex, frames: list[bytes], other_frames: list[bytes]
) -> SideOverlap:
    by_video, others = _by_video(one.clips), _by_video(other.clips)
    shared = 0.0
    missing: list[MissingRange] = []
    for video, spans in by_video.items():
        other_spans = others.get(video, [])
        known = [(start, end) for start, end in spans if end < ENDLESS]
        uncovered = [span for span in _without(known, other_spans) if span[1] - span[0] > SLACK]
        shared += _length(known) - _length(uncovered)
        # Of what ends nobody knows where, all that can be said is whether the other has any.
        for start, end in spans[len(known) :]:
            if not any(low < end and high > start for low, high in other_spans):
                uncovered.append((start, end))
        missing += _explain(video, uncovered, other, bool(other_spans))
    hashes, read = {clip.sha256 for clip in other.clips if clip.sha256}, set(other_frames)
    same = [clip for clip in one.clips if clip.sha256 in hashes]
    return SideOverlap(
        name=one.name,
        is_list=one.is_list,
        videos=len(by_video),
        videos_shared=len(by_video.keys() & others.keys()),
        sections=len(one.clips),
        seconds=round(sum(_length(spans) for spans in by_video.values()), 3),
        seconds_shared=round(shared, 3),
        frames=sum(clip.frames for clip in one.clips),
        clips_same=len(same),
        frames_same=sum(clip.frames for clip in same),
        frames_read=len(frames),
        frames_shared=sum(frame in read for frame in frames),
        missing=missing,
    )


def _by_video(clips: Iterable[ClipRange]) -> dict[str, Spans]:
    """The time of each video that some ranges cover: spans in order, none touching another."""
    by_video: dict[str, Spans] = {}
    for clip in sorted(clips, key=lambda clip: (clip.video, clip.start)):
        end = ENDLESS if clip.end is None else clip.end
        spans = by_video.setdefault(clip.video, [])
        if spans and clip.start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(spans[-1][1], end)
        else:
            spans.append((clip.start, end))
    return by_video


def _without(spans: Spans, others: Spans) -> Spans:
    """The parts of some spans that are in none of the others.

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


def _explain(video: str, missing: Spans, other: ClipIndex, known: bool) -> Iterator[MissingRange]:
    """The missing ranges, cut where the reasons that the other side gives begin and end."""
    parts: list[tuple[Spans, str]] = []
    for refused in other.refused:
        if refused.video == video:
            span = (refused.start, ENDLESS if refused.end is None else refused.end)
            rest = _without(missing, [span])
            parts.append((_without(missing, rest), refused.reason))
            missing = rest
    what = "list" if other.is_list else "set"
    why = f"in none of the {what}'s sections" if known else f"video not in the {what}"
    for spans, reason in (*parts, (missing, why)):
        for start, end in spans:
            if end - start > SLACK:
                yield MissingRange(video, start, None if end == ENDLESS else end, reason)
