"""DAIN piece by piece, which takes less memory and gives the same: depth and synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from ..acceleration.processor import memory_format_of
from ..tiling.tiles import Box, in_bands
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
class Pair:
    """Flow, depth, context and kernels of two frames, each for the first and the second.

    images:   (B, 3, H, W).
    depths:   (B, 1, H, W), their logarithm.
    contexts: (B, 196, H, W); None to compute each part where it is needed.
    flows:    from the frame to the other, (B, 2, H, W) in pixels.
    kernels:  (B, 16, H, W).
    """

    images: tuple[Tensor, Tensor]
    depths: tuple[Tensor, Tensor]
    contexts: tuple[Tensor | None, Tensor | None]
    flows: tuple[Tensor, Tensor]
    kernels: tuple[Tensor, Tensor]


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


def interpolate(network: DAIN, pair: Pair, t: float, part: Box, tile: int | None = None) -> Tensor:
    """The frame at time `t` of a pair, (B, 3, h, w), not clipped: `DAIN.forward` from `project` on.

    part: of the frame.
    tile: side of the pieces to work in; None is bands as wide as the frame.
    """
    image = pair.images[0]
    flows = (
        network.project(t * pair.flows[0], pair.depths[0]),
        network.project((1 - t) * pair.flows[1], pair.depths[1]),
    )
    frame = image.new_empty(*image.shape[:2], part.height, part.width)
    for piece in part.pieces(tile or part.height, tile or part.width):
        piece.relative_to(part).cut(frame)[:] = synthesize(network, pair, flows, t, piece)
    return frame


def synthesize(
    network: DAIN, pair: Pair, flows: tuple[Tensor, Tensor], t: float, piece: Box
) -> Tensor:
    """A part of the frame at time `t`, given the projected flows."""
    whole, net = Box.whole(pair.images[0]), network.rectifyNet
    near = piece.expand(net.REACH, whole)
    # In float64 PyTorch's convolution unfolds its input on a CPU, 49 times as large here.
    pixels = INPUT_BAND >> 5 if pair.images[0].dtype == torch.float64 else INPUT_BAND
    features, blends = [], []
    for band in near.pieces(max(pixels // near.width, 16), near.width):
        x, blend = synthesis_input(network, pair, flows, t, band)
        features.append(net.block1(x))
        blends.append(blend)
    x = torch.cat(features, 2)
    rows = max(SYNTHESIS_BAND // x.shape[-1], 64)
    (residual,) = in_bands(lambda x: (net.rest(x),), x, rows, net.REACH)
    return piece.relative_to(near).cut(torch.cat(blends, 2) + residual)


def synthesis_input(
    network: DAIN, pair: Pair, flows: tuple[Tensor, Tensor], t: float, band: Box
) -> tuple[Tensor, Tensor]:
    """The input of `SynthesisNet.block1` for a part of the frame, and the blend of warped frames."""
    whole, padding = Box.whole(pair.images[0]), SynthesisNet.PADDING
    wide = band.expand(padding, whole)
    frames, contexts = [], []
    for image, depth, context, flow, kernel in zip(
        pair.images, pair.depths, pair.contexts, flows, pair.kernels, strict=True
    ):
        read = taps(
            wide.cut(flow),
            wide.cut(kernel),
            (whole.height, whole.width),
            top=wide.top,
            left=wide.left,
        )
        seen = whole
        if context is None:
            seen = read.box()
            context = context_of(network, image.to(kernel.dtype), depth.to(kernel.dtype), seen)
        contexts.append(mix(context, read, top=seen.top, left=seen.left))
        # A context starts with the frame itself, maybe in a coarser type than the output.
        same = context.dtype == image.dtype
        frames.append(contexts[-1][:, :3] if same else mix(image, read))
    blend = (1 - t) * frames[0] + t * frames[1]
    narrow = [blend, *frames, *map(wide.cut, flows), *map(wide.cut, pair.kernels)]
    parts = [torch.cat([part.to(contexts[0].dtype) for part in narrow], 1), *contexts]
    # Each to its place: to join them and then to pad them would be to copy all twice.
    size = (
        len(blend),
        sum(part.shape[1] for part in parts),
        *(side + 2 * padding for side in (band.height, band.width)),
    )
    x = torch.empty(
        size,
        dtype=contexts[0].dtype,
        device=blend.device,
        memory_format=memory_format_of(pair.images[0]),
    ).zero_()
    beyond = Box(
        band.top - padding, band.bottom + padding, band.left - padding, band.right + padding
    )
    inner, start = wide.relative_to(beyond).cut(x), 0
    for part in parts:
        inner[:, start : start + part.shape[1]] = part
        start += part.shape[1]
    return x, band.relative_to(wide).cut(blend)


def context_of(network: DAIN, image: Tensor, log_depth: Tensor, part: Box) -> Tensor:
    """`network.context` of a part of a frame."""
    wide = part.expand(ContextNet.REACH, Box.whole(image))
    context = network.context(wide.cut(image), wide.cut(log_depth))
    return part.relative_to(wide).cut(context)
