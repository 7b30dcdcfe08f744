"""Fast classes for the layers of a network, put on from outside: the network stays plain PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor, nn

from .convolution import conv2d
from .processor import tune_allocation, uses_reference_kernels


def accelerate(
    network: nn.Module, swaps: Mapping[type[nn.Module], type[nn.Module]] | None = None
) -> None:
    """Gives the layers of a network their fast class: `FastConv2d` and `FastSequential`.

    swaps: further classes of modules, each with a sub-class that computes the same faster.

    Names and values of the state, gradients, and what is counted stay as they were. Nothing
    happens where `reference_kernels` holds. Memory is asked for in huge pages and kept for the next
    layer: see `tune_allocation`.
    """
    if uses_reference_kernels():
        return
    tune_allocation()
    fast: dict[type[nn.Module], type[nn.Module]] = {
        nn.Conv2d: FastConv2d,
        nn.Sequential: FastSequential,
        **(swaps or {}),
    }
    for module in network.modules():
        if type(module) is nn.Conv2d and not is_supported(module):
            continue
        module.__class__ = fast.get(type(module), type(module))


def is_supported(layer: nn.Conv2d) -> bool:
    """Whether `conv2d` can compute this layer."""
    square = all(
        isinstance(pair, tuple) and pair[0] == pair[1]
        for pair in (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    )
    return square and layer.groups == 1 and layer.padding_mode == "zeros"


class FastConv2d(nn.Conv2d):
    """A convolution by `conv2d`."""

    def forward(
        self,
        x: Tensor,
        *,
        residual: Tensor | None = None,
        negative_slope: float | None = None,
        out: Tensor | None = None,
    ) -> Tensor:
        return conv2d(
            x,
            self.weight,
            self.bias,
            self.stride[0],
            cast(tuple[int, int], self.padding)[0],
            self.dilation[0],
            residual=residual,
            negative_slope=negative_slope,
            out=out,
        )


class FastSequential(nn.Sequential):
    """Layers of which a convolution and the (leaky) ReLU after it are one."""

    def forward(self, x: Tensor, *, out: Tensor | None = None) -> Tensor:
        """out: where to put the result, if not into a new tensor; no gradients then."""
        layers = list(self)
        while layers:
            layer = layers.pop(0)
            slope = _negative_slope(layers[0]) if layers else None
            if slope is not None and isinstance(layer, FastConv2d):
                layers.pop(0)
                x = layer(x, negative_slope=slope, out=None if layers else out)
            else:
                x = layer(x)
        return x if out is None or x is out else out.copy_(x)


def _negative_slope(layer: nn.Module) -> float | None:
    """Of the activation that a layer is, if it is one that `conv2d` can apply."""
    if type(layer) is nn.ReLU:
        return 0.0
    return layer.negative_slope if type(layer) is nn.LeakyReLU else None
