"""STVUN with explicit alignment: `w/ A&F` of the paper's Table 3, 32,414,276 parameters.

EDVR's PCD and TSA, of 64 channels and 8 groups, take the place of EFST, one of each for the four
levels of the encoder. No code was published for it; this is the reading whose number of
parameters is the paper's, and it includes the convolutions that make PCD's pyramid.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..edvr.alignment import Analysis, Fusion, Pyramid, active, conv3
from .network import CENTRE, FRAMES, STVUN, WIDTH

GROUPS = 8


class AlignedFusion(nn.Module):
    """Frames brought into register with the centre one, and fused; in the place of EFST."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.conv_l2_1 = conv3(width, width, stride=2)
        self.conv_l2_2 = conv3(width, width)
        self.conv_l3_1 = conv3(width, width, stride=2)
        self.conv_l3_2 = conv3(width, width)
        self.pcd_align = Pyramid(width, GROUPS)
        self.fusion = Fusion(width, FRAMES)

    def forward(self, e: Sequence[Tensor]) -> Tensor:
        """The fused features of a level of seven frames, (B, 64, h, w) each."""
        frames = [self._analysis(e_t) for e_t in e]
        fused: Tensor = self.fusion(self.pcd_align(frames, frames[CENTRE]))
        return fused

    def _analysis(self, f1: Tensor) -> Analysis:
        f2 = active(self.conv_l2_2(active(self.conv_l2_1(f1))))
        f3 = active(self.conv_l3_2(active(self.conv_l3_1(f2))))
        return self.pcd_align.analyse((f1, f2, f3))


def stvun_aligned(scale: int = 4) -> STVUN:
    """STVUN `w/ A&F`."""
    return STVUN(scale, fusion=AlignedFusion())
