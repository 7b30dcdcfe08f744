"""Convolution by NNPACK, which comes with PyTorch: single precision, planes of pixels.

For 3x3 kernels it is Winograd's F(6x6, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", CVPR 2016), for larger kernels Fourier transforms.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

WORKSPACE = 32 << 20  # bytes that NNPACK may take beside, so work goes in strips of rows


def nnpack(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int
) -> Iterator[tuple[int, Tensor]]:
    """Strips of rows, each with the row where it starts, (1, K, rows, w) in float32.

    image: (C, h, w). weight: (K, C, k, k), k odd. padding: zeros on each side, k // 2 or none.
    """
    outputs, inputs, kernel, _ = weight.shape
    _, height, width = image.shape
    weight, bias = weight.float(), None if bias is None else bias.float()
    # It keeps a tile of 64 numbers for each 36 pixels of all outputs and of some 150 inputs; 256
    # for each 100 with a kernel of 7.
    row_bytes = 10 * (min(inputs, 150) + outputs) * width
    rows = max(WORKSPACE // row_bytes // 6 * 6, 12)
    output_height = height if padding else height - kernel + 1
    for top in range(0, output_height, rows):
        first, last = top - padding, min(top + rows, output_height) + kernel - 1 - padding
        strip = image[:, max(first, 0) : last].float()
        if first < 0 or last > height:
            strip = pad(strip, (0, 0, max(-first, 0), max(last - height, 0)))
        yield (
            top,
            torch._nnpack_spatial_convolution(strip[None], weight, bias, [0, padding], [1, 1])[0],
        )


def dilated_nnpack(
    image: Tensor, weight: Tensor, bias: Tensor | None, padding: int, dilation: int
) -> Iterator[tuple[int, Tensor]]:
    """A dilated convolution is one for each of d x d coarse images, each d-th pixel of the frame.

    They lie side by side with zeros between, and so are convolved as one image.
    """
    inputs, height, width = image.shape
    margin = weight.shape[-1] // 2
    rows, columns = -(-height // dilation), -(-width // dilation)
    whole = pad(image, (0, columns * dilation - width, 0, rows * dilation - height))
    apart = (dilation, rows + margin, dilation, columns + margin)
    mosaic = image.new_zeros(inputs, *apart)
    mosaic[:, :, :rows, :, :columns] = whole.view(
        inputs, rows, dilation, columns, dilation
    ).permute(0, 2, 1, 4, 3)
    mosaic = mosaic.view(inputs, apart[0] * apart[1], apart[2] * apart[3])
    strips = [strip for _, strip in nnpack(mosaic, weight, bias, margin)]
    output = torch.cat(strips, 1).view(-1, *apart)[:, :, :rows, :, :columns]
    output = output.permute(0, 2, 1, 4, 3).reshape(-1, rows * dilation, columns * dilation)
    yield 0, output[:, :height, :width]
