"""Frame statistics: brightness, contrast and change of each frame, small enough to keep for a shot."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
Picture = TypeVar("Picture", NDArray[np.uint8], NDArray[np.float32])
SIDE = 320  # pixels of the longer side of the grey picture that is compared
BLOCK = 8  # and of the blocks whose changes are told apart


@dataclass(frozen=True)
class FrameStats:
    """Statistics of one frame, of a small grey picture of it, in levels of 255.

    number:  in the video; seconds: its time stamp, from the first frame of the video.
    change:  mean difference to the frame before; where one gain for the whole picture makes it
             less, that is taken out: light is no motion.
    busiest_change: the same of the busiest twentieth of the picture, to the frame a thirtieth of a
             second before: at 240 fps a step is small, and still it is motion.
    contrast: the standard deviation.
    brightening: levels of change that the gain took out, negative where the picture got darker.
    """

    number: int
    seconds: Fraction
    change: float
    busiest_change: float
    contrast: float
    brightening: float = 0.0


class FrameStatsMeter:
    """Measures frames as they stream by; holds the pictures of a thirtieth of a second.

    rate: frames a second as shown.
    """

    def __init__(self, rate: Fraction) -> None:
        self._past: deque[Grey] = deque(maxlen=max(1, round(rate / 30)))

    def __call__(self, number: int, seconds: Fraction, small: NDArray[np.uint8]) -> FrameStats:
        """small: what `small_picture` gave."""
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
        change = busiest = brightening = 0.0
        if self._past:
            plain, change, gain = _difference(grey, self._past[-1], np.mean)
            brightening = (plain - change) * (1 if gain > 1 else -1)
            busiest = _difference(grey, self._past[0], _busiest)[1]
        self._past.append(grey)
        contrast = float(cv2.meanStdDev(grey)[1][0, 0])
        return FrameStats(number, seconds, change, busiest, contrast, brightening)


def _difference(
    grey: Grey, before: Grey, measure: Callable[[Grey], float]
) -> tuple[float, float, float]:
    """The difference of two pictures as they are, the same at most without the gain, and the gain."""
    plain = float(measure(np.asarray(cv2.absdiff(grey, before), np.float32)))
    gain = float(grey.mean()) / max(float(before.mean()), 1.0)
    level = float(measure(np.asarray(cv2.absdiff(grey, before * np.float32(gain)), np.float32)))
    return plain, min(plain, level), gain


def small_picture(frame: Picture, side: int = SIDE, least: int = 1) -> Picture:
    """The frame scaled down by areas until its longer side is `side`; never up, but to `least`."""
    height, width = frame.shape[:2]
    part = min(1.0, side / max(height, width))
    size = (max(round(width * part), least), max(round(height * part), least))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), frame.dtype)


def _busiest(difference: Grey) -> float:
    """The mean over the twentieth of blocks with the largest differences."""
    height, width = difference.shape
    size = (max(width // BLOCK, 1), max(height // BLOCK, 1))
    blocks = cv2.resize(difference, size, interpolation=cv2.INTER_AREA).ravel()
    most = max(blocks.size // 20, 1)
    return float(np.partition(blocks, -most)[-most:].mean())
