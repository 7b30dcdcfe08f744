"""RSTT, the real-time spatial temporal transformer (Geng et al., CVPR 2022), as the paper's Fig. 2 has it.

E are the encoders' features, Q the queries of the decoders. Names of parameters are the authors'.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle

from ..edvr.alignment import conv, lrelu
from .attention import DecoderBlock, EncoderBlock

FRAMES = 4  # of a clip; the tables of the attention are for so many
SMALLEST = 25  # pixels: the coarsest features are a window of 4 at least
MULTIPLE = 8
HEADS = (2, 4, 8, 16)  # of the encoders; the decoders have them in reverse


class RSTT(nn.Module):
    """Four frames, seven out of them, four times larger.

    blocks: of each of the eight stages: 4 (S), 6 (M), 8 (L).
    """

    def __init__(self, blocks: int = 4, channels: int = 96) -> None:
        super().__init__()
        self.input_proj = nn.ModuleDict(
            {"proj": nn.Sequential(conv(3, channels), nn.LeakyReLU(0.01, inplace=True))}
        )
        self.encoder_layers = nn.ModuleList(
            Stage(EncoderBlock, channels, heads, blocks) for heads in HEADS
        )
        self.downsample = nn.ModuleList(
            nn.ModuleDict({"conv": nn.Sequential(nn.Conv2d(channels, channels, 4, 2, 1))})
            for _ in HEADS  # the last of them is in published files and takes no part
        )
        self.decoder_layers = nn.ModuleList(
            Stage(DecoderBlock, channels, heads, blocks) for heads in HEADS[::-1]
        )
        self.upsample = nn.ModuleList(
            nn.ModuleDict({"deconv": nn.Sequential(nn.ConvTranspose2d(channels, channels, 2, 2))})
            for _ in HEADS[1:]
        )
        self.upconv1 = conv(channels, 4 * channels)
        self.upconv2 = conv(channels, 4 * 64)
        self.HRconv = conv(64, 64)
        self.conv_last = conv(64, 3)

    def forward(self, frames: Tensor) -> Tensor:
        """(B, 7, 3, 4h, 4w), not clipped, from (B, 4, 3, h, w), RGB in [0, 1], h and w from 25 on.

        Output 2k belongs to input k. Raises ValueError for other numbers of frames and smaller ones.
        """
        large = enlarge(frames)
        features = self.features(frames)
        restored = [self.restore(x) for x in features.unbind(1)]
        return torch.stack(restored, 1) + large

    def features(self, frames: Tensor) -> Tensor:
        """The features of the seven output frames, (B, 7, 96, h, w)."""
        if frames.dim() != 5 or frames.shape[1:3] != (FRAMES, 3):
            raise ValueError(f"RSTT: frames are (B, 4, 3, h, w), not {tuple(frames.shape)}")
        height, width = frames.shape[-2:]
        if min(height, width) < SMALLEST:
            raise ValueError(f"RSTT: {width}x{height} is smaller than {SMALLEST} pixels")
        x = layer_of_frames(self.input_proj["proj"], frames.permute(0, 1, 3, 4, 2))
        x = pad(x, (0, 0, 0, -width % MULTIPLE, 0, -height % MULTIPLE))
        return self.decode(self.encode(x))[:, :, :height, :width].permute(0, 1, 4, 2, 3)

    def encode(self, x: Tensor) -> list[Tensor]:
        """E_0 to E_3, (B, 4, H, W, 96) each, at the size and an eighth of it at last."""
        E = []
        for k, encoder in enumerate(self.encoder_layers):
            if k:
                x = layer_of_frames(self.downsample[k - 1]["conv"], x)  # type: ignore[index]
            x = encoder(x)
            E.append(x)
        return E

    def decode(self, E: Sequence[Tensor]) -> Tensor:
        """The queries after all decoders, (B, 7, H, W, 96)."""
        Q = queries(E[-1])
        for k, decoder in enumerate(self.decoder_layers):
            if k:
                Q = layer_of_frames(self.upsample[k - 1]["deconv"], Q)  # type: ignore[index]
            Q = decoder(Q, E[-1 - k])
        return Q

    def restore(self, x: Tensor) -> Tensor:
        """What is added to an enlarged frame, (B, 3, 4h, 4w), from its features."""
        x = lrelu(pixel_shuffle(self.upconv1(x), 2))
        x = lrelu(pixel_shuffle(self.upconv2(x), 2))
        residual: Tensor = self.conv_last(lrelu(self.HRconv(x)))
        return residual


class Stage(nn.Module):
    """An encoder or a decoder: blocks whose windows are shifted in every second one."""

    def __init__(
        self, block: type[EncoderBlock | DecoderBlock], channels: int, heads: int, number: int
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            block(channels, heads, FRAMES, shifted=bool(n % 2)) for n in range(number)
        )

    def forward(self, x: Tensor, *features: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, *features)
        return x


def queries(E_3: Tensor) -> Tensor:
    """Q: the features of the inputs, and the mean of two for each frame between them."""
    between = (E_3[:, :-1] + E_3[:, 1:]) / 2
    pairs = torch.stack([E_3[:, :-1], between], 2).flatten(1, 2)
    return torch.cat([pairs, E_3[:, -1:]], 1)


def layer_of_frames(layer: nn.Module, x: Tensor) -> Tensor:
    """A layer of images on the frames of a clip, (B, D, H, W, C) with channels last."""
    y: Tensor = layer(x.flatten(0, 1).permute(0, 3, 1, 2))
    return torch.unflatten(y.permute(0, 2, 3, 1), 0, x.shape[:2])


def enlarge(frames: Tensor) -> Tensor:
    """The clip in seven frames of four times the size, linear in time, rows and columns.

    As published its frames lie at half-pixel centres in time too: frame 2k is not quite input k.
    """
    _, count, _, height, width = frames.shape
    size = (2 * count - 1, 4 * height, 4 * width)
    large = interpolate(frames.transpose(1, 2), size=size, mode="trilinear", align_corners=False)
    return large.transpose(1, 2)
