"""The light flow network's matching, which finds displacements before anything is learnt."""

import pytest
import torch

from stvt.baselines.flow_networks.light import LightFlow, similarity


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("dx,dy", [(0, 0), (3, -2), (-4, 4)])
def test_features_moved_by_a_few_pixels_are_found(dx: int, dy: int, dtype: torch.dtype) -> None:
    features = torch.randn(2, 24, 32, 40, generator=torch.Generator().manual_seed(0)).to(dtype)
    moved = features.roll((dy, dx), (2, 3))
    network = LightFlow().to(dtype)
    found = network._matched(similarity(features, moved), 1)[..., 8:-8, 8:-8]
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert (found[:, 0] - dx).abs().max() < 0.02
    assert (found[:, 1] - dy).abs().max() < 0.02


def test_similarities_are_cosines_and_brightness_does_not_change_them() -> None:
    features = torch.randn(1, 8, 24, 24, generator=torch.Generator().manual_seed(1)).double()
    there = features.roll(2, 3)
    volume = similarity(features, there)
    assert volume.abs().max() <= 1 + 1e-9
    darker = similarity(features, there + torch.arange(8.0)[None, :, None, None])
    torch.testing.assert_close(darker, volume)
    own = similarity(features, features)[:, 40]  # of no displacement
    assert (own > 0.999).all()


def test_sizes_that_cannot_be_halved_three_times_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        LightFlow()(torch.zeros(1, 3, 20, 16), torch.zeros(1, 3, 20, 16))
