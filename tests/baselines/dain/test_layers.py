from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from stvt.baselines.dain import layers as dain_layers
from stvt.baselines.dain.layers import adapt, mix, project, taps
from stvt.baselines.ops.warp import warp_zero
from stvt.baselines.tiling.box import Box, in_bands
from tests.golden_cases import error, load_case

LIMIT = 1e-12  # these cases were computed and stored in float64


def moving(height: int, width: int, *, reach: int = 3, batch: int = 1) -> Tensor:
    """A flow in float64 that lands away from whole pixels, where the layers jump."""
    whole = torch.randint(-reach, reach, (batch, 2, height, width))
    return whole + 0.2 + 0.6 * torch.rand(whole.shape, dtype=torch.float64)


def test_projection_is_the_published_one_with_and_without_holes_filled() -> None:
    golden = load_case("dain", "depth_flow_projection")
    flow, weight = (torch.from_numpy(golden[key]) for key in ("flow", "weight"))
    assert error(project(flow, weight), golden, "output") < LIMIT
    assert error(project(flow, weight, fill=False), golden, "output_no_fill") < LIMIT
    assert error(project(flow.float(), weight.float()), golden, "output") < 1e-5


def test_the_gradient_of_projection_is_the_derivative() -> None:
    golden = load_case("dain", "depth_flow_projection")
    flow, weight = (torch.from_numpy(golden[key]).requires_grad_() for key in ("flow", "weight"))
    given = torch.from_numpy(golden["grad_output"])
    to_flow, to_weight = torch.autograd.grad(
        project(flow, weight, fill=False), (flow, weight), given
    )
    assert error(to_flow, golden, "grad_flow") < LIMIT
    assert error(to_weight, golden, "grad_weight_exact") < LIMIT


def test_adaptive_warping_is_the_published_one() -> None:
    golden = load_case("dain", "filter_interpolation")
    inputs = [torch.from_numpy(golden[key]) for key in ("image", "flow", "kernel")]
    assert error(adapt(*inputs), golden, "output") < LIMIT
    assert error(adapt(*(value.float() for value in inputs)), golden, "output") < 1e-5


def test_the_gradient_of_adaptive_warping_is_published_but_for_pixels_copied_unwarped() -> None:
    golden = load_case("dain", "filter_interpolation")
    image, flow, kernel, given = (
        torch.from_numpy(golden[key]).requires_grad_(key != "grad_output")
        for key in ("image", "flow", "kernel", "grad_output")
    )
    to_image, to_flow, to_kernel = torch.autograd.grad(
        adapt(image, flow, kernel), (image, flow, kernel), given
    )
    assert error(to_flow, golden, "grad_flow") < LIMIT
    assert error(to_kernel, golden, "grad_kernel") < LIMIT
    copied = (to_kernel == 0).all(1, keepdim=True)  # whose derivative the authors leave out
    assert 0 < copied.float().mean() < 0.9
    assert error(to_image - given * copied, golden, "grad_image") < LIMIT


def test_the_warping_inside_the_flow_network_is_the_published_one() -> None:
    golden = load_case("dain", "backward_warp")
    image, flow = (torch.from_numpy(golden[key]) for key in ("image", "flow"))
    assert error(warp_zero(image, flow), golden, "output") < LIMIT


@pytest.mark.parametrize("fill", [True, False])
def test_gradcheck_of_projection(fill: bool) -> None:
    torch.manual_seed(1)
    flow = moving(5, 6, batch=2).requires_grad_()
    weight = (0.5 + torch.rand(2, 1, 5, 6, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(partial(project, fill=fill), (flow, weight))


@pytest.mark.parametrize("size", [2, 4])
def test_gradcheck_of_adaptive_warping(size: int) -> None:
    torch.manual_seed(2)
    features = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(2, size * size, 5, 6, dtype=torch.float64, requires_grad=True)
    flow = moving(5, 6, reach=2, batch=2).requires_grad_()
    assert torch.autograd.gradcheck(adapt, (features, flow, kernel))


def test_a_constant_flow_is_projected_to_its_opposite_and_holes_get_the_same() -> None:
    flow = torch.tensor([2.5, -1.25]).view(1, 2, 1, 1).expand(1, 2, 8, 9).contiguous()
    weight = torch.rand(1, 1, 8, 9) + 0.1
    empty = project(flow, weight, fill=False)[0, 0] == 0
    assert empty[:, :2].all() and not empty[:6, 2:].any()
    filled = project(flow, weight)
    torch.testing.assert_close(filled[..., 2:], -flow[..., 2:])
    torch.testing.assert_close(filled[..., :7, :], -flow[..., :7, :])


def test_where_two_flows_meet_the_nearer_counts_for_more() -> None:
    flow = torch.zeros(1, 2, 1, 5)
    flow[0, 0, 0, 0] = 2.0  # from the left onto the pixel in the middle
    weight = torch.ones(1, 1, 1, 5)
    weight[..., 0] = 6.0  # the pixel before the middle feeds it as well: 8 in all
    assert project(flow, weight)[0, 0, 0, 2] == -2 * 6 / 8


def test_a_flow_that_is_nowhere_leaves_no_trace() -> None:
    weight = torch.ones(1, 1, 4, 5)
    for value in (float("nan"), float("inf"), 1e30):
        flow = torch.full((1, 2, 4, 5), value)
        assert torch.equal(project(flow, weight), torch.zeros_like(flow))
        image, kernel = torch.rand(1, 3, 4, 5), torch.rand(1, 16, 4, 5)
        assert torch.equal(adapt(image, flow, kernel), image)


def test_projection_gives_the_same_bits_every_time() -> None:
    torch.manual_seed(3)
    flow, weight = 9 * torch.randn(2, 2, 60, 70), torch.rand(2, 1, 60, 70) ** 8
    expected = project(flow, weight)
    assert all(torch.equal(project(flow, weight), expected) for _ in range(5))


def test_a_part_of_the_frame_is_warped_as_within_the_whole() -> None:
    torch.manual_seed(4)
    features, kernel = torch.randn(2, 5, 20, 24), torch.randn(2, 16, 20, 24)
    flow = moving(20, 24, batch=2).float()
    part = Box(7, 12, 9, 17)
    read = taps(part.cut(flow), part.cut(kernel), (20, 24), top=part.top, left=part.left)
    seen = read.box()
    assert (seen.top, seen.left) > (0, 0)
    assert seen.height < 20 and seen.width < 24
    found = mix(seen.cut(features), read, top=seen.top, left=seen.left)
    torch.testing.assert_close(found, part.cut(adapt(features, flow, kernel)))


def test_devices_without_the_one_pass_sum_the_same_taps(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    features, kernel = torch.randn(2, 5, 9, 8), torch.randn(2, 16, 9, 8)
    flow = moving(9, 8, batch=2).float()
    expected = adapt(features, flow, kernel)
    monkeypatch.setattr(dain_layers, "_bags", dain_layers._sums)
    torch.testing.assert_close(adapt(features, flow, kernel), expected)


def test_bands_give_what_the_whole_gives() -> None:
    torch.manual_seed(6)
    layer = nn.Conv2d(2, 3, 5, padding=2).double()
    frame = torch.randn(1, 2, 22, 8, dtype=torch.float64)

    def function(x: Tensor) -> tuple[Tensor, Tensor]:
        y: Tensor = layer(x)
        return y, nn.functional.max_pool2d(y, 2)

    whole = function(frame)
    for rows in (2, 4, 16, 22, 30):
        for made, expected in zip(in_bands(function, frame, rows, 2), whole, strict=True):
            torch.testing.assert_close(made, expected, rtol=0, atol=1e-14)
