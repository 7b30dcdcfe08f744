"""DAIN's own small networks: context, interpolation kernels and rectification."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..acceleration.legacy import Convolution, convolve
from ..tiling.box import in_bands

BAND = 1 << 18  # pixels of 128 channels worked on at once: 128 MiB


class Residual(nn.Module):
    """Two 3x3 convolutions without bias around a shortcut, the first one dilated."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv1 = Convolution(channels, channels, dilation=dilation, bias=False)
        self.conv2 = Convolution(channels, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.conv2(self.conv1(x, slope=0.0), added=x, slope=0.0)
        return made


class Context(nn.Module):
    """Frames (B, 3, H, W) and what surrounds each of their pixels: (B, 195, H, W)."""

    REACH = 17  # pixels around that an output pixel depends on: 3 + (4 + 1) + (8 + 1)

    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(3, 64, 7, padding=3, bias=False), nn.ReLU())
        self.block2 = Residual(64, dilation=4)
        self.block3 = Residual(64, dilation=8)

    def forward(self, frames: Tensor) -> Tensor:
        first = self.block1(frames)
        second = self.block2(first)
        return torch.cat([frames.to(first.dtype), first, second, self.block3(second)], 1)


class KernelTrunk(nn.Module):
    """A U-Net on a pair (B, 6, H, W) that gives the two kernel heads (B, 16, H, W).

    Its layers carry the numbers of the published state. H and W are multiples of 32.
    """

    DOWN = ((0, 6, 16), (2, 16, 32), (5, 32, 64), (8, 64, 128), (11, 128, 256), (14, 256, 512))
    MIDDLE = 17
    UP = ((20, 512, 256), (23, 256, 128), (26, 128, 64), (29, 64, 32), (32, 32, 16))

    def __init__(self) -> None:
        super().__init__()
        for index, before, after in (*self.DOWN, (self.MIDDLE, 512, 512), *self.UP):
            self.add_module(str(index), Convolution(before, after))

    def forward(self, pair: Tensor) -> Tensor:
        x = self._layer(0, pair)
        skipped = []
        for index, _, _ in self.DOWN[1:]:
            x = self._layer(index, x)
            skipped.append(x)
            x = F.max_pool2d(x, 2)
        x = self._layer(self.MIDDLE, x)
        for index, _, _ in self.UP:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = self._layer(index, x + skipped.pop())
        return x

    def _layer(self, index: int, x: Tensor) -> Tensor:
        layer = cast(Convolution, self.get_submodule(str(index)))
        return cast(Tensor, layer(x, slope=0.0))


def kernel_head() -> nn.Sequential:
    """The 16 weights of every pixel's kernel for one of the two frames."""
    return nn.Sequential(Convolution(16, 16), nn.ReLU(inplace=True), Convolution(16, 16))


class Rectification(nn.Module):
    """What to add to the blend of the warped frames: (B, 437, h, w) to (B, 3, h, w).

    `first` and `rest` follow one another; between them a caller may put bands together. Of the
    437 channels 9, the blend and the warped frames, are among the 392 of the contexts once more or
    sums of these, and 32, the kernels, are the same for all times: `first` reads what is left.
    """

    FIRST_REACH = 3  # pixels around that a pixel of `first` depends on
    REST_REACH = 7  # and of `rest`
    BLEND, FRAMES, FLOWS, KERNELS = (
        slice(0, 3),
        (slice(3, 6), slice(6, 9)),
        slice(9, 13),
        slice(13, 45),
    )
    CONTEXTS = (slice(45, 241), slice(241, 437))  # which begin with the frames

    def __init__(self) -> None:
        super().__init__()
        self.block1 = nn.Sequential(nn.Conv2d(437, 128, 7, padding=self.FIRST_REACH), nn.ReLU())
        self.block2 = Residual(128)
        self.block3 = Residual(128)
        self.block4 = Residual(128)
        self.block5 = nn.Sequential(Convolution(128, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(cast(Tensor, self.block1(x)))

    def of_kernels(self, kernels: Tensor) -> Tensor:
        """What the first layer makes of the 32 kernel channels of whole frames, and its bias."""
        layer = cast(nn.Conv2d, self.block1[0])
        return convolve(kernels, layer.weight[:, self.KERNELS], layer.bias)

    def weights_at(self, t: float, *, kernels: bool) -> Tensor:
        """The first layer's weights for flows, kernels unless they are not to be read, contexts."""
        weight = cast(nn.Conv2d, self.block1[0]).weight
        parts = [weight[:, self.FLOWS], *([weight[:, self.KERNELS]] if kernels else [])]
        of_blend = weight[:, self.BLEND]
        for share, frame, context in zip((1 - t, t), self.FRAMES, self.CONTEXTS, strict=True):
            both = weight[:, frame] + share * of_blend
            first, others = torch.split(weight[:, context], [3, 193], 1)
            parts += [first + both, others]
        return torch.cat(parts, 1)

    def first(self, x: Tensor, weight: Tensor, added: Tensor | None = None) -> Tensor:
        """The first layer where all of its 7 x 7 inputs are there: 3 pixels less on each side.

        x, weight: as `weights_at` says. added: there, `of_kernels` if x has no kernels.
        """
        bias = cast(nn.Conv2d, self.block1[0]).bias if added is None else None
        return convolve(x, weight, bias, padding=0, added=added, slope=0.0)

    def rest(self, x: Tensor) -> Tensor:
        """The other layers, in bands of rows."""

        def layers(x: Tensor) -> tuple[Tensor]:
            return (self.block5(self.block4(self.block3(self.block2(x)))),)

        (made,) = in_bands(layers, x, max(BAND // x.shape[-1], 64), self.REST_REACH)
        return made
