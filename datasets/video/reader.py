"""Video reader: any video file as a stream of upright RGB frames, with notes on all that was not plain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from ..errors import DatasetError
from .color import PRIMARIES, TRANSFERS, Pixels, ToRGB, color_spec, high_dynamic_range, orientation
from .probe import is_picture, open_container, select_stream
from .timestamps import SeekPoint, Timestamps, read_timestamps

# A file this much shorter than its header says was cut: rounding and uneven ends of sound are less.
CUT_SECONDS = 0.25


class Video:
    """The frames of one video stream, in the order they are shown; made by `open_video`.

    `width` and `height` are those of the frames that iteration yields, after rotation; `bits` those
    of a number as coded, `start` the first time stamp in seconds, None where there is none. `fps`
    and whether it varies are those of `timestamps`. `notes` (one sentence each) and `facts`
    (plain values, for a manifest) are complete once an iteration has come to its end; every
    iteration opens the file anew and writes its part of them afresh. One frame is held at a time.
    """

    def __init__(self, path: Path, stream: int | None = None, threads: int = 1) -> None:
        self.path = path
        self.notes: list[str] = []
        self._threads = threads
        self._stats = _StreamStats()
        with open_container(path) as container:
            chosen = select_stream(path, container, stream, self.notes)
            first = next(_decode(container, chosen, threads, self._stats), None)
            if first is None:
                why = self._stats.stopped or self._stats.unread or "it holds none"
                codec = _codec(chosen)
                raise DatasetError(f"{path}: no frame of its {codec} video can be decoded: {why}")
            self._index = chosen.index
            self.start = _seconds(first)
            self._spec, self._orientation = color_spec(first), orientation(first)
            self._stored = first.width, first.height
            self.bits = self._spec.bits
            upright = self._orientation.degrees % 180 == 0
            self.width, self.height = self._stored if upright else self._stored[::-1]
            self.facts = self._opening_facts(container, chosen, first)
            self._add_opening_notes(chosen, first)
        self._opening = list(self.notes)

    @cached_property
    def timestamps(self) -> Timestamps:
        """The time stamps of the stream; the file is read for them, nothing is decoded."""
        return read_timestamps(self.path, self._index)

    @property
    def fps(self) -> Fraction | None:
        """Frames a second, those of the median gap where they vary; None of a single frame."""
        return self.timestamps.rate if self.timestamps.frames > 1 else None

    @property
    def missing(self) -> int:
        """How many frames fewer than packets have come since the first, as far as has been read."""
        return self._stats.packets - self._stats.delay - self._stats.frames

    def _opening_facts(
        self, container: InputContainer, stream: VideoStream, first: VideoFrame
    ) -> dict[str, object]:
        """What the header and the first frame tell; None for what iteration will."""
        aspect = stream.sample_aspect_ratio
        return {
            "container": container.format.name,
            "stream": stream.index,
            "video_streams": [s.index for s in container.streams.video if not is_picture(s)],
            "codec": _codec(stream),
            "pix_fmt": first.format.name,
            "stored_width": first.width,
            "stored_height": first.height,
            "width": self.width,
            "height": self.height,
            "rotation": self._orientation.degrees,
            "mirrored": self._orientation.mirrored,
            "sample_aspect_ratio": str(aspect) if aspect else None,
            "matrix": self._spec.matrix,
            "matrix_guessed": self._spec.matrix_guessed,
            "range": self._spec.range,
            "range_guessed": self._spec.range_guessed,
            "primaries": PRIMARIES.get(first.color_primaries),
            "transfer": TRANSFERS.get(first.color_trc),
            "hdr": high_dynamic_range(first),
            "alpha": self._spec.alpha,
            **dict.fromkeys(_StreamStats.FACTS),
        }

    def _add_opening_notes(self, stream: VideoStream, first: VideoFrame) -> None:
        if self._orientation.note:
            self.notes.append(self._orientation.note)
        self.notes += self._spec.notes
        if hdr := high_dynamic_range(first):
            self.notes.append(f"high dynamic range ({hdr}): kept as coded, not tone-mapped")
        if self._spec.alpha:
            self.notes.append("alpha: composited over black")
        elif stream.metadata.get("alpha_mode") == "1":
            self.notes.append("alpha: stored beside the picture, dropped")
        aspect = stream.sample_aspect_ratio
        if aspect and aspect != 1:
            self.notes.append(f"sample aspect ratio {aspect}: frames are as stored, not resampled")

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        for _, picture in self.timed():
            yield np.asarray(picture, np.uint8)

    def timed(
        self, deep: bool = False, point: SeekPoint | None = None
    ) -> Iterator[tuple[Fraction | None, Pixels]]:
        """The frames with their time stamps in seconds, None where the container has none.

        deep:  frames of more than 8 bits come as float32 in [0, 1], not rounded to 8.
        point: leave out the frames before this one. They are not decoded if the file can be
               entered at the key frame that it names and gives this very frame then.
        """
        if point is not None and self._opens_at(point.key):
            frames = self._read(deep, point, point.key)
            first = next(frames, None)
            if first is not None:
                yield first
                yield from frames
                return
        yield from self._read(deep, point)

    def _read(
        self, deep: bool, point: SeekPoint | None, key: int | None = None
    ) -> Iterator[tuple[Fraction | None, Pixels]]:
        """What `timed` gives; from the key frame of that time stamp on nothing but the point's."""
        self.notes[:] = self._opening
        to_rgb = ToRGB(self._spec, deep and self._spec.bits > 8)
        stats = self._stats = _StreamStats(entered=point is not None)
        with open_container(self.path) as container:
            stream = self._stream(container)
            try:
                for frame in _decode(container, stream, self._threads, stats, key):
                    if point is not None and not stats.frames:
                        if frame.pts is not None and frame.pts < point.tick:
                            continue
                        if key is not None and frame.pts != point.tick:
                            return
                    size = frame.width, frame.height
                    if size != self._stored:
                        stats.stopped = "the picture size changes from {}x{} to {}x{}".format(
                            *self._stored, *size
                        )
                        break
                    stats.add(frame)
                    picture: Any = np.ascontiguousarray(self._orientation(to_rgb(frame)))
                    yield _seconds(frame), picture
            finally:  # of those read, where not all are wanted
                self.facts["frames_interlaced"] = stats.interlaced
            self.notes += stats.finish(container, stream, self.timestamps, self.facts)

    def _stream(self, container: InputContainer) -> VideoStream:
        return next(s for s in container.streams.video if s.index == self._index)

    def _opens_at(self, key: int) -> bool:
        """Whether the file can be entered at the key frame of that time stamp, or at one before."""
        with open_container(self.path) as container:
            stream = self._stream(container)
            try:
                container.seek(key, stream=stream)
                first = next((packet for packet in container.demux(stream) if packet.size), None)
            except av.FFmpegError:
                return False
            if first is None or first.pts is None:
                return False
            return first.is_keyframe and first.pts <= key  # mov may go one further back


