"""Perceptual hashes (DCT, 64 bits), which outlive scaling and coding; and clips that look alike."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

EVERY = 8  # frames of a clip from one hash to the next
NEAR = 8  # bits of 64 in which pictures that look the same may differ
ALIKE = 0.6  # part of a clip's pictures that must be found in another one


def perceptual_hash(frame: NDArray[np.uint8]) -> int:
    """64 bits: the signs of the lowest frequencies of a picture, uint8 (H, W, 3), about their median."""
    grey = cv2.cvtColor(
        cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
    )
    waves = cv2.dct(grey.astype(np.float32))[:8, :8].ravel()
    waves[0] = 0  # the brightness
    return int.from_bytes(np.packbits(waves > np.median(waves[1:])).tobytes(), "big")


def lookalikes(clips: Sequence[tuple[str, Sequence[int]]]) -> dict[int, int]:
    """By number of a clip that looks like an earlier one of another video: the number of that.

    clips: of each the video it is from, and the hashes of its pictures.
    A clip that is itself left out is not compared with: the first of several stays.
    """
    originals: dict[int, int] = {}
    videos = np.array([video for video, _ in clips])
    counts = [len(hashes) for _, hashes in clips]
    owner = np.repeat(np.arange(len(clips)), counts)
    bits = np.array([h for _, hashes in clips for h in hashes], np.uint64)
    original = np.ones(len(clips), bool)
    at = 0
    for number, (video, hashes) in enumerate(clips):
        before = np.flatnonzero((original[owner[:at]]) & (videos[owner[:at]] != video))
        if len(before) and hashes:
            near = np.zeros(len(clips), np.int64)
            for one in bits[at : at + len(hashes)]:
                hit = np.bitwise_count(bits[before] ^ one) <= NEAR
                near[np.unique(owner[before[hit]])] += 1
            first = np.flatnonzero(near >= ALIKE * len(hashes))
            if len(first):
                originals[number] = int(first[0])
                original[number] = False
        at += len(hashes)
    return originals
