"""Motion of a clip: the lengths of optical flow between neighbouring frames, and a preview of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..frames import Frame
from .frame_stats import small_picture

Flow = NDArray[np.float32]
SIDE = 480  # pixels of the longer side of what flow is found in
PREVIEW_PAIRS = 4  # of neighbouring frames, spread over the scene


class MotionMeter:
    """Measures optical flow (DIS, OpenCV's preset "fast") while the frames of a clip go by.

    frames: how many there will be.
    pairs:  of neighbouring frames that are measured, spread over the clip.
    """

    def __init__(self, frames: int, pairs: int = 12) -> None:
        steps = max(frames - 1, 1)
        self._after = {round((n + 0.5) * steps / pairs) for n in range(pairs)}
        self._count = 0
        self._before: Frame | None = None
        self._lengths: list[Flow] = []

    def process_frame(self, frame: Frame) -> None:
        """frame: uint8 (H, W, 3), RGB."""
        if self._before is not None:
            self._lengths.append(_lengths(optical_flow(self._before, frame)))
        self._count += 1
        self._before = frame if self._count in self._after else None

    def result(self) -> dict[str, float]:
        """The median and the 95th percentile of motion, in pixels a frame, all pixels and pairs taken together."""
        median, p95 = _median_and_p95(self._lengths)
        return {"median": round(median, 2), "p95": round(p95, 2)}


@dataclass(frozen=True)
class MotionPreview:
    """What a scene looks like, and how it moves.

    frames:  (number, frame) of the first, the middle and the last; fewer of a scene of fewer.
    flow:    (2, h, w) from the middle frame to the next, in pixels of the frames; None of one frame.
    lengths: of motion, in pixels a frame, at samples of some pairs.
    """

    frames: list[tuple[int, Frame]]
    flow: Flow | None
    lengths: Flow

    def motion(self) -> tuple[float, float]:
        """The median and the 95th percentile of the lengths."""
        return _median_and_p95([self.lengths])


def preview(frames: int, read: Callable[[int], Frame]) -> MotionPreview:
    """The preview of a scene of so many frames, at least one; `read` gives a frame by its number."""
    middle, steps = (frames - 1) // 2, frames - 1
    frames_read = {number: read(number) for number in sorted({0, middle, steps})}
    if not steps:
        return MotionPreview(list(frames_read.items()), None, np.zeros(0, np.float32))
    starts = {round((n + 0.5) * steps / PREVIEW_PAIRS - 0.5) for n in range(PREVIEW_PAIRS)}
    flows = {}
    for start in sorted(starts | {middle}):
        one, other = (frames_read[n] if n in frames_read else read(n) for n in (start, start + 1))
        flows[start] = optical_flow(one, other, fine=True)
    lengths = np.concatenate([_lengths(flow) for flow in flows.values()])
    return MotionPreview(list(frames_read.items()), flows[middle], lengths)


def optical_flow(one: Frame, other: Frame, *, fine: bool = False) -> Flow:
    """Optical flow (DIS) between two frames of one size, uint8 (H, W, 3).

    fine: OpenCV's preset "medium", else "fast".
    Returns (2, h, w), x and y in pixels of the frames, of a picture at most `SIDE` wide or high.
    """
    grey = [
        cv2.cvtColor(small_picture(frame, SIDE, 16), cv2.COLOR_RGB2GRAY) for frame in (one, other)
    ]
    scale = np.divide(one.shape[1::-1], grey[0].shape[::-1])
    preset = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM if fine else cv2.DISOPTICAL_FLOW_PRESET_FAST
    dis: Any = cv2.DISOpticalFlow.create(preset)
    flow = np.moveaxis(dis.calc(*grey, None), -1, 0)
    return np.asarray(flow * scale[:, None, None], "f4")


def _lengths(flow: Flow) -> Flow:
    """The lengths of every fourth vector across and down."""
    return np.asarray(np.hypot(*flow[:, ::4, ::4]).ravel(), np.float32)


def _median_and_p95(lengths: list[Flow]) -> tuple[float, float]:
    values = np.concatenate(lengths) if lengths else np.zeros(0)
    if not values.size:
        return 0.0, 0.0
    median, p95 = np.percentile(values, [50, 95])
    return float(median), float(p95)