def open_video(path: str | Path, stream: int | None = None, threads: int = 1) -> Video:
    """The frames of a video file, as an iterable of uint8 RGB (H, W, 3) arrays, upright.

    `stream` is the number of the stream in its container, as ffprobe shows it. None takes the
    first video stream marked as default, and where none is, the largest; cover pictures do not
    count. `threads` bounds the decoder's threads; frames do not depend on it, save those that the
    decoder patches up in a damaged file: leave it at 1 where bytes must repeat.

    Decoding that stops part way is no error: the frames got are yielded, then `notes` and
    `facts["partial"]` say so.

    Raises DatasetError, naming the file and the reason, if no frame can be had.
    """
    return Video(Path(path), stream, threads)


@dataclass
class _StreamStats:
    """Counts of what a stream holds, taken while it is read."""

    FACTS = (
        "fps",
        "first_pts_seconds",
        "variable_frame_rate",
        "gap_seconds",
        "frames_expected",
        "frames_hidden",
        "frames_decoded",
        "frames_interlaced",
        "partial",
    )

    entered: bool = False  # somewhere behind the beginning
    frames: int = 0
    interlaced: int = 0
    damaged: int = 0  # frames that the decoder itself flags
    first_pts: int | None = None
    last_pts: int | None = None
    gaps: Counter[int] = field(default_factory=Counter)  # in ticks of the stream's clock
    packets: int = 0
    delay: int = 0  # packets that the decoder takes before the one that gives the first frame
    hidden: int = 0  # packets that an edit list takes out of sight
    skipped: int = 0  # packets before the first frame that could not be decoded
    failed: int = 0  # packets since the last frame that could not be decoded
    lost: int = 0  # packets between frames that could not be decoded
    end_seconds: float = 0.0  # the latest end of any packet of any stream
    unread: str = ""  # why the last of those could not be
    stopped: str = ""  # why reading came to an end before the stream did

    def add(self, frame: VideoFrame) -> None:
        if not self.frames:
            self.delay = self.packets - 1
        self.frames += 1
        self.interlaced += bool(frame.interlaced_frame)
        self.damaged += bool(frame.is_corrupt)
        if frame.pts is None:
            return
        if self.last_pts is None:
            self.first_pts = frame.pts
        else:
            self.gaps[frame.pts - self.last_pts] += 1
        self.last_pts = frame.pts

    def finish(
        self,
        container: InputContainer,
        stream: VideoStream,
        timestamps: Timestamps,
        facts: dict[str, object],
    ) -> list[str]:
        """Write what was counted into `facts`; returns the notes on it."""
        notes: list[str] = []
        expected = stream.frames - self.hidden if stream.frames and not self.entered else None
        duration = (container.duration or 0) / av.time_base
        # Missing packets alone are no cut: an avi counts the frames it dropped.
        short = not stream.frames or self.packets < stream.frames
        if short and not self.stopped and duration - self.end_seconds > CUT_SECONDS:
            self.stopped = (
                f"the file ends at {self.end_seconds:.1f} s of the {duration:.1f} s it promises"
            )
        if self.stopped:
            of = f"of {expected} " if expected else ""
            notes.append(f"partial: {self.frames} {of}frames decoded: {self.stopped}")
        elif expected and self.frames != expected and not self.lost:
            notes.append(f"the header promises {expected} frames, {self.frames} came")
        if self.hidden and not self.entered:
            notes.append(
                f"{self.hidden} of {stream.frames} stored frames are hidden by an edit list"
            )
        if self.skipped:
            notes.append(f"{self.skipped} packets before the first frame could not be decoded")
        if self.lost:
            notes.append(
                f"{self.lost} packets between frames could not be decoded ({self.unread}): "
                f"{self.frames} frames came"
            )
        if self.damaged:
            notes.append(f"{self.damaged} of {self.frames} frames are flagged as damaged")
        if self.interlaced:
            notes.append(f"{self.interlaced} of {self.frames} frames are interlaced: left as coded")
        facts |= {
            "frames_expected": expected,
            "frames_hidden": self.hidden,
            "frames_decoded": self.frames,
            "partial": bool(self.stopped),
        }
        return notes + self._finish_times(float(stream.time_base or 0), timestamps, facts)

    def _finish_times(
        self, tick: float, timestamps: Timestamps, facts: dict[str, object]
    ) -> list[str]:
        notes: list[str] = []
        if self.first_pts is not None:
            facts["first_pts_seconds"] = round(self.first_pts * tick, 6)
            if self.first_pts and not self.entered:
                notes.append(f"the first time stamp is {self.first_pts * tick:.3f} s")
        if timestamps.frames < 2 or not self.gaps:
            return notes
        least, median, most = min(self.gaps), _median(self.gaps), max(self.gaps)
        varies = not timestamps.constant_rate
        facts |= {
            "fps": str(timestamps.rate),
            "variable_frame_rate": varies,
            "gap_seconds": [round(gap * tick, 6) for gap in (least, median, most)],
        }
        if varies:
            gaps = f"gaps of {least * tick:.4f} to {most * tick:.4f} s, median {median * tick:.4f}"
            notes.append(f"variable frame rate ({gaps}): every frame is given once")
        if least <= 0:
            back = sum(count for gap, count in self.gaps.items() if gap <= 0)
            notes.append(
                f"{back} time stamps repeat or run backwards: frames are in the decoder's order"
            )
        return notes


