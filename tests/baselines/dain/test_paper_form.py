"""DAIN in paper form beside the one that it replaces."""

from __future__ import annotations

import torch

from stvt.baselines.dain import network as before
from stvt.baselines.dain import paper_network as paper
from tests.golden_cases import filled, tensors


def test_the_paper_form_is_the_network_of_before() -> None:
    old, new = before.DAIN().double().eval(), paper.DAIN().double().eval()
    state = tensors(filled("dain"))
    assert list(new.state_dict()) == list(old.state_dict())
    old.load_state_dict(state)
    new.load_state_dict(state)
    torch.manual_seed(0)
    coarse = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    first, second = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic")[:, None]
    with torch.no_grad():
        expected, found = old(first, second, [0.25]), new(first, second, [0.25])
    assert (found - expected).abs().max() < 1e-12 * expected.abs().max()
