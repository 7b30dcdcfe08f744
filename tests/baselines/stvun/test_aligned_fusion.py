"""STVUN with EDVR's alignment and fusion."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import stvt
from stvt.baselines.edvr.alignment import reset_for_training
from stvt.baselines.stvun.aligned_fusion import AlignedFusion
from stvt.baselines.weights.load import initialise


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def test_stvun_with_alignment_has_the_published_number_of_parameters_and_runs() -> None:
    network = stvt.baselines.network("stvun-w-af")
    parts = network.efst
    assert isinstance(parts, AlignedFusion)
    count = {
        "whole": sum(value.numel() for value in network.parameters()),
        "pcd": sum(value.numel() for value in parts.pcd_align.parameters()),
        "tsa": sum(value.numel() for value in parts.fusion.parameters()),
        "all": sum(value.numel() for value in parts.parameters()),
    }
    assert count == {
        "whole": 32_414_276,
        "pcd": 1_384_288,
        "tsa": 340_800,
        "all": 1_384_288 + 340_800 + 147_712,
    }
    initialise(network)
    reset_for_training(network)
    made = network.eval()(torch.rand(1, 7, 3, 16, 16) * 2 - 1, [0.5])
    assert made.shape == (1, 2, 3, 64, 64) and made.isfinite().all()


def test_the_alignment_of_stvun_reads_all_frames_in_its_own_place() -> None:
    torch.manual_seed(0)
    fusion = AlignedFusion()
    reset_for_training(fusion)
    features = [torch.randn(1, 64, 8, 8) for _ in range(7)]
    made = fusion(features)
    assert made.shape == (1, 64, 8, 8)
    for k in range(7):
        changed = [one + (n == k) for n, one in enumerate(features)]
        other = fusion(changed)
        assert (other - made).abs().max() > 1e-3
