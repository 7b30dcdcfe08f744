"""Zooming Slow-Mo, one-stage space-time video super-resolution (Xiang et al., CVPR 2020).

F are features, h and c the states of the recurrence, as in the paper; names of parameters are the
authors'.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from ..edvr.alignment import conv, lrelu
from ..edvr.network import residual_blocks
from .alignment import Interpolation

Pyramid = list[Tensor]


class ZSM(Interpolation):
    """n frames, 2n - 1 out of them, four times larger: every second one new.

    channels, groups: of the features; of those, that share an offset.
    front, back:      residual blocks for each input frame; for each output frame.
    """

    def __init__(self, channels: int = 64, groups: int = 8, front: int = 5, back: int = 40) -> None:
        super().__init__()
        self.conv_first = conv(3, channels)
        self.feature_extraction = residual_blocks(channels, front)
        self.add_interpolation(channels, groups)
        self.ConvBLSTM = BidirectionalConvLSTM(channels, groups)
        self.recon_trunk = residual_blocks(channels, back)
        self.upconv1 = conv(channels, 4 * channels)
        self.upconv2 = conv(channels, 4 * channels)
        self.HRconv = conv(channels, channels)
        self.conv_last = conv(channels, 3)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, 2n - 1, 3, 4h, 4w), not clipped, from (B, n, 3, h, w), RGB in [0, 1], n >= 2.

        Output 2k belongs to input k. Raises ValueError for one frame, or a size that is not a
        multiple of 4.
        """
        if frames.dim() != 5 or frames.shape[1] < 2 or frames.shape[2] != 3:
            raise ValueError(f"ZSM: frames are (B, n >= 2, 3, h, w), not {tuple(frames.shape)}")
        F = [self.features(x) for x in frames.unbind(1)]
        return torch.stack([self.restore(h_t) for h_t in self.ConvBLSTM(self.sequence(F))], 1)

    def features(self, x: Tensor) -> Pyramid:
        """The features of an input frame, (B, 3, h, w), at its size, half and a quarter of it."""
        height, width = x.shape[-2:]
        if height % 4 or width % 4:
            raise ValueError(f"ZSM: {width}x{height} is not in multiples of 4")
        return self.pyramid(self.feature_extraction(lrelu(self.conv_first(x))))

    def sequence(self, F: Sequence[Pyramid]) -> list[Tensor]:
        """The features of 2n - 1 frames: those of the inputs, and the interpolated between them."""
        new = [self.between(F_1, F_3) for F_1, F_3 in pairwise(F)]
        return [F[0][0], *(f for F_2, F_3 in zip(new, F[1:]) for f in (F_2, F_3[0]))]

    def restore(self, h: Tensor) -> Tensor:
        """An output frame from what the recurrent part gives for it."""
        x = self.recon_trunk(h)
        x = lrelu(pixel_shuffle(self.upconv1(x), 2))
        x = lrelu(pixel_shuffle(self.upconv2(x), 2))
        frame: Tensor = self.conv_last(lrelu(self.HRconv(x)))
        return frame


class BidirectionalConvLSTM(nn.Module):
    """Features of a sequence from all of it: one network through it forward and backward."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.forward_net = DeformableConvLSTM(channels, groups)
        self.conv_1x1 = conv(2 * channels, channels, 1)

    def forward(self, F: Sequence[Tensor]) -> list[Tensor]:
        pyramids = [self.forward_net.pyramids(F_t) for F_t in F]
        ahead = self.forward_net(pyramids)
        back = self.forward_net(pyramids[::-1])[::-1]
        return [self.conv_1x1(torch.cat(pair, 1)) for pair in zip(ahead, back)]


class DeformableConvLSTM(nn.Module):
    """A convolutional LSTM whose states are aligned to the frame before they are used."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.cell_list = nn.ModuleList([ConvLSTMCell(channels)])
        self.pcd_h = StateAlignment(channels, groups)
        self.pcd_c = StateAlignment(channels, groups)

    def pyramids(self, F_t: Tensor) -> tuple[Pyramid, Pyramid]:
        """Of a frame's features, as the alignments of h and of c make them."""
        return self.pcd_h.pyramid(F_t), self.pcd_c.pyramid(F_t)

    def forward(self, frames: Sequence[tuple[Pyramid, Pyramid]]) -> list[Tensor]:
        """h after each frame, (B, C, h, w), from the pyramids of the frames in the order of time."""
        h = c = torch.zeros_like(frames[0][0][0])
        outputs = []
        for for_h, for_c in frames:
            h_a, c_a = self.pcd_h(for_h, h), self.pcd_c(for_c, c)
            h, c = self.cell_list[0](for_h[0], h_a, c_a)
            outputs.append(h)
        return outputs


class StateAlignment(Interpolation):
    """A state as it would be at a frame."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.add_interpolation(channels, groups)

    def forward(self, F_t: Pyramid, state: Tensor) -> Tensor:
        return self.between(F_t, self.pyramid(state))


class ConvLSTMCell(nn.Module):
    """The gates of the LSTM by one convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = conv(2 * channels, 4 * channels)

    def forward(self, F_t: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, o, g = self.conv(torch.cat([F_t, h], 1)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c
