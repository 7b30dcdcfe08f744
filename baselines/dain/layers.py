"""The two layers that DAIN is known for: depth-aware flow projection and adaptive warping.

Both decide by whole pixels where a flow lands, so their results jump where a landing coordinate
crosses an integer; between such places they are differentiable. Nothing here loops over pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt

import torch
from torch import Tensor
from torch.nn import functional as F

from ..tiling.box import Box


def project(flow: Tensor, weight: Tensor, *, fill: bool = True) -> Tensor:
    """Flow at the time where `flow` ends, pointing back to the frame where it starts.

    Every pixel hands its reversed flow to the four cells around its landing point, all alike; a
    cell averages what it got by weight. A hole, which got nothing, becomes the plain mean of the
    nearest averages to its left, right, above and below, or 0 where there are none.

    flow:   (B, 2, H, W), horizontal then vertical, pixels.
    weight: (B, 1, H, W), positive, larger for what is nearer to the camera.
    fill:   whether holes are filled (the authors leave them 0 while training).

    The gradient is the derivative; the authors' has a wrong sign for the weight. The sums have a
    fixed order on a CPU, so the result is the same in every run.
    """
    batch, _, height, width = flow.shape
    x, y = _landing(flow)
    used = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    cell = torch.where(used, y, 0).floor().long() * width
    cell = cell + torch.where(used, x, 0).floor().long()
    given = torch.where(used[:, None], torch.cat([-weight * flow, weight], 1), 0).flatten(2)
    first = torch.zeros_like(given).scatter_add(2, cell.flatten(1)[:, None].expand_as(given), given)
    total = _feed_next(_feed_next(first.view(batch, 3, height, width)).mT).mT
    got = total[:, 2:] > 0
    mean = torch.where(got, total[:, :2] / torch.where(got, total[:, 2:], 1), 0)
    return _filled(mean, got) if fill and not bool(got.all()) else mean


def _landing(flow: Tensor, top: int = 0, left: int = 0) -> tuple[Tensor, Tensor]:
    """Where each pixel of a flow, whose first one is (top, left) of the frame, points to."""
    height, width = flow.shape[-2:]
    columns = torch.arange(left, left + width, dtype=flow.dtype, device=flow.device)
    rows = torch.arange(top, top + height, dtype=flow.dtype, device=flow.device)
    return columns + flow[:, 0], rows[:, None] + flow[:, 1]


def _feed_next(given: Tensor) -> Tensor:
    """What cells hold that keep what is given to them and feed it to the next in their row too.

    The last one has no next and gets it twice.
    """
    wide = F.pad(given, (0, 1)) + F.pad(given, (1, 0))
    return wide[..., :-1] + F.pad(wide[..., -1:], (given.shape[-1] - 1, 0))


def _filled(mean: Tensor, got: Tensor) -> Tensor:
    """Means with the holes filled from the nearest ones along the row and the column."""
    total, count = torch.zeros_like(mean), torch.zeros_like(mean)
    for dim in (2, 3):
        size = mean.shape[dim]
        place = torch.arange(size, device=mean.device).view(
            [-1 if d == dim else 1 for d in range(4)]
        )
        before = torch.where(got, place, -1).cummax(dim).values
        after = torch.where(got, place, size).flip(dim).cummin(dim).values.flip(dim)
        for nearest in (before, after):
            inside = (nearest >= 0) & (nearest < size)
            where = nearest.clamp(0, size - 1).expand_as(mean)
            total = total + torch.where(inside, mean.gather(dim, where), 0)
            count = count + inside
    return torch.where(got, mean, total / count.clamp(min=1))


@dataclass(frozen=True)
class Taps:
    """Indices and weights of the pixels that adaptive warping mixes for each output pixel.

    rows, columns: (B, h, w, F), pixels of the frame; every row goes with every column.
    factors:       (B, h, w, F, F), row by column.
    """

    rows: Tensor
    columns: Tensor
    factors: Tensor

    def box(self) -> Box:
        """The smallest part of the frame that has all of those pixels."""
        ends = [end for places in (self.rows, self.columns) for end in places.aminmax()]
        top, bottom, left, right = (int(end) for end in ends)
        return Box(top, bottom + 1, left, right + 1)


def taps(
    flow: Tensor, kernel: Tensor, frame: tuple[int, int], *, top: int = 0, left: int = 0
) -> Taps:
    """Adaptive warping of a frame by `flow`, told as taps.

    A pixel whose flow leaves the frame, or is half its size or more, is copied unwarped.

    flow:      (B, 2, h, w), pixels.
    kernel:    (B, F * F, h, w), row by row, used as it is: neither normalised nor positive.
    frame:     height and width of the whole frame.
    top, left: which pixel of the frame the first one of flow and kernel is.
    """
    height, width = frame
    batch, area, rows, columns = kernel.shape
    size = isqrt(area)
    x, y = _landing(flow, top, left)
    warped = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    warped &= (flow[:, 0].abs() < width / 2) & (flow[:, 1].abs() < height / 2)
    here_x, here_y = _landing(torch.zeros_like(flow), top, left)
    x, y = torch.where(warped, x, here_x), torch.where(warped, y, here_y)
    x0, y0 = x.floor(), y.floor()

    offset = torch.arange(size, device=flow.device) + 1 - size // 2
    offset = torch.where(warped[..., None], offset, 0)
    late = torch.arange(size, device=flow.device) >= size // 2
    across = torch.where(late, (x - x0)[..., None], (1 - x + x0)[..., None])
    along = torch.where(late, (y - y0)[..., None], (1 - y + y0)[..., None])
    factors = kernel.permute(0, 2, 3, 1).reshape(batch, rows, columns, size, size)
    factors = factors * along[..., None] * across[..., None, :]
    alone = F.one_hot(torch.zeros_like(warped, dtype=torch.long), area).view_as(factors)
    return Taps(
        (y0.long()[..., None] + offset).clamp(0, height - 1),
        (x0.long()[..., None] + offset).clamp(0, width - 1),
        torch.where(warped[..., None, None], factors, alone.to(factors.dtype)),
    )


def mix(features: Tensor, taps: Taps, *, top: int = 0, left: int = 0) -> Tensor:
    """The pixels that `taps` name, mixed.

    features:  (B, C, H, W), the part of the frame that starts at (top, left) and holds all taps.
    Returns (B, C, h, w) of the features' type, laid out channels last.
    """
    batch, channels, height, width = features.shape
    _, rows, columns, size = taps.rows.shape
    first = torch.arange(batch, device=features.device).view(-1, 1, 1, 1) * height - top
    line = (taps.rows + first) * width - left
    index = (line[..., None] + taps.columns[..., None, :]).reshape(-1, size * size)
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    factors = taps.factors.reshape(-1, size * size).to(features.dtype)
    mixed = (_bags if features.device.type in ("cpu", "cuda") else _sums)(table, index, factors)
    return mixed.view(batch, rows, columns, channels).permute(0, 3, 1, 2)


def _bags(table: Tensor, index: Tensor, factors: Tensor) -> Tensor:
    """For each row of `index` the rows of `table` it names, summed with `factors`: in one pass."""
    return F.embedding_bag(index, table, mode="sum", per_sample_weights=factors)


def _sums(table: Tensor, index: Tensor, factors: Tensor) -> Tensor:
    """The same a tap at a time, for devices whose PyTorch lacks the one pass."""
    total = table[index[:, 0]] * factors[:, :1]
    for k in range(1, index.shape[1]):
        total = total + table[index[:, k]] * factors[:, k : k + 1]
    return total


def adapt(features: Tensor, flow: Tensor, kernel: Tensor) -> Tensor:
    """Features warped by a flow, each pixel with its own kernel on top of bilinear weights.

    features: (B, C, H, W); flow: (B, 2, H, W); kernel: (B, F * F, H, W), see `taps`.

    The gradient is the derivative. The authors give none to a pixel copied unwarped.
    """
    return mix(features, taps(flow, kernel, (features.shape[2], features.shape[3])))
