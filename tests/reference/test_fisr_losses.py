"""FISR's multi-scale temporal loss: its golden case, and what costs nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.golden_cases import error, load_case
from tests.reference.fisr_losses import losses


def double(array: Any) -> Tensor:
    return torch.from_numpy(array).double()


def test_the_losses_are_the_published_ones(shared: Path) -> None:
    case = load_case("fisr", "losses", shared / "golden")
    windows = [double(case[f"windows_level{level}"]) for level in (1, 2, 3)]
    wide = [double(case[f"stride2_level{level}"]) for level in (1, 2, 3)]
    for name, value in losses(windows, wide, double(case["target"])).items():
        assert error(value, case, name) < 1e-4, name


def test_frames_that_are_right_cost_nothing() -> None:
    target = torch.rand(2, 7, 3, 32, 32)
    coarser = [target[..., ::step, ::step] for step in (4, 2, 1)]
    windows = [torch.stack([x[:, k : k + 3] for k in (0, 2, 4)], 1) for x in coarser]
    made = losses(windows, [x[:, 1::2] for x in coarser], target)
    assert all(value == 0 for value in made.values())
    assert losses(windows, [x[:, 1::2] + 0.1 for x in coarser], target)["total"] > 0
