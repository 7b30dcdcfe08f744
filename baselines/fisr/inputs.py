"""The inputs of FISR: colours, warped and resized frames, and the 29 channels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FLOW_RANGE = 192  # pixels of flow that count as 1: twice the side of the patches of training
FRACTIONS = 32  # of a pixel, to which the warped frames' coordinates are rounded

# MATLAB's BT.601 in studio range, as the authors' program rounds it: not exact inverses.
FROM_YUV = (
    (0.00456621, 0.0, 0.00625893),
    (0.00456621, -0.00153632, -0.00318811),
    (0.00456621, 0.00791071, 0.0),
)
FROM_RGB = ((65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214))
OFFSETS = (16.0, 128.0, 128.0)


def rgb_from_yuv(yuv: Tensor) -> Tensor:
    """(..., 3, h, w) in [0, 255], neither rounded."""
    y, u, v = (channel - offset for channel, offset in zip(yuv.unbind(-3), OFFSETS, strict=True))
    channels = [255 * (a * y + b * u + c * v) for a, b, c in FROM_YUV]
    return torch.stack(channels, -3).clamp(0, 255)


def yuv_from_rgb(rgb: Tensor) -> Tensor:
    """(..., 3, h, w) in [0, 255], neither rounded."""
    r, g, b = rgb.unbind(-3)
    channels = [
        offset + (red * r + green * g + blue * b) / 255
        for offset, (red, green, blue) in zip(OFFSETS, FROM_RGB, strict=True)
    ]
    return torch.stack(channels, -3).clamp(0, 255)


def remapped(image: Tensor, flow: Tensor) -> Tensor:
    """`image` read at (x + flow[0], y + flow[1]) as OpenCV's `remap` does, the edge repeated.

    Bilinear, at coordinates rounded to 1/32 of a pixel: the weights were trained with that.

    image: (B, C, h, w). flow: (B, 2, h, w) in pixels, horizontal first.
    """
    height, width = image.shape[-2:]
    flow = flow.float()  # the coordinates are in single precision whatever the image is in
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)
    left, right, x = _taps(flow[:, 0] + columns, width, image)
    upper, lower, y = _taps(flow[:, 1] + rows[:, None], height, image)
    pixels = image.flatten(-2)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = (row * width + column).flatten(1)[:, None].expand(-1, image.shape[1], -1)
        return pixels.gather(-1, index).view_as(image)

    above = (1 - x) * at(upper, left) + x * at(upper, right)
    below = (1 - x) * at(lower, left) + x * at(lower, right)
    return (1 - y) * above + y * below


def _taps(position: Tensor, size: int, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two pixels to read, (B, h, w) each, and the second one's weight, (B, 1, h, w)."""
    rounded = (FRACTIONS * position).round() / FRACTIONS
    whole = rounded.floor()
    weight = (rounded - whole).to(image.dtype)[:, None]
    index = whole.clamp(-1, size).long()  # farther out the edge is read all the same
    return index.clamp(0, size - 1), (index + 1).clamp(0, size - 1), weight


def warped_halfway(rgb: Tensor, flow: Tensor) -> Tensor:
    """An estimate of the frame halfway from a to b: b, read along half the flow from a to b.

    rgb:  frame b, (B, 3, h, w) in [0, 255], not rounded.
    flow: from a to b, (B, 2, h, w).
    Returns (B, 3, h, w), YUV in [0, 255].
    """
    return yuv_from_rgb(remapped(rgb, flow / 2))


def joined(frames: Tensor, flows: Tensor, warped: Tensor) -> Tensor:
    """The network's input, (B, 29, h, w).

    frames: (B, 3, 3, h, w): frames 0, 1, 2; Y, U, V in [0, 255].
    flows:  (B, 4, 2, h, w): 0 to 1, 1 to 0, 1 to 2, 2 to 1; horizontal, vertical, in pixels.
    warped: (B, 4, 3, h, w): frames warped halfway by those flows; Y, U, V in [0, 255].
    """
    parts = [frames / 255, (flows / FLOW_RANGE).clamp(-1, 1), (warped / 255).clamp(0, 1)]
    return torch.cat([part.flatten(1, 2) for part in parts], 1)


def doubled(image: Tensor) -> Tensor:
    """Twice the size, bilinear by half-pixel centres; beyond the edge lies the last pixel but one.

    image: (..., h, w).
    """
    for axis in (-2, -1):
        nearer = 3 * image / 4
        before, after = _mirrored(image, axis, -1) / 4, _mirrored(image, axis, 1) / 4
        # Stacked behind its axis, so that flattening the two interleaves them.
        image = torch.stack([before + nearer, nearer + after], axis).flatten(axis - 1, axis)
    return image


def halved(flow: Tensor) -> Tensor:
    """A flow brought to half the size and length: smoothed, then the mean of each 2 x 2 block.

    flow: (..., 2h, 2w). The smoothing is a Gaussian of sigma 1/2 cut off at two pixels.
    """
    kernel = [math.exp(-2 * k * k) for k in range(-2, 3)]
    for axis in (-2, -1):
        smoothed = torch.zeros_like(flow)
        for k, weight in zip(range(-2, 3), kernel, strict=True):
            smoothed = smoothed + weight / sum(kernel) * _mirrored(flow, axis, k)
        flow = smoothed
    rows = flow[..., ::2, :] + flow[..., 1::2, :]
    return (rows[..., ::2] + rows[..., 1::2]) / 8


def _mirrored(x: Tensor, axis: int, shift: int) -> Tensor:
    """x[i + shift] along an axis; outside, mirrored at the centre of the edge pixel."""
    size = x.shape[axis]
    period = max(2 * size - 2, 1)
    place = (torch.arange(size, device=x.device) + shift) % period
    return x.index_select(axis, torch.minimum(place, period - place))
