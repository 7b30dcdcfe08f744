"""Frame interpolation along DIS optical flow, `flow`: handles occlusions, needs no weights."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..method import Settings, WindowMethod

Array = NDArray[np.float32]

SMALLEST = 64  # pixels; DIS refuses frames much smaller
ROUNDS = 3  # of the fixed point iteration
SLACK = 0.1  # how far two flows may disagree, as a part of their length ...
PIXELS = 3.0  # ... and besides, in pixels: DIS errs by about that much in plain regions
RESIDUE = 0.5  # pixels by which a path may miss its pixel
CONTRAST = 20 / 255  # difference of the two ends of a path that makes it doubtful
HIDDEN = 0.25  # weight left to an end of a path that seems hidden: that too may be an error
PLAIN = 0.02  # weight of the plain blend, which decides where no path is credible


class Path(NamedTuple):
    """For each pixel at the moment between: what one motion field brings to it.

    near, far: the frame that the motion belongs to, and the other, moved there.
    seen:      how sure it is that `far` shows the same point, (h, w) in [HIDDEN, 1].
    credible:  how sure the path is, (h, w) in [0, 1].
    """

    near: Array
    far: Array
    seen: Array
    credible: Array


class Flow(WindowMethod):
    """Bidirectional DIS flow (Kroeger et al., ECCV 2016), and a mean of what both flows bring.

    A pixel x at time t is reached from the first frame by the point p with p + t * flow(p) = x,
    and from the second likewise along the flow backward. So there are four colours for it, two a
    path. An end counts less where the other flow does not lead back from it (it is hidden
    there), a path less where it misses x (something else covers or uncovers x) or where its two
    ends look different; where neither path is credible the result goes over into the plain blend.
    """

    name = "flow"
    scale = 1
    after = 1

    def __init__(self) -> None:
        # Large patches: with DIS's 8 pixels repeated patterns (Vid4's city) match one period off.
        self.dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self.dis.setFinestScale(1)
        self.dis.setPatchSize(12)
        self.dis.setPatchStride(3)

    def __deepcopy__(self, memo: object) -> Flow:
        return copy(self)  # with the same DIS, which OpenCV cannot copy

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return (0, 1) if t else (0, 0)

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        if not times:
            return window[:1]
        first, second = (
            np.ascontiguousarray(frame.permute(1, 2, 0).float().cpu().numpy()) for frame in window
        )
        there, back = self.motion(first, second), self.motion(second, first)
        between_frames = [torch.from_numpy(between(first, second, there, back, t)) for t in times]
        new = torch.stack(between_frames).permute(0, 3, 1, 2).to(window.device, window.dtype)
        return torch.cat([window[:1], new])

    def motion(self, first: Array, second: Array) -> Array:
        """The flow from each pixel of the first frame to the second: (h, w, 2), x before y."""
        height, width = first.shape[:2]
        padded = [(0, max(SMALLEST - height, 0)), (0, max(SMALLEST - width, 0)), (0, 0)]
        luma = [
            cv2.cvtColor(
                (np.pad(frame, padded, "edge").clip(0, 1) * 255).round().astype(np.uint8),
                cv2.COLOR_RGB2GRAY,
            )
            for frame in (first, second)
        ]
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # DIS's result depends on their number
        try:
            flow: Array = self.dis.calc(luma[0], luma[1], None)
        finally:
            cv2.setNumThreads(threads)
        return np.ascontiguousarray(flow[:height, :width])


def between(first: Array, second: Array, there: Array, back: Array, t: float) -> Array:
    """The frame at time t: (h, w, 3) in [0, 1]."""
    forward = path(first, second, there, back, t)
    backward = path(second, first, back, there, 1 - t)
    terms = [
        (np.float32(PLAIN * (1 - t)), first),
        (np.float32(PLAIN * t), second),
        ((1 - t) * forward.credible, forward.near),
        (t * forward.credible * forward.seen, forward.far),
        (t * backward.credible, backward.near),
        ((1 - t) * backward.credible * backward.seen, backward.far),
    ]
    total = sum(np.asarray(weight)[..., None] * frame for weight, frame in terms)
    weights = sum(np.asarray(weight)[..., None] for weight, _ in terms)
    frame: Array = np.clip(total / weights, 0, 1).astype(np.float32)
    return frame


def path(near: Array, far: Array, flow: Array, other: Array, t: float) -> Path:
    """What `flow`, from `near` to `far`, brings to each pixel at the part t of its way."""
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    pixels = np.stack([x, y], -1)
    start = -t * flow  # where the point in `near` is that reaches the pixel, from the pixel
    for _ in range(ROUNDS):
        start = -t * moved(flow, pixels + start, cv2.INTER_LINEAR)
    step = moved(flow, pixels + start, cv2.INTER_LINEAR)
    end = pixels + start + step
    returning = moved(other, end, cv2.INTER_LINEAR)
    long = length(step)
    astray = length(step + returning) / (PIXELS + SLACK * (long + length(returning)))
    inside = (end > -1).all(-1) & (end < (width, height)).all(-1)
    seen = np.exp(-(astray**2)) * inside
    images = [
        moved(image, at, cv2.INTER_CUBIC) for image, at in ((near, pixels + start), (far, end))
    ]
    different = cv2.blur(np.abs(images[0] - images[1]).mean(-1), (5, 5))
    missed = length(start + t * step) / (RESIDUE + SLACK * long)
    credible = np.exp(-(missed**2) - different * seen / CONTRAST)
    share: Array = (HIDDEN + (1 - HIDDEN) * seen).astype(np.float32, copy=False)
    return Path(images[0], images[1], share, credible)


def moved(image: Array, at: Array, interpolation: int) -> Array:
    """The image's values at the coordinates (h, w, 2), beyond a border those of the border."""
    x, y = cv2.split(at.astype(np.float32))
    sampled = cv2.remap(image, x, y, interpolation, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32)


def length(vectors: Array) -> Array:
    return np.asarray(np.hypot(vectors[..., 0], vectors[..., 1]), np.float32)


def flow(settings: Settings, name: str) -> Flow:
    """The method; it runs on the CPU whatever the device."""
    return Flow()
