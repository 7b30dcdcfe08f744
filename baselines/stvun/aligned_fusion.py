"""STVUN with explicit alignment: `w/ A&F` of the paper's Table 3, 32,414,276 parameters.

EDVR's PCD and TSA, of 64 channels and 8 groups, take the place of EFST, one of each for the four
levels of the encoder. No code was published for it; this is the reading whose number of
parameters is the paper's, and it includes the convolutions that make PCD's pyramid.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from ..edvr.alignment import PCD, TSA, conv, lrelu
from .network import CENTRE, FRAMES, WIDTH

GROUPS = 8


class AlignedFusion(nn.Module):
    """Frames brought into register with the centre one, and fused; in the place of EFST."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.conv_l2_1 = conv(width, width, stride=2)
        self.conv_l2_2 = conv(width, width)
        self.conv_l3_1 = conv(width, width, stride=2)
        self.conv_l3_2 = conv(width, width)
        self.pcd_align = PCD(width, GROUPS)
        self.fusion = TSA(width, FRAMES)

    def forward(self, e: Sequence[Tensor]) -> Tensor:
        """The fused features of a level of seven frames, (B, 64, h, w) each."""
        f = [self.pyramid(e_t) for e_t in e]
        fused: Tensor = self.fusion([self.pcd_align(f_t, f[CENTRE]) for f_t in f])
        return fused

    def pyramid(self, l1: Tensor) -> list[Tensor]:
        l2 = lrelu(self.conv_l2_2(lrelu(self.conv_l2_1(l1))))
        l3 = lrelu(self.conv_l3_2(lrelu(self.conv_l3_1(l2))))
        return [l1, l2, l3]