def _seconds(frame: VideoFrame) -> Fraction | None:
    return None if frame.pts is None else frame.pts * Fraction(frame.time_base or 0)


def _codec(stream: VideoStream) -> str:
    """The name of the codec (av1), not of the decoder that reads it (libdav1d)."""
    return stream.codec_context.codec.canonical_name


def _decode(
    container: InputContainer,
    stream: VideoStream,
    threads: int,
    stats: _StreamStats,
    key: int | None = None,
) -> Iterator[VideoFrame]:
    """The frames that `stream` decodes to; packets that cannot be decoded are counted.

    key: time stamp of a key frame to begin at.
    """
    stream.thread_count = threads
    stream.thread_type = "SLICE"
    try:
        if key is not None:
            # What the first frame says of its encoder holds for all: without it 4:4:4 video of old
            # x264 comes out as noise.
            next(container.decode(stream), None)
            container.seek(key, stream=stream)
        for packet in container.demux():
            if packet.pts is not None and packet.time_base:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                stats.end_seconds = max(stats.end_seconds, float(end))
            if packet.stream.index != stream.index:
                continue
            stats.packets += packet.size > 0
            stats.hidden += packet.is_discard
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                stats.unread = _reason(error)
                if stats.frames:
                    stats.failed += 1
                else:
                    # A cut at the start leaves packets that lean on frames which are gone.
                    stats.skipped += 1
                continue
            if frames and packet.size:
                stats.lost, stats.failed = stats.lost + stats.failed, 0
            yield from (frame for frame in frames if isinstance(frame, VideoFrame))
        if stats.failed:
            stats.stopped = stats.unread
    except av.FFmpegError as error:
        stats.stopped = _reason(error)


def _reason(error: av.FFmpegError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _median(counts: Counter[int]) -> int:
    """The middle one of the counted values, the upper of two."""
    below, half = 0, counts.total() // 2
    for value in sorted(counts):
        below += counts[value]
        if below > half:
            return value
    raise ValueError("nothing is counted")
