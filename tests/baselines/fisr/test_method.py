"""FISR as a method: a video as published, windows, tiles and precision."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stvt.baselines.errors import MethodError
from stvt.baselines.factory import build
from stvt.baselines.fisr import method as method_module
from stvt.baselines.fisr.convert import from_tensorflow
from stvt.baselines.fisr.inputs import (
    doubled,
    joined,
    rgb_from_yuv,
    warped_halfway,
)
from stvt.baselines.fisr.method import CachedPair, FisrFrame, FisrMethod
from stvt.baselines.fisr.network import FISR
from stvt.baselines.fisr.pwcnet import REACH, FISRPWCNet
from stvt.baselines.method import Settings
from stvt.baselines.tiling.box import Box
from stvt.baselines.tiling.tiles import Cut
from tests.golden_cases import Arrays, error, filled, load_case


@pytest.fixture(scope="module")
def network() -> FISR:
    network = FISR()
    network.load_state_dict(from_tensorflow("fisr", filled("fisr")))
    return network.eval()


@pytest.fixture(scope="module")
def flow_network() -> FISRPWCNet:
    network = FISRPWCNet()
    network.load_state_dict(from_tensorflow("fisr_pwcnet", filled("fisr_pwcnet")))
    return network.eval()


@pytest.fixture(scope="module")
def untrained() -> FisrMethod:
    method = build("fisr", Settings(scale=2, untrained=True))
    assert isinstance(method, FisrMethod)
    return method


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def moving(count: int, height: int, width: int) -> Tensor:
    """Frames in [0, 1] of a pattern that drifts."""
    rows, columns = torch.arange(height)[:, None] / 5, torch.arange(width) / 4
    phases = torch.tensor([0.0, 1.0, 2.0])[:, None, None]
    return torch.stack(
        [0.5 + 0.5 * torch.sin(rows + columns + phases + 0.3 * k) for k in range(count)]
    )


def video_agrees(
    network: FISR, flow_network: FISRPWCNet, case: Arrays, dtype: torch.dtype, limit: float
) -> None:
    method = FisrMethod(network.to(dtype), flow_network.to(dtype), Settings(scale=2))
    yuv = torch.from_numpy(case["frames"]).to(dtype)
    seen = [FisrFrame(method, rgb_from_yuv(frame) / 255) for frame in yuv]
    assert torch.equal(torch.cat([one.yuv for one in seen]), yuv)
    pairs = [CachedPair(*two) for two in itertools.pairwise(seen)]
    flows = torch.stack([torch.cat(pair.flows) for pair in pairs])
    warped = torch.stack([torch.cat(pair.warped) for pair in pairs])
    assert error(flows, case, "flow") < limit
    # Coordinates are rounded to 1/32 of a pixel: the least difference in flow moves a few of them.
    step = int(case.get("warped.step", 1))
    differences = np.abs(warped.numpy()[..., ::step, ::step] - case["warped"])
    assert differences.mean() < limit * 255 and differences.max() < 1
    window = joined(yuv[None], flows.flatten(0, 1)[None], warped.flatten(0, 1)[None])
    made = network(window[..., :64, :128])[0]
    assert error(made[..., ::3, ::3], case, "out_whole") < limit


def test_a_video_is_enlarged_as_published_from_its_bytes(
    network: FISR, flow_network: FISRPWCNet
) -> None:
    video_agrees(network, flow_network, load_case("fisr", "video_72x136"), torch.float32, 1e-3)


@pytest.mark.parametrize(
    ("dtype", "limit"),
    [(torch.float32, 1e-3), pytest.param(torch.float64, 1e-4, marks=pytest.mark.slow)],
)
def test_the_whole_video_agrees_in_every_step(
    network: FISR, flow_network: FISRPWCNet, shared: Path, dtype: torch.dtype, limit: float
) -> None:
    case = load_case("fisr", "video_72x136", shared / "golden")
    video_agrees(network, flow_network, case, dtype, limit)
    yuv = torch.from_numpy(case["frames"]).to(dtype)
    rgb = rgb_from_yuv(yuv)
    assert np.array_equal(doubled(rgb).floor().numpy(), case["large"])
    flows = torch.from_numpy(case["flow"]).to(dtype)
    there, back = warped_halfway(rgb[1:], flows[:, 0]), warped_halfway(rgb[:2], flows[:, 1])
    assert error(torch.stack([there, back], 1), case, "warped") < limit
    warped = torch.from_numpy(case["warped"]).to(dtype)
    window = joined(yuv[None], flows.flatten(0, 1)[None], warped.flatten(0, 1)[None])
    window = window[..., :64, :128]
    assert error(network(window)[0][..., ::3, ::3], case, "out_whole") < limit
    made = torch.empty(3, 3, 128, 256, dtype=dtype)
    whole = Box.whole(window)
    for kept in whole.pieces(32, 64):
        fed = kept.expand(32, whole)
        large = network(fed.cut(window))[0]
        kept.scale(2).cut(made).copy_(kept.relative_to(fed).scale(2).cut(large))
    made = made[..., ::3, ::3]
    assert error(made, case, "out_tiled") < limit
    png = (255 * made.clamp(0, 1)).floor()
    assert (png.numpy() != case["png_yuv"]).mean() < 1e-3  # whole numbers may fall either way


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 2), (13, 18)])
def test_any_size_is_enlarged_exactly(untrained: FisrMethod, size: tuple[int, int]) -> None:
    made = dict(untrained.stream(moving(2, *size), [0.5]))
    assert list(made) == [0, 0.5, 1]
    for frame in made.values():
        assert frame.shape == (3, 2 * size[0], 2 * size[1])
        assert torch.isfinite(frame).all() and frame.min() >= 0 and frame.max() <= 1
    assert untrained.weights == "untrained" and untrained.seconds > 0


@pytest.fixture
def told(untrained: FisrMethod, monkeypatch: pytest.MonkeyPatch) -> FisrMethod:
    """A method that in place of a frame tells its window's frames, and its place among three."""

    def predicted(frames: list[FisrFrame], pairs: tuple[CachedPair, CachedPair]) -> Tensor:
        assert [(pair.first, pair.second) for pair in pairs] == list(itertools.pairwise(frames))
        window = [float(frame.source.mean()) for frame in frames]
        return torch.tensor([[*window, place] for place in range(3)])

    monkeypatch.setattr(untrained, "predicted", predicted)
    monkeypatch.setattr(method_module, "rgb_from_yuv", lambda yuv: yuv)
    return untrained


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {}),
        (1, {0: [0, 0, 0, 1]}),
        (2, {0: [0, 0, 1, 1], 0.5: [0, 1, 1, 0], 1: [0, 1, 1, 1]}),
        (
            4,
            {
                0: [0, 0, 1, 1],
                0.5: [0, 1, 2, 0],
                1: [0, 1, 2, 1],
                1.5: [1, 2, 3, 0],  # of the later of its two windows
                2: [1, 2, 3, 1],
                2.5: [1, 2, 3, 2],  # of the only one that lies in the sequence
                3: [2, 3, 3, 1],
            },
        ),
    ],
)
def test_of_overlapping_predictions_the_later_counts_except_at_the_end(
    told: FisrMethod, count: int, expected: dict[float, list[float]]
) -> None:
    frames = [torch.full((3, 2, 2), float(k)) for k in range(count)]
    made = {time: frame.tolist() for time, frame in told.stream(iter(frames), [0.5])}
    assert list(made.items()) == list(expected.items())
    spatial = {time: frame.tolist() for time, frame in told.stream(iter(frames), [])}
    assert spatial == {time: what for time, what in expected.items() if time % 1 == 0}
    for wish, value in expected.items():
        some = [(t, f.tolist()) for t, f in told.stream(iter(frames), [0.5], {wish}.__contains__)]
        assert some == [(wish, value)]


