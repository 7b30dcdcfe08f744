"""Muon, an optimizer that moves every direction of a layer's weights by as much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class Muon(torch.optim.Adam):
    """Muon for the weights of convolutions and linear layers, Adam for everything else.

    A layer's momentum, as a matrix of (outputs, inputs * kernel), is made orthogonal (Jordan et al.,
    2024, kellerjordan.github.io/posts/muon) and scaled to the size of Adam's steps (Liu et al.,
    2025, arXiv:2502.16982), so that one learning rate serves both. `torch.optim.Muon` takes no
    convolutions.

    lr:       learning rate. momentum: decay of the mean of past gradients, Nesterov's.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        rest, layers = list[Tensor](), list[Tensor]()
        for one in parameters:
            (layers if one.ndim >= 2 and len(one) > 1 else rest).append(one)
        super().__init__([{"params": rest}, {"params": layers}], lr)
        self.momentum = momentum

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        whole, self.param_groups = self.param_groups, self.param_groups[:1]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = whole
        layers = whole[1]
        for weight in layers["params"]:
            if weight.grad is not None:
                weight.sub_(self._update(weight), alpha=layers["lr"])
        return loss

    def _update(self, weight: Tensor) -> Tensor:
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if not state:
            # Adam's reader of checkpoints expects a step wherever there is a state.
            state.update(momentum=torch.zeros_like(weight), step=torch.zeros(()))
        mean: Tensor = state["momentum"].lerp_(gradient, 1 - self.momentum)
        ahead = gradient.lerp(mean, self.momentum).flatten(1)
        return orthogonal(ahead).mul(0.2 * max(ahead.shape) ** 0.5).view_as(weight)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with singular values near 1, (m, n): five steps of Newton and Schulz.

    The coefficients are Jordan's, which bring small values up fast, to between about 0.7 and 1.2.
    """
    is_tall = len(matrix) > matrix.shape[1]
    x: Tensor = (matrix.T if is_tall else matrix) / matrix.norm().clamp_min(1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (2.0315 * square @ square - 4.7750 * square) @ x
    return x.T if is_tall else x
