"""How far things move from one frame of a clip to the next."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 480  # pixels of the longer side of what flow is found in
PAIRS = 12  # of neighbouring frames that are measured, spread over the clip


class MotionMeter:
    """Gathers optical flow (DIS, OpenCV's preset "fast") while the frames of a clip go by.

    frames: how many there will be.
    """

    def __init__(self, frames: int) -> None:
        steps = max(frames - 1, 1)
        self._after = {round((n + 0.5) * steps / PAIRS) for n in range(PAIRS)}
        self._count = 0
        self._before: NDArray[np.uint8] | None = None
        self._lengths: list[NDArray[np.float32]] = []

    def add(self, frame: NDArray[np.uint8]) -> None:
        """frame: uint8 (H, W, 3), RGB."""
        if self._before is not None:
            flow = flow_between(self._before, frame)[:, ::4, ::4]
            self._lengths.append(np.hypot(*flow))
        self._count += 1
        self._before = frame if self._count in self._after else None

    def result(self) -> dict[str, float]:
        """The median and the 95th percentile of motion, in pixels a frame, all pixels and pairs taken together."""
        if not self._lengths:
            return {"median": 0.0, "p95": 0.0}
        lengths = np.concatenate([lengths.ravel() for lengths in self._lengths])
        median, p95 = np.percentile(lengths, [50, 95])
        return {"median": round(float(median), 2), "p95": round(float(p95), 2)}


def flow_between(
    one: NDArray[np.uint8], other: NDArray[np.uint8], *, thorough: bool = False
) -> NDArray[np.float32]:
    """Optical flow (DIS) between two frames of one size, uint8 (H, W, 3).

    thorough: OpenCV's preset "medium", else "fast".
    Returns (2, h, w), x and y in pixels of the frames, of a picture at most `SIDE` wide or high.
    """
    height, width = one.shape[:2]
    part = min(1.0, SIDE / max(height, width))
    size = (max(round(width * part), 16), max(round(height * part), 16))
    small = [
        cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        for frame in (one, other)
    ]
    preset = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM if thorough else cv2.DISOPTICAL_FLOW_PRESET_FAST
    dis: Any = cv2.DISOpticalFlow.create(preset)
    flow = np.moveaxis(dis.calc(*small, None), -1, 0)
    return np.asarray(flow * np.array([width / size[0], height / size[1]])[:, None, None], "f4")
