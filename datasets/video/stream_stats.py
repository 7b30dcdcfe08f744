"""Statistics of a video stream, taken while it is read: what is damaged, hidden, lost, interlaced, scaled."""

from __future__ import annotations

from dataclasses import dataclass, field

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from .timestamps import Timestamps

# A file this much shorter than its header says was cut: rounding and uneven ends of sound are less.
CUT_SECONDS = 0.25


@dataclass
class StreamStats:
    """Counts of what a stream holds, taken while it is read."""

    FACTS = (
        *("fps", "first_pts_seconds", "variable_frame_rate", "gap_seconds", "frames_expected"),
        *("frames_hidden", "frames_decoded", "frames_interlaced", "frames_scaled", "partial"),
    )

    entered: bool = False  # somewhere behind the beginning
    frames: int = 0
    interlaced: int = 0
    scaled: int = 0  # frames of another size than the first
    size: tuple[int, int] = 0, 0  # the last such
    damaged: int = 0  # frames that the decoder itself flags
    first_pts: int | None = None
    last_pts: int | None = None
    gaps: list[int] = field(default_factory=list)  # in ticks of the stream's clock
    packets: int = 0
    delay: int = 0  # packets that the decoder takes before the one that gives the first frame
    hidden: int = 0  # packets that an edit list takes out of sight
    skipped: int = 0  # packets before the first frame that could not be decoded
    failed: int = 0  # packets since the last frame that could not be decoded
    lost: int = 0  # packets between frames that could not be decoded
    end_seconds: float = 0.0  # the latest end of any packet of any stream
    unread: str = ""  # why the last of those could not be
    stopped: str = ""  # why reading came to an end before the stream did

    def add(self, frame: VideoFrame, size: tuple[int, int]) -> None:
        """size: of the first frame, to which all others are scaled."""
        if (frame.width, frame.height) != size:
            self.scaled += 1
            self.size = frame.width, frame.height
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
            self.gaps.append(frame.pts - self.last_pts)
        self.last_pts = frame.pts

    def faults(self) -> list[str]:
        """The notes on what is wrong with the frames read, whether they are all or not."""
        notes: list[str] = []
        if self.lost:
            notes.append(
                f"{self.lost} packets between frames could not be decoded ({self.unread}): "
                f"{self.frames} frames came"
            )
        if self.damaged:
            notes.append(f"{self.damaged} of {self.frames} frames are flagged as damaged")
        if self.scaled:
            width, height = self.size
            notes.append(
                f"the picture size changes (to {width}x{height}): {self.scaled} of {self.frames} "
                "frames are scaled to the first one's"
            )
        if self.interlaced:
            notes.append(f"{self.interlaced} of {self.frames} frames are interlaced: left as coded")
        return notes

    def finish(
        self,
        container: InputContainer,
        stream: VideoStream,
        timestamps: Timestamps,
        facts: dict[str, object],
    ) -> list[str]:
        """Write what was counted into `facts`; returns the notes on the whole stream."""
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
        facts |= {
            "frames_expected": expected,
            "frames_hidden": self.hidden,
            "frames_decoded": self.frames,
            "partial": bool(self.stopped),
        }
        tick = float(stream.time_base or 0)
        if self.first_pts is not None:
            facts["first_pts_seconds"] = round(self.first_pts * tick, 6)
            if self.first_pts and not self.entered:
                notes.append(f"the first time stamp is {self.first_pts * tick:.3f} s")
        if timestamps.frames < 2 or not self.gaps:
            return notes
        gaps = sorted(self.gaps)
        least, median, most = gaps[0], gaps[len(gaps) // 2], gaps[-1]
        varies = not timestamps.constant_rate
        facts |= {
            "fps": str(timestamps.rate),
            "variable_frame_rate": varies,
            "gap_seconds": [round(gap * tick, 6) for gap in (least, median, most)],
        }
        if varies:
            notes.append(
                f"variable frame rate (gaps of {least * tick:.4f} to {most * tick:.4f} s, median "
                f"{median * tick:.4f}): every frame is given once"
            )
        if least <= 0:
            back = sum(gap <= 0 for gap in gaps)
            notes.append(
                f"{back} time stamps repeat or run backwards: frames are in the decoder's order"
            )
        return notes
