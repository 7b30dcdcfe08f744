"""EDVR in paper form beside the one that it replaces."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from stvt.baselines.edvr import network as before
from stvt.baselines.edvr import paper_network as paper
from tests.baselines.edvr.test_network import SMALL, small


@pytest.mark.parametrize("form", [{}, {"tsa": False}, {"predeblur": True}, {"frames": 7}])
def test_the_paper_form_is_the_network_of_before(form: dict[str, Any]) -> None:
    old = small(**form).double()
    new = paper.EDVR(**(SMALL | form)).double().eval()
    assert list(new.state_dict()) == list(old.state_dict())
    new.load_state_dict(old.state_dict())
    frames = torch.rand(2, old.frames, 3, 12, 20, dtype=torch.float64)
    with torch.no_grad():
        expected, found = old(frames), new(frames)
    assert (found - expected).abs().max() < 1e-12 * expected.abs().max()


@pytest.mark.parametrize("name", ["edvr_m", "edvr_l"])
def test_the_paper_forms_have_the_same_state(name: str) -> None:
    with torch.device("meta"):
        old, new = getattr(before, name)().state_dict(), getattr(paper, name)().state_dict()
    assert {k: v.shape for k, v in new.items()} == {k: v.shape for k, v in old.items()}
    assert list(new) == list(old)
