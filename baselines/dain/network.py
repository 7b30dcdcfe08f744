"""DAIN, depth-aware video frame interpolation (Bao et al., CVPR 2019), as the paper's Fig. 3 has it.

Names and shapes are those of the published checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..flow_networks.pwcnet import PWCNet
from .hourglass import Hourglass
from .layers import adapt, project
from .modules import ContextNet, KernelNet, SynthesisNet, kernel_head

NEAREST = -60.0  # least log depth used: the weights exp(-depth) of a frame still sum in float32


class DAIN(nn.Module):
    """Frames at any times between two others."""

    def __init__(self) -> None:
        super().__init__()
        self.initScaleNets_filter = KernelNet()
        self.initScaleNets_filter1 = kernel_head()
        self.initScaleNets_filter2 = kernel_head()
        self.ctxNet = ContextNet()
        self.rectifyNet = SynthesisNet()
        self.flownets = PWCNet(warp="zero")
        self.depthNet = Hourglass()

    def forward(self, first: Tensor, second: Tensor, times: Sequence[float] | Tensor) -> Tensor:
        """The frames at `times` between two frames, not clipped.

        first, second: (B, 3, H, W), RGB in [0, 1], H and W multiples of 64.
        times:         (n,), each in (0, 1).
        Returns (B, n, 3, H, W).
        """
        X = first, second
        pyramids = [self.flownets.pyramid(x) for x in X]
        f_01, f_10 = self.flow(pyramids[0], pyramids[1]), self.flow(pyramids[1], pyramids[0])
        depths = [self.depthNet(x) for x in X]
        contexts = [self.context(x, depth) for x, depth in zip(X, depths)]
        kernels = self.kernels(first, second)
        outputs = []
        for t in map(float, times):
            flows = self.project(t * f_01, depths[0]), self.project((1 - t) * f_10, depths[1])
            frames = [adapt(x, flow, kernel) for x, flow, kernel in zip(X, flows, kernels)]
            warped = [adapt(c, flow, kernel) for c, flow, kernel in zip(contexts, flows, kernels)]
            blend = (1 - t) * frames[0] + t * frames[1]
            x = torch.cat([blend, *frames, *flows, *kernels, *warped], 1)
            outputs.append(blend + self.rectifyNet(x))
        return (
            torch.stack(outputs, 1) if outputs else first.new_zeros(len(first), 0, *first.shape[1:])
        )

    def flow(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """From one frame to another, given their pyramids: (B, 2, H, W) in pixels."""
        flow = 20 * self.flownets.flows(first, second)[0]
        return interpolate(flow, scale_factor=4, mode="bilinear", align_corners=False)

    def kernels(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """The interpolation kernels for either frame, (B, 16, H, W)."""
        x = self.initScaleNets_filter(torch.cat([first, second], 1))
        return self.initScaleNets_filter1(x), self.initScaleNets_filter2(x)

    def context(self, frame: Tensor, log_depth: Tensor) -> Tensor:
        """Context features, which are warped as the frame is: (B, 196, H, W), the frame first, the depth last."""
        return torch.cat([self.ctxNet(frame), log_depth], 1)

    def project(self, flow: Tensor, log_depth: Tensor) -> Tensor:
        """The flow at the time where `flow` ends, back to its frame; the nearer counts for more."""
        weight = 1e-6 + (-log_depth.clamp(min=NEAREST)).exp()
        return project(flow, weight, fill=not self.training)
