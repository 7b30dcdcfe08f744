"""RIFE as a method: streams, cascades, tiles, files of weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stvt.baselines.errors import MethodError
from stvt.baselines.factory import build
from stvt.baselines.method import Settings
from stvt.baselines.rife.method import RifeMethod
from stvt.baselines.rife.network import RIFE
from stvt.baselines.weights.detect import detect
from stvt.baselines.weights.fetch import fetch_weights
from stvt.baselines.weights.load import load_network
from stvt.baselines.weights.read import read_state
from stvt.datasets.frames import read_frame
from tests.builders.checkpoints import State, saved
from tests.golden_cases import filled, tensors


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def state() -> State:
    return tensors(filled("rife"))


@pytest.fixture
def network(state: State) -> RIFE:
    network = RIFE().eval()
    network.load_state_dict(state)
    return network


def clip(count: int, height: int = 20, width: int = 30) -> list[Tensor]:
    generator = torch.Generator().manual_seed(count)
    return list(torch.rand(count, 3, height, width, generator=generator))


def test_a_stream_gives_what_the_network_gives_and_encodes_each_frame_once(network: RIFE) -> None:
    calls: list[int] = []
    network.encode.register_forward_hook(lambda *_: calls.append(1))
    frames = clip(4)
    method = RifeMethod(network, Settings())
    made = dict(method.stream(frames, [0.25, 0.8]))
    assert len(calls) == 4
    assert list(made) == [0, 0.25, 0.8, 1, 1.25, 1.8, 2, 2.25, 2.8, 3]
    assert all(torch.equal(made[k], frames[k]) for k in range(4))
    for time, k, t in ((1.25, 1, 0.25), (2.8, 2, 0.8)):
        expected = network(frames[k][None], frames[k + 1][None], t)[0].clamp(0, 1)
        torch.testing.assert_close(made[time], expected, atol=1e-5, rtol=0)


def test_no_new_frame_is_computed_that_nobody_wants(network: RIFE) -> None:
    calls: list[int] = []
    network.block0.register_forward_hook(lambda *_: calls.append(1))
    made = list(RifeMethod(network, Settings()).stream(clip(4), [0.5], lambda at: at in (1.5, 2)))
    assert [at for at, _ in made] == [1.5, 2] and len(calls) == 1


def test_tiles_make_frames_of_the_same_size(network: RIFE) -> None:
    frames = clip(2, 200, 140)
    tiled = dict(RifeMethod(network, Settings(tile=64)).stream(frames, [0.5]))
    assert tiled[0.5].shape == (3, 200, 140) and torch.equal(tiled[1], frames[1])


@pytest.mark.parametrize("spec", ["edvr-s+rife", "rife+edvr-s", "bicubic+rife", "rife+bicubic"])
def test_it_composes_on_either_side(spec: str) -> None:
    method = build(spec, Settings(untrained=True))
    made = dict(method.stream(clip(2, 17, 13), [0.5]))
    assert list(made) == [0, 0.5, 1] and made[0.5].shape == (3, 68, 52)
    assert torch.isfinite(made[0.5]).all()


def test_published_files_load_without_the_teacher_and_nothing_else_unknown(
    state: State, tmp_path: Path
) -> None:
    training = {"teacher.conv0.0.0.weight": torch.ones(2), "caltime.0.weight": torch.ones(2)}
    whole = {f"module.{name}": value for name, value in {**state, **training}.items()}
    file = saved(whole, tmp_path / "a.pkl")
    assert detect(read_state(file, "add")) == "rife"
    loaded, _ = load_network("rife", file)
    assert torch.equal(
        loaded.state_dict()["block2.convblock.3.beta"], state["block2.convblock.3.beta"]
    )
    with pytest.raises(MethodError, match="1 unexpected: other.weight"):
        load_network("rife", saved({**state, "other.weight": torch.ones(2)}, tmp_path / "b.pkl"))


@pytest.mark.slow
def test_with_the_published_weights_it_beats_a_blend_where_much_moves(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    try:
        stored = fetch_weights("rife")
    except MethodError as error:
        pytest.skip(str(error))
    network, _ = load_network("rife", stored.file)
    assert isinstance(network, RIFE)
    files = sorted((shared / "data" / "sintel").rglob("*.png"))[:3]
    first, truth, second = (
        torch.from_numpy(read_frame(one)).permute(2, 0, 1).float() / 255 for one in files
    )
    made = dict(RifeMethod(network, Settings()).stream([first, second], [0.5]))[0.5]

    def psnr(frame: Tensor) -> float:
        return float(-10 * (frame - truth).square().mean().log10())

    assert psnr(made) > psnr((first + second) / 2) + 1