def test_what_windows_share_is_computed_once(
    untrained: FisrMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = {"pyramid": 0, "flows": 0, "forward": 0}

    def count(network: nn.Module, name: str) -> None:
        plain = getattr(network, name)

        def counting(*inputs: Any, **options: Any) -> Any:
            counted[name] += 1
            return plain(*inputs, **options)

        monkeypatch.setattr(network, name, counting)

    count(untrained.flow_network, "pyramid")
    count(untrained.flow_network, "flows")
    count(untrained.network, "forward")
    made = list(untrained.stream(moving(4, 8, 9), [0.5], lambda time: 0 < time < 3))
    assert [time for time, _ in made] == [0.5, 1, 1.5, 2, 2.5]
    assert counted == {"pyramid": 4, "flows": 6, "forward": 2}


def test_a_window_gives_what_it_gives_in_a_stream(untrained: FisrMethod) -> None:
    frames = moving(5, 20, 33)
    whole = dict(untrained.stream(frames, [0.5]))
    alone = dict(untrained.stream(frames[1:4], [0.5]))
    for time in (0.5, 1):
        torch.testing.assert_close(alone[time], whole[time + 1], atol=1e-6, rtol=0)


def test_pieces_are_close_to_the_whole_frame(untrained: FisrMethod) -> None:
    window = torch.rand(1, 29, 32, 128, generator=torch.Generator().manual_seed(0))
    made, whole = untrained.enlarged(window, 96), untrained.enlarged(window, None)
    assert made.shape == whole.shape == (1, 3, 3, 64, 256)
    assert not torch.equal(made, whole)
    assert (made - whole).abs().mean() < 0.02 * whole.abs().max()
    assert untrained.cut(96) == Cut(32, 32) and untrained.cut(210) == Cut(128, 32)


def test_a_frame_no_larger_than_a_tile_is_worked_on_whole(untrained: FisrMethod) -> None:
    settings = Settings(scale=2, untrained=True, tile=33)
    small = FisrMethod(untrained.network, untrained.flow_network, settings)
    for (_, one), (_, other) in zip(
        small.stream(moving(2, 12, 33), [0.5]), untrained.stream(moving(2, 12, 33), [0.5])
    ):
        assert torch.equal(one, other)


def test_the_flow_has_no_seams_however_it_is_cut(flow_network: FISRPWCNet) -> None:
    frames = torch.nn.functional.pad(moving(2, 64, 360), (0, 24)).double()
    network = flow_network.double()
    first, second = (network.pyramid(frame[None]) for frame in frames)
    whole, tiled = network.flows(first, second), network.flows(first, second, tile=1)
    assert whole[0].shape[-1] > 2 * REACH  # pieces of REACH pixels: three
    for exact, made in zip(whole, tiled, strict=True):
        torch.testing.assert_close(made, exact, rtol=0, atol=1e-10 * float(exact.abs().max()))


def test_bfloat16_is_close_to_single_precision(untrained: FisrMethod) -> None:
    settings = Settings(scale=2, untrained=True, precision="bf16")
    rounded = FisrMethod(untrained.network, untrained.flow_network, settings)
    frames = moving(3, 16, 16)
    for (_, exact), (_, near) in zip(
        untrained.stream(frames, [0.5]), rounded.stream(frames, [0.5]), strict=True
    ):
        assert near.dtype == torch.float32
        assert (near - exact).abs().mean() < 3e-2


def test_other_moments_are_refused_in_one_line(untrained: FisrMethod) -> None:
    with pytest.raises(MethodError, match="halfway between two only, not at 0.25; ask for 0.5"):
        list(untrained.stream(moving(3, 8, 8), [0.25]))
    with pytest.raises(MethodError, match=r"not at 0\.25, 0\.75; ask for 0\.5"):
        list(untrained.stream(moving(3, 8, 8), [0.25, 0.5, 0.75]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(scale=4, untrained=True), "fisr enlarges by 2 only, not by 4"),
        (Settings(scale=2, precision="fp16"), "bf16 or fp32"),
    ],
)
def test_other_scales_and_half_precision_on_a_cpu_are_refused_in_one_line(
    settings: Settings, message: str
) -> None:
    with pytest.raises(MethodError, match=message):
        build("fisr", settings)


def test_without_weights_it_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    with pytest.raises(MethodError, match="stvt weights convert fisr CHECKPOINT") as refused:
        build("fisr", Settings(scale=2))
    assert "\n" not in str(refused.value)
