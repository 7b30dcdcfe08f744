"""RSTT as a method: clips, small frames, tiles, files of weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from stvt.baselines import network as build_network
from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings
from stvt.baselines.rstt.method import RsttMethod
from stvt.baselines.rstt.network import RSTT
from stvt.baselines.weights.detect import detect
from stvt.baselines.weights.load import initialise, load_network
from tests.builders.checkpoints import saved


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def network() -> RSTT:
    network = RSTT(blocks=2, channels=32).eval()
    initialise(network)
    with torch.no_grad():
        network.conv_last.weight.mul_(0.01)
    return network


def sequence(count: int, height: int, width: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(count)
    return list(torch.rand(count, 3, height, width, generator=generator))


def test_a_stream_is_its_clips(network: RSTT) -> None:
    frames = sequence(6, 25, 30)
    made = dict(RsttMethod(network, Settings(), "rstt-s").stream(frames, [0.5]))
    assert list(made) == [place / 2 for place in range(11)]
    first, last = (network(torch.stack(frames[s : s + 4])[None])[0].clamp(0, 1) for s in (0, 2))
    for time, frame in made.items():
        clip, start = (first, 0) if time <= 3 else (last, 2)
        torch.testing.assert_close(frame, clip[round(2 * (time - start))], atol=1e-5, rtol=0)


def test_frames_smaller_than_it_takes_are_continued(network: RSTT) -> None:
    frames = sequence(4, 9, 40)
    made = dict(RsttMethod(network, Settings(), "rstt-s").stream(frames, [0.5]))
    whole = pad(torch.stack(frames), (0, 0, 0, 16), mode="replicate")
    for place, frame in enumerate(network(whole[None])[0, ..., :36, :].clamp(0, 1)):
        torch.testing.assert_close(made[place / 2], frame, atol=1e-5, rtol=0)


def test_tiles_make_frames_of_the_same_size_nearly_without_seams(network: RSTT) -> None:
    frames = sequence(4, 68, 33)
    whole, tiled = (
        dict(RsttMethod(network, Settings(tile=tile), "rstt-s").stream(frames, [0.5]))
        for tile in (None, 64)
    )
    for time, frame in tiled.items():
        assert frame.shape == (3, 272, 132)
        assert (frame - whole[time]).abs().mean() < 0.01


def test_the_number_of_blocks_tells_which_size_a_file_is_of(tmp_path: Path) -> None:
    state = build_network("rstt_m").state_dict()
    assert detect(state) == "rstt-m"
    file = saved({f"module.{key}": value for key, value in state.items()}, tmp_path / "net.pth")
    loaded, _ = load_network("rstt-m", file)
    assert list(loaded.state_dict()) == list(state)
    with pytest.raises(MethodError, match="it has 6 blocks a stage, not 8"):
        load_network("rstt-l", file)
