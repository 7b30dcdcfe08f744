"""Modulated deformable convolution: torchvision's, by two forms of ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from stvt.baselines.ops.deform_conv import deform
from tests.golden_cases import error, load_case

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
def test_deformable_convolution_has_the_published_order_of_offsets(
    dtype: torch.dtype, tolerance: float
) -> None:
    case = load_case("edvr_m", "deform_conv")
    names = ("x", "offset", "mask", "weight", "bias")
    made = deform(*(torch.from_numpy(case[name]).to(dtype) for name in names))
    assert error(made, case, "out") < tolerance


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 7), (33, 40)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_deformable_convolution_by_blocks_is_torchvisions(
    size: tuple[int, int], memory_format: torch.memory_format
) -> None:
    torchvision = pytest.importorskip("torchvision")
    x, offset, mask = (
        torch.randn(2, channels, *size).contiguous(memory_format=memory_format)
        for channels in (12, 54, 27)
    )
    offset *= 4  # many positions are outside, and some far
    offset[:, :2] *= 100
    weight, bias = torch.randn(5, 12, 3, 3), torch.randn(5)
    expected = torchvision.ops.deform_conv2d(x, offset, weight, bias, padding=1, mask=mask)
    made = deform(x, offset, mask, weight, bias)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)
    assert made.is_contiguous(memory_format=memory_format)


ASTRAY = """
import torch
from stvt.baselines.ops.deform_conv import deform

astray = torch.zeros(1, 1, 6, 7, dtype=bool)
astray[..., 2, 3] = True
for dtype in (torch.float32, torch.float64):
    for learning in (False, True):
        parts = (1, 4, 6, 7), (1, 36, 6, 7), (1, 18, 6, 7), (5, 4, 3, 3), (5,)
        x, offset, mask, weight, bias = (torch.ones(part, dtype=dtype) for part in parts)
        offset[0, 7, 2, 3], offset[0, 8, 4, 5] = torch.nan, torch.inf
        weight.requires_grad_(learning)
        made = deform(x, offset.requires_grad_(learning), mask, weight, bias)
        assert torch.equal(made.isnan(), astray.expand_as(made)), (dtype, learning)
        if learning:
            made[:, :, :2].sum().backward()
print("survived")
"""


def test_displacements_that_are_no_numbers_give_none_and_end_no_process() -> None:
    run = subprocess.run(
        [sys.executable, "-c", ASTRAY], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "survived\n"), run.stderr


def test_deformable_convolution_learns() -> None:
    with torch.enable_grad():
        inputs = [torch.randn(1, 4, 5, 6), torch.randn(1, 36, 5, 6), torch.rand(1, 18, 5, 6)]
        inputs += [torch.randn(3, 4, 3, 3), torch.randn(3)]
        for one in inputs:
            one.requires_grad_()
        slopes = torch.autograd.grad(deform(*inputs).sum(), inputs)
    assert all(slope.abs().sum() > 0 for slope in slopes)
