from __future__ import annotations

import pytest
import torch
from torch import Tensor

from stvt.baselines.ops.correlation import correlation
from stvt.baselines.ops.warp import warp_bicubic, warp_border, warp_zero
from tests.golden_cases import error, load_case, tensors

WARPS = [warp_bicubic, warp_border, warp_zero]


def scene(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-4), (torch.float32, 1e-3)])
def test_the_operators_are_the_published_ones(dtype: torch.dtype, limit: float) -> None:
    case = load_case("pwcnet", "operators")
    given = tensors(case)
    first, second, flow = (given[key].to(dtype) for key in ("first", "second", "flow"))
    assert error(correlation(first, second), case, "correlation") < limit
    assert error(warp_zero(second, flow), case, "warp_zero") < limit
    assert error(warp_border(second, flow), case, "warp_border") < limit


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 8), (16, 16), (17, 3)])
def test_correlation_is_the_mean_product_with_the_displaced_map(size: tuple[int, int]) -> None:
    first, second = scene(2, 3, *size), scene(2, 3, *size, seed=1)
    volume = correlation(first, second)
    height, width = size
    around = torch.nn.functional.pad(second, (4, 4, 4, 4))
    for channel, (dy, dx) in enumerate((dy, dx) for dy in range(9) for dx in range(9)):
        moved = around[..., dy : dy + height, dx : dx + width]
        torch.testing.assert_close(volume[:, channel], (first * moved).mean(1))


@pytest.mark.parametrize("warp", WARPS)
def test_a_whole_pixel_flow_moves_the_pixels(warp: type) -> None:
    image = scene(1, 2, 6, 7)
    flow = torch.zeros(1, 2, 6, 7, dtype=torch.float64)
    flow[:, 0], flow[:, 1] = 2, -1
    torch.testing.assert_close(warp(image, flow)[..., 1:, :-2], image[..., :-1, 2:])


def test_outside_one_warp_repeats_the_border_and_the_other_is_zero() -> None:
    image = 1 + scene(1, 2, 5, 6).abs()
    far = torch.full((1, 2, 5, 6), 100.0, dtype=torch.float64)
    torch.testing.assert_close(warp_border(image, far), image[..., -1:, -1:].expand_as(image))
    torch.testing.assert_close(warp_bicubic(image, far), image[..., -1:, -1:].expand_as(image))
    assert not warp_zero(image, far).any()
    slightly = torch.full((1, 2, 5, 6), -0.01, dtype=torch.float64)
    assert not warp_zero(image, slightly)[..., 0, :].any()  # weight 0.99 inside: masked
    barely = torch.full((1, 2, 5, 6), -0.00003, dtype=torch.float64)
    assert warp_zero(image, barely).all()  # weight 0.99994 inside: kept


def test_halfway_between_pixels_bicubic_is_keys_cubic_convolution() -> None:
    image, flow = scene(1, 2, 5, 8), torch.zeros(1, 2, 5, 8, dtype=torch.float64)
    flow[:, 0] = 0.5
    near, far = 0.59375, -0.09375  # of Keys' kernel at 0.5 and 1.5, a = -0.75
    expected = near * (image[..., 1:-2] + image[..., 2:-1]) + far * (
        image[..., :-3] + image[..., 3:]
    )
    torch.testing.assert_close(warp_bicubic(image, flow)[..., 1:-2], expected)


@pytest.mark.parametrize("warp", WARPS)
def test_a_single_row_or_column_can_be_warped(warp: type) -> None:
    image = scene(1, 2, 1, 4)
    flow = torch.zeros(1, 2, 1, 4, dtype=torch.float64)
    torch.testing.assert_close(warp(image, flow), image)
    torch.testing.assert_close(warp(image.mT, flow.mT), image.mT)


def test_the_operators_have_right_gradients() -> None:
    image = scene(1, 2, 4, 5).requires_grad_()
    flow = (0.8 * scene(1, 2, 4, 5, seed=1) + 0.013).requires_grad_()
    assert torch.autograd.gradcheck(warp_border, (image, flow))
    assert torch.autograd.gradcheck(warp_zero, (image, flow))
    assert torch.autograd.gradcheck(warp_bicubic, (image, flow))
    assert torch.autograd.gradcheck(
        correlation, (image, scene(1, 2, 4, 5, seed=2).requires_grad_())
    )


@pytest.mark.parametrize("warp", WARPS)
def test_half_precision_flow_still_tells_far_pixels_apart(warp: type) -> None:
    image = torch.arange(600.0).expand(1, 1, 1, 600).to(torch.bfloat16)
    still = torch.zeros(1, 2, 1, 600, dtype=torch.bfloat16)
    assert torch.equal(warp(image, still), image)
