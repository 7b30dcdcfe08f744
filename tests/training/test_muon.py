"""Muon: orthogonal updates of layers, and Adam's of the rest."""

import pytest
import torch
from torch.testing import assert_close

from stvt.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 144), (144, 16), (24, 24)])
def test_what_is_made_orthogonal_has_singular_values_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ orthogonal(1e3 * matrix) @ right.T  # in the matrix's own directions
    sizes = found.diagonal()[values > 0.1 * values[0]]  # lesser ones take more steps than five
    assert 0.6 < float(sizes.min()) and float(sizes.max()) < 1.3
    assert_close(found, torch.diag(found.diagonal()), atol=1e-4, rtol=0)
    assert not orthogonal(torch.zeros(shape)).any()


def test_a_layer_moves_by_its_rate_and_the_rest_as_with_adam() -> None:
    torch.manual_seed(0)
    layer, same = torch.nn.Conv2d(8, 32, 3), torch.nn.Conv2d(8, 32, 3)
    same.load_state_dict(layer.state_dict())
    before = layer.weight.detach().clone()
    x = torch.randn(4, 8, 9, 9)
    for network, optimizer in (
        (layer, Muon(layer.parameters(), 0.01)),
        (same, torch.optim.Adam(same.parameters(), 0.01)),
    ):
        network(x).square().mean().backward()
        optimizer.step()
    assert_close(layer.bias, same.bias)
    moved = (layer.weight.detach() - before).square().mean().sqrt()
    assert 0.7 * 0.2 < float(moved) / 0.01 < 1.2 * 0.2  # of Adam's size
