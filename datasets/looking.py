"""What is noted of every frame of a video while it streams by, small enough to keep a shot of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 320  # pixels of the longer side of the grey picture that is compared
BLOCK = 8  # and of the blocks whose changes are told apart


@dataclass(frozen=True)
class Seen:
    """One frame.

    number:  in the video; seconds: its time stamp, from the first frame of the video.
    change:  mean difference to the frame before, of small grey pictures, in levels of 255.
    moved:   the same of the busiest twentieth of the picture, to the frame a thirtieth of a second
             before: at 240 fps a step is small, and still it is motion.
    bright, contrast: mean and standard deviation of the grey picture.
    """

    number: int
    seconds: Fraction
    change: float
    moved: float
    bright: float
    contrast: float


class Looking:
    """Notes what is seen; holds the pictures of a thirtieth of a second."""

    def __init__(self, rate: Fraction) -> None:
        self._past: deque[NDArray[np.uint8]] = deque(maxlen=max(1, round(rate / 30)))

    def __call__(self, number: int, seconds: Fraction, small: NDArray[np.uint8]) -> Seen:
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        change = moved = 0.0
        if self._past:
            change = float(cv2.absdiff(grey, self._past[-1]).mean())
            moved = _busiest(np.asarray(cv2.absdiff(grey, self._past[0]), np.uint8))
        self._past.append(grey)
        mean, deviation = cv2.meanStdDev(grey)
        return Seen(number, seconds, change, moved, float(mean[0, 0]), float(deviation[0, 0]))


def small_picture(frame: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
    """The frame scaled down by areas until its longer side is `side`; never up."""
    height, width = frame.shape[:2]
    part = min(1.0, side / max(height, width))
    size = (max(round(width * part), 1), max(round(height * part), 1))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _busiest(difference: NDArray[np.uint8]) -> float:
    """The mean over the twentieth of blocks with the largest differences."""
    height, width = difference.shape
    size = (max(width // BLOCK, 1), max(height // BLOCK, 1))
    blocks = cv2.resize(difference.astype(np.float32), size, interpolation=cv2.INTER_AREA).ravel()
    most = max(blocks.size // 20, 1)
    return float(np.partition(blocks, -most)[-most:].mean())
