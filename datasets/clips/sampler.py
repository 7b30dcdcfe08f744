"""Training samples drawn from clips: a crop of consecutive frames, low resolution and ground truth.

A sample is a function of the seed, the step and its place in the batch, and of nothing else: a
training that is continued sees what it would have seen, whatever the number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..degradation import degrade
from ..errors import DatasetError
from ..frames import Box
from ..training_set import TrainingClip
from .storage import Clip

Frames = NDArray[np.uint8]

MARGIN = 8  # full-size pixels around a crop at least: the filters read up to 6 beyond it
OPEN = 64  # clips that a worker keeps open


@dataclass(frozen=True)
class Sample:
    """A training sample, uint8 RGB.

    lq:   the low-resolution input frames, (frames, h, w, 3).
    gt:   the ground truth in full size, (1 + n, H, W, 3): the centre frame, then n between it and
          the next input frame.
    gt_between: the low-resolution ground truth of those n moments, (n, h, w, 3).
    clip: its name, for messages.
    """

    lq: Frames
    gt: Frames
    gt_between: Frames
    clip: str


@dataclass(frozen=True)
class Sampling:
    """The settings by which samples are drawn.

    frames:  of the input: odd, or even, which time reversal leaves with the same pair in the middle.
    between: moments between two input frames; the input is every (between + 1)-th frame.
    patch:   side of the full-size crop, a multiple of the scale.
    tries:   crops that are drawn for each sample; the one with the most detail is taken.
    """

    frames: int = 8
    between: int = 1
    patch: int = 256
    scale: int = 4
    degradation: str = "BD"
    tries: int = 1
    augment: bool = True

    @property
    def centre(self) -> int:
        """The place in the input of the frame that is enlarged: 3 of 7 and of 8."""
        return (self.frames - 1) // 2

    @property
    def span(self) -> int:
        """Consecutive frames of a clip that a sample covers."""
        return (self.frames - 1) * (self.between + 1) + 1

    @property
    def margin(self) -> int:
        """Full-size pixels that are read around the crop, so that its low-resolution frames are
        those of the whole frame: a multiple of the scale."""
        return -(-MARGIN // self.scale) * self.scale

    @property
    def side(self) -> int:
        """Side of the crop with its margins."""
        return self.patch + 2 * self.margin


class Sampler:
    """All samples of some clips; `sampler(step, place)` is one.

    parts: clips and how often each group is drawn from, by weight; within a group every frame is
           as likely as another.
    Raises DatasetError if no clip is long and large enough, or the settings give no window.
    """

    def __init__(
        self, parts: Sequence[tuple[Sequence[TrainingClip], float]], sampling: Sampling, seed: int
    ) -> None:
        if sampling.frames < 1 or sampling.between < 0:
            given = f"{sampling.frames} frames with {sampling.between} moments between two"
            raise DatasetError(f"{given} are no window; give 1 or more, and 0 or more between")
        if sampling.patch < 1 or sampling.patch % sampling.scale:
            raise DatasetError(f"a patch of {sampling.patch} is no multiple of {sampling.scale}")
        self.sampling, self.seed = sampling, seed
        self.parts: list[tuple[list[TrainingClip], NDArray[np.float64], float]] = []
        for clips, weight in parts:
            usable = [clip for clip in clips if self._starts(clip) > 0]
            if not usable:
                least = sampling.side
                raise DatasetError(
                    f"no clip of {sampling.span} frames of {least}x{least} at least; take a "
                    "smaller patch, or prepare the clips larger"
                )
            chances = np.array([self._starts(clip) for clip in usable], float)
            self.parts.append((usable, chances / chances.sum(), weight))

    def __call__(self, step: int, place: int) -> Sample:
        random = np.random.default_rng([self.seed, step, place])
        weights = np.array([weight for *_, weight in self.parts])
        clips, chances, _ = self.parts[random.choice(len(self.parts), p=weights / weights.sum())]
        chosen = clips[random.choice(len(clips), p=chances)]
        start = int(random.integers(self._starts(chosen)))
        return _sample(chosen, start, self.sampling, random)

    def _starts(self, clip: TrainingClip) -> int:
        room = min(clip.height, clip.width) >= self.sampling.side
        return max(clip.frames - self.sampling.span + 1, 0) if room else 0


def _sample(
    clip: TrainingClip, start: int, sampling: Sampling, random: np.random.Generator
) -> Sample:
    step, scale, count = sampling.between + 1, sampling.scale, sampling.frames
    stored = _open(clip)
    box = _draw_box(stored, start + sampling.centre * step, sampling.side, sampling.tries, random)
    inputs = [start + k * step for k in range(count)]
    backwards = sampling.augment and random.random() < 0.5
    if backwards:  # the pair in the middle of 8 frames is the same; of 7 the centre is
        inputs = inputs[::-1]
    centre = inputs[sampling.centre]
    to_next = [centre + (-k if backwards else k) for k in range(1, step)]
    frames = stored.read([*inputs, *to_next], box)
    if sampling.augment:  # flips and turns by 90 degrees, the eight of them equally likely
        frames = np.rot90(frames, int(random.integers(4)), (1, 2))
        frames = frames[:, :, ::-1] if random.random() < 0.5 else frames
    edge, fine = sampling.margin // scale, slice(sampling.margin, -sampling.margin)
    lq = np.stack([degrade(frame, sampling.degradation, scale) for frame in frames])
    lq = lq[:, edge:-edge, edge:-edge]
    gt = frames[[sampling.centre, *range(count, len(frames))], fine, fine]
    return Sample(lq[:count], np.ascontiguousarray(gt), lq[count:], clip.name)


def _draw_box(clip: Clip, frame: int, side: int, tries: int, random: np.random.Generator) -> Box:
    """Of the crops that are drawn the one with the most detail, which bilinear enlargement could
    not bring back: the largest mean difference of neighbours."""
    _, height, width, _ = clip.shape

    def detail(box: Box) -> float:
        grey = clip.read([frame], box)[0].astype(np.int16).sum(2)
        return float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())

    def draw() -> Box:
        top = int(random.integers(height - side + 1))
        return Box(top, int(random.integers(width - side + 1)), side, side)

    boxes = [draw() for _ in range(tries)]
    return boxes[0] if tries == 1 else max(boxes, key=detail)


@lru_cache(OPEN)
def _open(clip: TrainingClip) -> Clip:
    return clip.open()


def collate(samples: Sequence[Sample]) -> Mapping[str, Any]:
    """Samples as one batch: "lq", "gt" and "gt_between" (B, n, 3, h, w) uint8, and "clips", names."""

    def stacked(name: str) -> Frames:
        frames = np.stack([getattr(sample, name) for sample in samples])
        return np.ascontiguousarray(np.moveaxis(frames, -1, 2))

    batch = {name: stacked(name) for name in ("lq", "gt", "gt_between")}
    return {**batch, "clips": [sample.clip for sample in samples]}
