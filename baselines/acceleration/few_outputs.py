"""Convolution to very few channels, which fill no vector of PyTorch's own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor

from .processor import memory_format_of

WORKSPACE = 32 << 20  # bytes of products at once, so work goes in strips of rows


def few_outputs(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int
) -> Iterator[tuple[int, Tensor]]:
    """Convolution as one matrix product for all taps and pixels, then a shifted sum.

    image: (C, h, w). weight: (K, C, k, k), k odd. padding: k // 2.
    Yields strips of rows, each with the row where it starts, (K, rows, w).
    """
    channels_last = memory_format_of(image[None]) == torch.channels_last
    outputs, inputs, kernel, _ = weight.shape
    _, height, width = image.shape
    taps = weight.permute(2, 3, 0, 1).reshape(-1, inputs)
    rows = max(WORKSPACE // (4 * len(taps) * width), 1)
    for top in range(0, height, rows):
        number = min(rows, height - top)
        first, last = max(top - padding, 0), min(top + number + padding, height)
        part = image[:, first:last]
        if channels_last:
            pixels = part.permute(1, 2, 0).reshape(-1, inputs).T
        else:
            pixels = part.reshape(inputs, -1)
        products = (taps @ pixels).view(kernel, kernel, outputs, last - first, width)
        strip = image.new_zeros(outputs, number, width)
        if bias is not None:
            strip += bias[:, None, None]
        for i, j in product(range(kernel), repeat=2):
            down, across = i - padding, j - padding
            above, below = max(first - top - down, 0), min(last - top - down, number)
            left, right = max(-across, 0), min(width - across, width)
            strip[:, above:below, left:right] += products[i, j][
                :,
                above + top + down - first : below + top + down - first,
                left + across : right + across,
            ]
        yield top, strip
