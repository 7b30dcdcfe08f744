"""DAIN piece by piece, which takes less memory and gives the same: depth and synthesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from ..acceleration.processor import memory_format_of
from ..tiling.box import Box, in_bands
from .hourglass import Hourglass
from .layers import mix, taps
from .modules import ContextNet, SynthesisNet
from .network import DAIN

# Pixels worked on at once
DEPTH_BAND = 1 << 19  # of 128 channels: 256 MiB
INPUT_BAND = 1 << 17  # of the 437 channels that the synthesis reads: 218 MiB
SYNTHESIS_BAND = 1 << 18  # of 128 channels: 128 MiB
DEPTH_REACH = 8  # rows that the finest level sees on either side: 3 of its first layer, 5 of a unit


@dataclass(frozen=True)
class Side:
    """One of two frames, and what the frame between them is made of.

    image:   (B, 3, H, W).
    depth:   (B, 1, H, W), its logarithm.
    context: (B, 196, H, W); None to compute each part where it is needed.
    flow:    from the frame to the other, (B, 2, H, W) in pixels.
    kernel:  (B, 16, H, W).
    """

    image: Tensor
    depth: Tensor
    context: Tensor | None
    flow: Tensor
    kernel: Tensor


class BandedHourglass(Hourglass):
    """The hourglass in less memory, for `accelerate`: its finest level in bands of rows."""

    def forward(self, input: Tensor) -> Tensor:
        *stem, finest, last = self
        coarser, past = cast(nn.ModuleList, cast(nn.Sequential, finest)[0])
        pool, *inside = cast(nn.Sequential, coarser)

        def band(image: Tensor) -> tuple[Tensor, Tensor]:
            x = nn.Sequential(*stem)(image)
            return pool(x), past(x)

        rows = max(DEPTH_BAND // input.shape[-1] // 2 * 2, 64)
        half, fine = in_bands(band, input, rows, DEPTH_REACH)
        depth: Tensor = last(nn.Sequential(*inside)(half) + fine)
        return depth


def interpolate(
    network: DAIN, sides: Sequence[Side], t: float, part: Box, tile: int | None = None
) -> Tensor:
    """The frame at time `t`, (B, 3, h, w), not clipped: `DAIN.forward` from `project` on.

    sides: the first frame and the second.
    part:  of the frame.
    tile:  side of the pieces to work in; None is bands as wide as the frame.
    """
    image = sides[0].image
    sides = [
        replace(side, flow=network.project(time * side.flow, side.depth))
        for side, time in zip(sides, (t, 1 - t), strict=True)
    ]
    frame = image.new_empty(*image.shape[:2], part.height, part.width)
    for piece in part.pieces(tile or part.height, tile or part.width):
        piece.relative_to(part).cut(frame)[:] = synthesize(network, sides, t, piece)
    return frame


def synthesize(network: DAIN, sides: Sequence[Side], t: float, piece: Box) -> Tensor:
    """A part of the frame at time `t`, given the projected flows."""
    image, net = sides[0].image, network.rectifyNet
    near = piece.expand(net.REACH, Box.whole(image))
    # In float64 PyTorch's convolution unfolds its input on a CPU, 49 times as large here.
    pixels = INPUT_BAND >> 5 if image.dtype == torch.float64 else INPUT_BAND
    features, blends = [], []
    for band in near.pieces(max(pixels // near.width, 16), near.width):
        x, blend = synthesis_input(network, sides, t, band)
        features.append(net.block1(x))
        blends.append(blend)
    x = torch.cat(features, 2)
    rows = max(SYNTHESIS_BAND // x.shape[-1], 64)
    (residual,) = in_bands(lambda x: (net.rest(x),), x, rows, net.REACH)
    return piece.relative_to(near).cut(torch.cat(blends, 2) + residual)


def synthesis_input(
    network: DAIN, sides: Sequence[Side], t: float, band: Box
) -> tuple[Tensor, Tensor]:
    """The input of `SynthesisNet.block1` for a part of the frame, and the blend of warped frames."""
    whole, padding = Box.whole(sides[0].image), SynthesisNet.PADDING
    wide = band.expand(padding, whole)
    flows, kernels = ([wide.cut(getattr(side, of)) for side in sides] for of in ("flow", "kernel"))
    frames, contexts = [], []
    for side, flow, kernel in zip(sides, flows, kernels, strict=True):
        read = taps(flow, kernel, (whole.height, whole.width), top=wide.top, left=wide.left)
        context, seen = side.context, whole
        if context is None:
            seen = read.box()
            around = seen.expand(ContextNet.REACH, whole)
            image, depth = (around.cut(one).to(kernel.dtype) for one in (side.image, side.depth))
            context = seen.relative_to(around).cut(network.context(image, depth))
        contexts.append(mix(context, read, top=seen.top, left=seen.left))
        # A context starts with the frame itself, maybe in a coarser type than the output.
        same = context.dtype == side.image.dtype
        frames.append(contexts[-1][:, :3] if same else mix(side.image, read))
    blend = (1 - t) * frames[0] + t * frames[1]
    narrow = [part.to(contexts[0].dtype) for part in (blend, *frames, *flows, *kernels)]
    parts = [torch.cat(narrow, 1), *contexts]
    # Each to its place: to join them and then to pad them would be to copy all twice.
    beyond = Box(
        band.top - padding, band.bottom + padding, band.left - padding, band.right + padding
    )
    x = torch.empty(
        (len(blend), sum(part.shape[1] for part in parts), beyond.height, beyond.width),
        dtype=contexts[0].dtype,
        device=blend.device,
        memory_format=memory_format_of(sides[0].image),
    ).zero_()
    inner, start = wide.relative_to(beyond).cut(x), 0
    for part in parts:
        inner[:, start : start + part.shape[1]] = part
        start += part.shape[1]
    return x, band.relative_to(wide).cut(blend)
