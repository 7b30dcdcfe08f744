"""FISR's multi-scale temporal loss: how its authors train it (section 3.3 of their paper)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

WEIGHTS = {
    "reconstruction": 1.0,
    "matching": 1.0,
    "matching_mean": 1.0,
    "difference": 0.1,
    "reconstruction_stride2": 1.0,
    "difference_stride2": 0.1,
    "matching_stride2": 0.1,
}
LEVELS = (4, 2, 1)  # weights of the three levels, and how much coarser than the target they are


def losses(windows: Sequence[Tensor], wide: Sequence[Tensor], target: Tensor) -> dict[str, Tensor]:
    """The terms of `WEIGHTS`, summed over the levels and not yet weighted, and `total`, weighted.

    windows: by level, coarsest first: (B, 3, 3, 3, h, w), the predictions for frames 0 to 2, 1 to 3
             and 2 to 4 of five; window, frame, Y U V.
    wide:    by level: (B, 3, 3, h, w), those for frames 0, 2 and 4.
    target:  (B, 7, 3, H, W), the frames at times 0.5 to 3.5 at the size of the finest level.
    """
    sums = dict.fromkeys(WEIGHTS, target.new_zeros(()))
    for weight, narrow, across in zip(LEVELS, windows, wide, strict=True):
        for name, term in _terms(narrow, across, target[..., ::weight, ::weight]).items():
            sums[name] = sums[name] + weight * term
    return sums | {
        "total": sum((WEIGHTS[name] * sums[name] for name in sums), target.new_zeros(()))
    }


def _terms(windows: Tensor, wide: Tensor, target: Tensor) -> dict[str, Tensor]:
    first, second, third = windows.unbind(1)
    twice = [(first[:, 2], second[:, 0]), (second[:, 2], third[:, 0])]  # in two windows each
    means = [(one + other) / 2 for one, other in twice]
    merged = torch.stack(
        [*first[:, :2].unbind(1), means[0], second[:, 1], means[1], *third[:, 1:].unbind(1)], 1
    )
    between = target[:, 1::2]  # what the wide window should give
    return {
        "reconstruction": torch.stack(
            [mse_loss(windows[:, k], target[:, 2 * k : 2 * k + 3]) for k in range(3)]
        ).sum(),
        "matching": mse_loss(*twice[0]) + mse_loss(*twice[1]),
        "matching_mean": mse_loss(means[0], target[:, 2]) + mse_loss(means[1], target[:, 4]),
        "difference": 6 * mse_loss(merged.diff(dim=1), target.diff(dim=1)),
        "reconstruction_stride2": mse_loss(wide, between),
        "difference_stride2": 2 * mse_loss(wide.diff(dim=1), between.diff(dim=1)),
        "matching_stride2": mse_loss(wide, merged[:, 1::2]),
    }
