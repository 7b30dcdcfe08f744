"""The blending mask of the compact sizes: the mean to begin with, and then what it learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from stvt.baselines import MethodError, init_weights, load_network, loss_module
from stvt.baselines import network as network_of
from stvt.baselines.stvun.blending_mask import BlendingMask
from stvt.baselines.stvun.network import STVUN, blend


def compact(name: str = "stvun-s") -> STVUN:
    network = network_of(name)
    assert isinstance(network, STVUN)
    init_weights(name, network)
    return network.eval()


def test_before_training_it_is_the_published_mean() -> None:
    network, mean = compact(), compact("stvun-s-mean")
    assert network.mask is not None and mean.mask is None
    mean.load_state_dict(network.state_dict(), strict=False)
    frames = 2 * torch.rand(1, 7, 3, 16, 32) - 1
    with torch.no_grad():
        torch.testing.assert_close(network(frames, [0.25, 0.5]), mean(frames, [0.25, 0.5]))


@pytest.mark.parametrize("name", ["stvun", "stvun-wo-efst"])
def test_the_published_size_has_none(name: str) -> None:
    with torch.device("meta"):
        network = network_of(name)
    assert isinstance(network, STVUN) and network.mask is None


def test_it_learns_which_frame_shows_the_place() -> None:
    torch.manual_seed(0)
    mask, still = BlendingMask(2), torch.zeros(1, 2, 16, 16)
    optimizer = torch.optim.Adam(mask.parameters(), 1e-2)

    def scene() -> tuple[list[Tensor], list[list[Tensor]], Tensor]:
        """Noise that a grey square, which the features mark, hides in one frame or in the other."""
        truth = torch.rand(1, 3, 16, 16)
        X, e = [], []
        for columns in (slice(0, 6), slice(9, 16)):
            hidden = torch.zeros(1, 1, 16, 16)
            hidden[..., columns] = 1
            X.append(truth * (1 - hidden))
            e.append([hidden.repeat(1, 2, 1, 1)])
        return X, e, truth

    def loss(with_mask: bool) -> Tensor:
        X, e, truth = scene()
        made, features = blend(0.5, X, e, still, still, mask if with_mask else None)
        assert [one.shape for one in features] == [(1, 2, 16, 16)]
        return (made - truth).abs().mean()

    for _ in range(60):
        optimizer.zero_grad()
        loss(True).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        assert loss(True) < 0.2 * loss(False)


def test_weights_from_before_there_was_one_give_the_mean(tmp_path: Path) -> None:
    network = compact()
    whole = network.state_dict()
    old = {name: whole[name] for name in whole if not name.startswith("mask.")}
    older = {name: old[name] for name in old if "nearness" not in name}
    save_file(older, tmp_path / "old.safetensors")
    loaded, _ = load_network("stvun-s", tmp_path / "old.safetensors")
    assert isinstance(loaded, STVUN) and loaded.mask is None
    save_file(network.state_dict(), tmp_path / "new.safetensors")
    loaded, _ = load_network("stvun-s", tmp_path / "new.safetensors")
    assert isinstance(loaded, STVUN) and loaded.mask is not None
    with pytest.raises(MethodError, match=r"6 unexpected: mask\."):
        load_network("stvun-s-mean", tmp_path / "new.safetensors")
    save_file(old | {"mask.conv2.bias": torch.zeros(1)}, tmp_path / "part.safetensors")
    with pytest.raises(MethodError, match=r"lacks the part that makes new frames \(mask\."):
        load_network("stvun-s", tmp_path / "part.safetensors")


def test_only_the_joint_stage_trains_it() -> None:
    for stage, trained in (("flow", False), ("space", False), ("joint", True)):
        learning = loss_module("stvun-s", compact(), stage).learning()  # type: ignore[arg-type]
        assert any(name.startswith("mask.") for name in learning) == trained
