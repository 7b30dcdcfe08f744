"""Warping in the compact sizes: bicubic, and of what guides a new frame; weights tell both."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stvt.baselines import MethodError, load_network, loss_module, network
from stvt.baselines.ops.warp import warp_bicubic, warp_border
from stvt.baselines.spec import Stage
from stvt.baselines.stvun.network import STVUN

OPTIONS = {"bicubic", "warped_guide"}


def compact(name: str = "stvun-s") -> STVUN:
    made = network(name)
    assert isinstance(made, STVUN)
    return made.eval()


def test_what_guides_a_new_frame_moves_with_it() -> None:
    moving_left = torch.tensor([-4.0, 0.0]).view(1, 2, 1, 1).expand(1, 2, 8, 24)
    X, D = 2 * [torch.rand(1, 3, 8, 24)], [torch.rand(1, 16, 8, 24)]
    e = 2 * [[torch.rand(1, 16, 8, 24)]]
    _, _, guide = compact().blend(0.5, X, e, D, moving_left, -moving_left)
    torch.testing.assert_close(guide[0][..., :-2], D[0][..., 2:])
    _, _, guide = compact("stvun-s-unaligned").blend(0.5, X, e, D, moving_left, -moving_left)
    assert guide is D


@pytest.mark.parametrize("lacking", ["bicubic", "warped_guide"])
def test_weights_from_before_an_option_compute_what_they_did(lacking: str, tmp_path: Path) -> None:
    newest = compact()
    state = newest.state_dict()
    save_file(state, tmp_path / "new.safetensors")
    del state[lacking]
    save_file(state, tmp_path / "old.safetensors")
    frames = 2 * torch.rand(1, 7, 3, 32, 32) - 1
    outputs = []
    for file in ("new", "old"):
        loaded, _ = load_network("stvun-s", tmp_path / f"{file}.safetensors")
        with torch.no_grad():
            outputs.append(loaded(frames, [0.5]))
    if lacking == "bicubic":
        newest.warp = warp_border
    else:
        newest.warped_guide = None
    with torch.no_grad():
        expected = newest(frames, [0.5])
    torch.testing.assert_close(outputs[1], expected)
    assert not torch.allclose(outputs[0], expected, atol=1e-4)


def test_weights_with_a_warped_guide_are_not_of_the_network_without(tmp_path: Path) -> None:
    save_file(compact().state_dict(), tmp_path / "new.safetensors")
    with pytest.raises(MethodError, match="1 unexpected: warped_guide"):
        load_network("stvun-s-unaligned", tmp_path / "new.safetensors")


@pytest.mark.parametrize(
    ("stage", "told"), [("flow", set()), ("space", OPTIONS), ("joint", OPTIONS)]
)
def test_the_weights_of_a_training_tell_how_they_warp(stage: Stage, told: set[str]) -> None:
    losses = loss_module("stvun-s", compact(), stage)
    assert set(losses.markers()) == told
    assert not OPTIONS & set(losses.learning())


def test_the_published_size_warps_as_published() -> None:
    with torch.device("meta"):
        published = network("stvun")
    assert isinstance(published, STVUN)
    assert published.warp is warp_border and published.warped_guide is None
    assert compact().warp is warp_bicubic
