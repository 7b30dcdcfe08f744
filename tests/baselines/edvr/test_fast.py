"""The fast classes of EDVR's layers compute what the plain ones do."""

from __future__ import annotations

import copy

import torch

from stvt.baselines.acceleration.swap import accelerate
from stvt.baselines.edvr.fast import SWAPS, FastPairConv
from tests.builders.small_edvr import small


def test_fast_layers_are_the_plain_ones() -> None:
    plain = small().double()
    fast = copy.deepcopy(plain)
    accelerate(fast, SWAPS)
    assert any(type(module) is FastPairConv for module in fast.modules())
    assert list(fast.state_dict()) == list(plain.state_dict())
    frames = torch.rand(2, 5, 3, 12, 20, dtype=torch.float64)
    with torch.no_grad():
        expected = plain(frames)
        assert (fast(frames) - expected).abs().max() < 1e-12 * expected.abs().max()
    assert (fast(frames) - expected).abs().max() < 1e-12 * expected.abs().max()  # with gradients


def test_each_part_of_a_pair_is_computed_once_and_again_for_other_weights() -> None:
    network = small().double()
    accelerate(network, SWAPS)
    conv = network.pcd_align.offset_conv1["l1"]
    assert isinstance(conv, FastPairConv)
    first, second = torch.rand(2, 1, 8, 6, 7, dtype=torch.float64).unbind(0)
    with torch.no_grad():
        part = conv.part("f", first)
        assert conv.part("f", first) is part and conv.part("r", first) is not part
        for _ in range(2):
            expected = torch.conv2d(
                torch.cat([first, second], 1), conv.weight, conv.bias, padding=1
            )
            torch.testing.assert_close(conv(first, second), expected, rtol=1e-12, atol=1e-12)
            conv.weight.mul_(2)
    copy.deepcopy(network)  # with what is kept of frames
