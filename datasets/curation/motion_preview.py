"""What a scene looks like at a glance: three of its frames, a flow, and how far things move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .motion import flow_between

Frame = NDArray[np.uint8]
Flow = NDArray[np.float32]

PAIRS = 4  # of neighbouring frames that are measured, spread over the scene


@dataclass(frozen=True)
class Glimpse:
    """shown: (number, frame) of the first, the middle and the last; fewer of a scene of fewer.
    flow:    (2, h, w) from the middle frame to the next, in pixels of the frames; None of one frame.
    lengths: of motion, in pixels a frame, at samples of some pairs.
    """

    shown: list[tuple[int, Frame]]
    flow: Flow | None
    lengths: Flow

    def motion(self) -> tuple[float, float]:
        """The median and the 95th percentile of the lengths."""
        if not self.lengths.size:
            return 0.0, 0.0
        median, p95 = np.percentile(self.lengths, [50, 95])
        return float(median), float(p95)


def glimpse(frames: int, read: Callable[[int], Frame]) -> Glimpse:
    """A look at a scene of so many frames, at least one; `read` gives a frame by its number."""
    middle = max((frames - 1) // 2, 0)
    shown = [(number, read(number)) for number in sorted({0, middle, frames - 1})]
    if frames < 2:
        return Glimpse(shown, None, np.zeros(0, np.float32))
    steps = frames - 1
    starts = {round((n + 0.5) * steps / PAIRS - 0.5) for n in range(PAIRS)} | {middle}
    known = dict(shown)
    flows = {}
    for start in sorted(starts):
        pair = [known.get(n) if n in known else read(n) for n in (start, start + 1)]
        flows[start] = flow_between(*(frame for frame in pair if frame is not None), thorough=True)
    lengths = [np.hypot(*flow[:, ::4, ::4]).ravel() for flow in flows.values()]
    return Glimpse(shown, flows[middle], np.concatenate(lengths))
