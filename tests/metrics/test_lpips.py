"""LPIPS with made-up weights against the package, and what is said without any."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import lpips
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from stvt.baselines import MethodError, published_network
from stvt.baselines.perceptual.network import Features, alexnet, vgg16
from stvt.metrics import METRICS, MetricError
from stvt.metrics.lpips_ import Lpips

NETWORKS = {"alex": (alexnet, 31), "vgg": (vgg16, 16)}


def made_up(name: str) -> Features:
    network = NETWORKS[name][0]()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.conv.parameters():
            values = torch.randn(parameter.shape, generator=generator)
            parameter.copy_(values / max(parameter[0].numel(), 100) ** 0.5)
        for weights in network.lin:
            weights.copy_(torch.rand(weights.shape, generator=generator))
    return network


def measure(name: str = "alex") -> Lpips:
    return Lpips(made_up(name), smallest=NETWORKS[name][1])


def frame(seed: int, height: int = 40, width: int = 52) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["lpips", "lpips-vgg", "dists"])
def test_without_its_weights_one_line_says_how_to_get_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    with pytest.raises(MethodError) as caught:
        METRICS[name].open("cpu", published_network)
    assert "\n" not in str(caught.value)
    assert f"type `stvt weights fetch {'lpips' if name == 'lpips' else 'lpips-vgg'}`" in str(
        caught.value
    )
    assert "--weights" not in str(caught.value)  # which a metric does not read


def test_other_weights_in_the_place_of_the_published_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    torch.save(made_up("alex").state_dict(), tmp_path / "weights" / "lpips-443c5bc3.ckpt")
    with pytest.raises(MethodError, match="is another file than the published one"):
        METRICS["lpips"].open("cpu", published_network)  # whose definition names the hash


def test_equal_frames_have_no_distance_and_the_rest_have() -> None:
    assert measure()(frame(1), frame(1), "rgb", 0) == 0
    assert measure()(frame(1), frame(2), "rgb", 0) > 0.01


@pytest.mark.parametrize("name", NETWORKS)
def test_the_distance_is_that_of_the_package_with_these_weights(name: str) -> None:
    network = made_up(name)
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package: Any = lpips
        theirs = package.LPIPS(net=name, version="0.1", pnet_rand=True, verbose=False).eval()
    with torch.no_grad():
        own = [one for conv in network.conv for one in (conv.weight, conv.bias)]
        for parameter, value in zip(theirs.net.parameters(), own, strict=True):
            parameter.copy_(value)
        for number, weights in enumerate(network.lin):
            getattr(theirs, f"lin{number}").model[-1].weight.copy_(weights)
        pair = [torch.from_numpy(frame(s)).permute(2, 0, 1)[None] / 127.5 - 1 for s in (1, 2)]
        expected = theirs(*pair).item()
    assert Lpips(network)(frame(1), frame(2)) == pytest.approx(expected, rel=1e-5)


def test_luma_has_no_lpips() -> None:
    with pytest.raises(ValueError, match="'rgb' only"):
        measure()(frame(1), frame(2), "y", 0)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_smallest_frame_is_enough_and_a_pixel_less_is_not(name: str) -> None:
    least = NETWORKS[name][1]
    small = measure(name)
    assert small(frame(1, least, least), frame(2, least, least), "rgb", 0) > 0
    with pytest.raises(MetricError, match=f"at least {least}x{least}"):
        small(frame(1, least - 1, 40), frame(2, least - 1, 40), "rgb", 0)
    with pytest.raises(MetricError, match=f"at least {least}x{least}"):
        small(frame(1, least + 1, 40), frame(2, least + 1, 40), "rgb", 1)
