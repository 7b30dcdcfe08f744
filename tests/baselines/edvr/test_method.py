"""EDVR as a method: streams, sizes, tiles, settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from stvt.baselines.edvr.alignment import DeformableConv
from stvt.baselines.edvr.method import EdvrMethod
from stvt.baselines.edvr.network import EDVR
from stvt.baselines.errors import MethodError
from stvt.baselines.factory import build
from stvt.baselines.method import Settings, windows
from tests.builders.small_edvr import small


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def counted(network: EDVR) -> list[int]:
    """A list that gets longer with each frame that the network extracts features of."""
    calls: list[int] = []
    network.conv_l2_1.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("count", [1, 2, 12])
def test_a_stream_is_its_windows_and_computes_the_features_of_each_frame_once(count: int) -> None:
    network = small().double()
    method = EdvrMethod(network, Settings())
    clip = torch.rand(count, 3, 10, 13, dtype=torch.float64)
    calls = counted(method.network)
    streamed = list(method.stream(iter(clip), (0.5,)))
    assert len(calls) == count
    by_window = [
        (k, method(torch.stack(window))[0])
        for k, (window, _) in enumerate(windows(clip, method.before, method.after))
    ]
    assert len(calls) == count + 5 * count
    assert [k for k, _ in streamed] == [k for k, _ in by_window] == list(range(count))
    for (_, one), (_, other) in zip(streamed, by_window, strict=True):
        assert one.shape == (3, 40, 52)
        assert (one - other).abs().max() < 1e-10 * other.abs().max()
    assert method.seconds > 0


def test_only_what_the_wanted_outputs_need_is_computed() -> None:
    method = EdvrMethod(small(), Settings())
    calls = counted(method.network)
    made = list(method.stream(iter(torch.rand(12, 3, 8, 8)), (), lambda k: k == 6))
    assert [k for k, _ in made] == [6] and len(calls) == 5


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 12), (9, 17)])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_size_is_padded_and_cropped(size: tuple[int, int], precision: Any) -> None:
    method = EdvrMethod(small(), Settings(precision=precision))
    window = torch.rand(5, 3, *size)
    made = method(window, (0.5,))
    assert made.shape == (1, 3, 4 * size[0], 4 * size[1]) and made.dtype == torch.float32
    padded = torch.nn.functional.pad(window, (0, -size[1] % 4, 0, -size[0] % 4), mode="replicate")
    expected = small()(padded[None])[..., : 4 * size[0], : 4 * size[1]].clamp(0, 1)
    tolerance = 1e-5 if precision == "fp32" else 0.05
    assert (made - expected).abs().max() < tolerance


def test_tiles_differ_from_the_whole_only_by_what_lies_beyond_their_margin() -> None:
    network = small(frames=3)
    window = torch.rand(3, 3, 45, 70)
    whole = EdvrMethod(network, Settings())(window)
    errors = [
        float((EdvrMethod(network, Settings(tile=tile))(window) - whole).abs().max())
        for tile in (16, 64, 128)
    ]
    assert errors[0] > errors[1] and errors[1] < 1e-3 and errors[2] == 0


def test_untrained_networks_give_finite_frames_from_offsets_of_zero() -> None:
    for variant, frames in (("edvr", 7), ("edvr-m", 5)):
        method = build(variant, Settings(untrained=True))
        assert (method.name, method.weights, method.scale) == (variant, "untrained", 4)
        assert method.support(0, ()) == (frames // 2, frames // 2)
        (network,) = method.networks()
        for module in network.modules():
            if isinstance(module, DeformableConv):
                assert not any(value.any() for value in module.conv_offset.parameters())
        ((_, made),) = method.stream([torch.rand(3, 9, 12)], ())
        assert made.isfinite().all() and made.std() > 0.05


def test_it_enlarges_by_4_alone() -> None:
    with pytest.raises(MethodError, match="edvr enlarges by 4 only, not by 2"):
        build("edvr", Settings(scale=2, untrained=True))
