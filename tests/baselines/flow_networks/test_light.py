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


def test_of_equal_matches_the_nearest_can_count_most() -> None:
    tile = torch.randn(1, 24, 7, 5, generator=torch.Generator().manual_seed(2))
    features = tile.repeat(1, 1, 6, 10)
    moved = features.roll(2, 3)  # to the right by two pixels, or to the left by three
    network = LightFlow()

    def found() -> torch.Tensor:
        return network._matched(similarity(features, moved), 1)[0, 0, 8:-8, 8:-8].mean()

    assert found().item() == pytest.approx(-0.5, abs=0.02), "the mean of both"
    network.get_parameter("nearness1").data.fill_(0.05)
    assert found().item() == pytest.approx(2, abs=0.1)


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
