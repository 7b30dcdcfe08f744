"""E*warp, the warping error (Lai et al., Learning blind video temporal consistency, ECCV 2018)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from .feature_distance import image_tensor
from .preprocess import Frame
from .sequence import TemporalMeasure

FACTOR = 1000  # E*warp is E_warp in thousandths


class EWarp(TemporalMeasure):
    """The mean squared difference, times 1000, of a frame and the next one moved back onto it.

    Of restored frames in [0, 1], by the flow of the true ones, where that is no occlusion and no
    border of motion. A frame of which nothing remains has no score.

    flow: the network: (first, second), (1, 3, h, w) in [0, 1], to (1, 2, h, w) in pixels, by which
          first(p) ~ second(p + flow(p)).
    """

    name, smallest = "ewarp", 32

    def __init__(self, flow: Any) -> None:
        super().__init__()
        self.flow, self.like = flow, next(flow.parameters())

    @torch.inference_mode()
    def add_pair(self, restored: Frame, truth: Frame) -> None:
        b, g = (image_tensor(frame, self.like) for frame in (truth, restored))
        self.values.append(self._error(*self.before, b, g) if self.values else None)
        self.before = b, g

    def _error(self, b1: Tensor, g1: Tensor, b2: Tensor, g2: Tensor) -> float | None:
        forward, backward = self.flow(b1, b2), self.flow(b2, b1)
        visible = ~occluded(forward, backward)
        number = int(visible.sum())
        if not number:
            return None
        squared = (warp(g2, forward) - g1).square().sum(1) * visible
        return FACTOR * float(squared.sum(dtype=torch.float64)) / (3 * number)


def occluded(forward: Tensor, backward: Tensor) -> Tensor:
    """Where the flow to the next frame and back do not agree, or it changes abruptly, (1, h, w).

    forward, backward: (1, 2, h, w) in pixels. The thresholds are those of Lai et al., after Ruder
    et al., Artistic style transfer for videos, GCPR 2016.
    """
    back = warp(backward, forward)
    length, length_back = (flow.square().sum(1) for flow in (forward, back))
    inconsistent = (forward + back).square().sum(1) > 0.01 * (length + length_back) + 0.5
    gradient = torch.zeros_like(length)
    gradient[..., :, :-1] += forward.diff(dim=3).square().sum(1)
    gradient[..., :-1, :] += forward.diff(dim=2).square().sum(1)
    return inconsistent | (gradient > 0.01 * length + 0.002)


def warp(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at p + flow(p), bilinear, outside its border; (1, C, h, w)."""
    h, w = flow.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(h, device=flow.device), torch.arange(w, device=flow.device), indexing="ij"
    )
    position = torch.stack([(x + flow[:, 0]) * (2 / (w - 1)), (y + flow[:, 1]) * (2 / (h - 1))], -1)
    return grid_sample(image, position - 1, padding_mode="border", align_corners=True)
