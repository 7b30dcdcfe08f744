"""The convolutions of AlexNet and VGG16 whose features LPIPS and DISTS compare, with what they weight them by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d


class Features(nn.Module):
    """Convolutions with ReLU, some features of which are taken.

    convs:  (outputs, side, stride, padding) of each.
    pooled: the numbers of those before which there is pooling, with windows of `pool`, stride 2.
    taken:  the numbers of those whose features count, after the ReLU.
    lin:    LPIPS' weight of each of their channels.
    """

    def __init__(
        self,
        convs: Sequence[tuple[int, int, int, int]],
        pooled: Collection[int],
        pool: int,
        taken: Collection[int],
    ) -> None:
        super().__init__()
        inputs = [3, *(outputs for outputs, *_ in convs)]
        self.conv = nn.ModuleList(
            nn.Conv2d(before, *shape) for before, shape in zip(inputs, convs, strict=False)
        )
        self.lin = nn.ParameterList(torch.zeros(1, convs[k][0], 1, 1) for k in sorted(taken))
        self.pooled, self.pool, self.taken = pooled, pool, taken

    def features(
        self, x: Tensor, pooling: Callable[[Tensor], Tensor] | None = None
    ) -> list[Tensor]:
        """Those that are taken, of images (B, 3, h, w), normalised; pooling: another than the network's."""
        features = []
        for number, conv in enumerate(self.conv):
            if number in self.pooled:
                x = pooling(x) if pooling else max_pool2d(x, self.pool, 2)
            x = conv(x).relu()
            if number in self.taken:
                features.append(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """The deepest features."""
        return self.features(x)[-1]


class DistsWeights(nn.Module):
    """DISTS' weights of the structure and the texture of each channel: 3 of the image, 1472 of VGG16."""

    def __init__(self) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(1, 1475, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, 1475, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.alpha * x + self.beta


def alexnet() -> Features:
    convs = [(64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)]
    return Features(convs, pooled={1, 2}, pool=3, taken={0, 1, 2, 3, 4})


def vgg16() -> Features:
    channels = [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    convs = [(one, 3, 1, 1) for one in channels]
    return Features(convs, pooled={2, 4, 7, 10}, pool=2, taken={1, 3, 6, 9, 12})
