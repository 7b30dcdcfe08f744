from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from stvt.baselines.acceleration.swap import accelerate
from stvt.baselines.dain import method as method_module
from stvt.baselines.dain import tiled
from stvt.baselines.dain.fast import SWAPS, FastUnit
from stvt.baselines.dain.hourglass import Hourglass
from stvt.baselines.dain.method import DainFrame, DainMethod, padding
from stvt.baselines.dain.network import DAIN
from stvt.baselines.dain.tiled import BandedHourglass, Side, interpolate
from stvt.baselines.errors import MethodError
from stvt.baselines.factory import build
from stvt.baselines.method import Settings
from stvt.baselines.tiling.box import Box
from stvt.baselines.weights.load import initialise
from tests.golden_cases import (
    GOLDEN,
    Arrays,
    error,
    filled,
    load_case,
    load_facts,
    load_state,
    tensors,
)


def dain() -> DAIN:
    return DAIN().eval()


@pytest.fixture(scope="module")
def filled_network() -> DAIN:
    network = dain()
    network.load_state_dict(tensors(filled("dain")))
    return network


@pytest.fixture
def network(filled_network: DAIN) -> Iterator[DAIN]:
    """With the golden weights, in float32; a test may take it to float64."""
    yield filled_network
    filled_network.float()


@pytest.fixture
def small_padding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding to 64 in place of 128 and more, so that a test takes a second."""
    monkeypatch.setattr(method_module, "padding", lambda size: (3, 61 - size))


def parts(network: DAIN, case: Arrays) -> dict[str, Tensor]:
    """Everything that a case of one pair may hold, of the network's type."""
    dtype = next(network.parameters()).dtype
    frames, times = torch.from_numpy(case["frames"]).to(dtype), case["times"]
    inputs: list[Tensor] = []  # of the synthesis
    hook = network.rectifyNet.register_forward_pre_hook(lambda _, x: inputs.append(x[0]))
    with torch.inference_mode():
        made = network(frames[:1], frames[1:], times)[0]
        pyramids = [network.flownets.pyramid(frame[None]) for frame in frames]
        flows = network.flownets.flows(*pyramids)
        back = network.flownets.flows(*pyramids[::-1])
        depths = network.depthNet(frames)
        contexts = network.context(frames, depths)
        kernels = network.kernels(frames[:1], frames[1:])
    hook.remove()
    x = torch.cat(inputs)
    return {
        "out": made,
        "blend": x[:, :3],
        "flow01": flows[0][0],
        "flow10": back[0][0],
        **{f"flow01_level{level}": flows[level - 2][0] for level in (3, 4, 5, 6)},
        "features_level6": torch.cat([pyramid[-1] for pyramid in pyramids]),
        "log_depth": depths[:, 0, ::4, ::4],
        "kernels": torch.cat(kernels)[..., ::8, ::8],
        "context": contexts[:, :195, ::16, ::16],
        "projected": torch.stack([x[:, 9:11], x[:, 11:13]], 1)[..., ::2, ::2],
        "warped": torch.stack([x[:, 3:6], x[:, 6:9]], 1)[..., ::2, ::2],
        "warped_context": torch.stack([x[:, 45:241], x[:, 241:]], 1)[..., ::16, ::16],
    }


def errors(found: dict[str, Tensor], case: Arrays) -> dict[str, float]:
    return {key: error(value, case, key) for key, value in found.items() if key in case}


def test_the_state_is_that_of_the_published_checkpoint() -> None:
    network = dain()
    state = {key: list(value.shape) for key, value in network.state_dict().items()}
    assert list(state.items()) == list(load_state("dain").items())
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == load_facts("dain")["parameters"] == 24_031_656


def test_frames_and_all_that_leads_to_them_are_the_published_ones(network: DAIN) -> None:
    case = load_case("dain", "quarters_64x128")
    for key in ("times", "out", "blend", "projected", "warped", "warped_context"):
        case[key] = case[key][:1]  # one of the three times is enough for seconds
    found = errors(parts(network.double(), case), case)
    assert found.keys() == set(case) - {key for key in case if key.endswith("step")} - {
        "frames",
        "times",
    }
    assert max(found.values()) < 1e-6, found


def test_three_times_of_a_pair_are_the_published_ones_in_float32(network: DAIN) -> None:
    case = load_case("dain", "quarters_64x128")
    first, second = torch.from_numpy(case["frames"])[:, None]
    with torch.inference_mode():
        made = network(first, second, torch.from_numpy(case["times"]))
    assert error(made[0], case, "out") < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-6), (torch.float32, 1e-3)])
def test_the_whole_golden_cases_agree(
    network: DAIN, shared: Path, dtype: torch.dtype, limit: float
) -> None:
    network.to(dtype)
    for name in ("half_128x128", "quarters_64x128"):
        case = load_case("dain", name, shared / "golden")
        found = errors(parts(network, case), case)
        assert len(found) == 15
        assert max(found.values()) < limit, (name, found)
    case = load_case("dain", "batch_64x64", shared / "golden")
    first, second = torch.from_numpy(case["frames"]).to(dtype).unbind(1)
    with torch.inference_mode():
        assert error(network(first, second, case["times"]), case, "out") < limit
    assert from_files(network, load_case("dain", "files_91x128", shared / "golden")) < limit


def from_files(network: DAIN, case: Arrays) -> float:
    """The error of the method on images as read from files, compared where it does not clip."""
    images = torch.from_numpy(case["frames"]).permute(0, 3, 1, 2)
    dtype = next(network.parameters()).dtype
    method = DainMethod(network, Settings(scale=1))
    left, right, top, bottom = case["padding"]
    assert (padding(128), padding(91)) == ((left, right), (top, bottom))
    with torch.inference_mode():
        first, second = (DainFrame(method, image.to(dtype) / 255) for image in images)
        assert first.pixels.shape == (1, 3, 128, 192)
        sides = method.sides(first, second)
        [t] = case["times"]
        made = interpolate(method.network, sides, float(t), first.box)
        [_, new] = method.outputs([first, second], [float(t)])
        assert torch.equal(new, made[0].clamp(0, 1))
        return error(made, case, "out")


def test_images_of_any_size_are_padded_and_cropped_as_published(network: DAIN) -> None:
    assert from_files(network, load_case("dain", "files_91x128")) < 1e-3


def test_the_stream_shares_between_times_and_pairs_without_changing_the_result(
    network: DAIN, small_padding: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rectification is most of the work: a stand-in that adds 3 of its inputs.
    monkeypatch.setattr(network.rectifyNet.block1, "forward", lambda x: x[..., 3:-3, 3:-3])
    monkeypatch.setattr(network.rectifyNet, "rest", lambda x: x[:, -3:])
    torch.manual_seed(0)
    frames = list(torch.rand(3, 3, 20, 30))
    method = DainMethod(network.double(), Settings(scale=1))
    shared = dict(method.stream(frames, [0.25, 0.5]))
    assert list(shared) == [0, 0.25, 0.5, 1, 1.25, 1.5, 2]
    assert all(torch.equal(shared[k], frame) for k, frame in enumerate(frames))
    assert method.seconds > 0
    for k, t in ((0, 0.5), (1, 0.25)):
        alone = method(torch.stack(frames[k : k + 2]), [t])
        assert torch.equal(alone[0], frames[k])
        assert (alone[1] - shared[k + t]).abs().max() < 1e-10


@pytest.mark.slow
def test_a_long_stream_equals_its_pairs_one_by_one(network: DAIN, small_padding: None) -> None:
    torch.manual_seed(0)
    frames = torch.rand(12, 3, 20, 30, dtype=torch.float64)
    method = DainMethod(network.double(), Settings(scale=1))
    streamed = dict(method.stream(iter(frames), [0.25, 0.5]))
    one_by_one = {float(len(frames) - 1): frames[-1]}
    for k, pair in enumerate(pairwise(frames)):
        made = method(torch.stack(pair), [0.25, 0.5])
        one_by_one |= dict(zip((k, k + 0.25, k + 0.5), made, strict=True))
    assert sorted(streamed) == sorted(one_by_one) and len(streamed) == 12 + 2 * 11
    for t, frame in streamed.items():
        assert (frame - one_by_one[t]).abs().max() < 1e-10 * one_by_one[t].abs().max()


def sides_of(network: DAIN, images: Tensor, *, contexts: bool = True) -> list[Side]:
    """What `tiled.interpolate` reads of two frames."""
    pyramids = [network.flownets.pyramid(image[None]) for image in images]
    depths = network.depthNet(images)
    context = network.context(images, depths)
    kernels = network.kernels(images[:1], images[1:])
    return [
        Side(
            images[k : k + 1],
            depths[k : k + 1],
            context[k : k + 1] if contexts else None,
            network.flow(pyramids[k], pyramids[1 - k]),
            kernels[k],
        )
        for k in (0, 1)
    ]


def test_work_by_pieces_and_bands_is_the_plain_forward(
    network: DAIN, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(1)
    coarse = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    images = torch.nn.functional.interpolate(coarse, size=(64, 64), mode="bicubic")
    network.double()
    box = Box(3, 44, 10, 57)
    with torch.inference_mode():
        plain = box.cut(network(images[:1], images[1:], [0.25])[:, 0])
        whole = interpolate(network, sides_of(network, images), 0.25, box)
        assert whole.shape == (1, 3, 41, 47)
        monkeypatch.setattr(tiled, "INPUT_BAND", 1)
        monkeypatch.setattr(tiled, "SYNTHESIS_BAND", 1)
        lazy = sides_of(network, images, contexts=False)
        pieces = interpolate(network, lazy, 0.25, box, tile=40)
    for found in (whole, pieces):
        assert (found - plain).abs().max() < 1e-10 * plain.abs().max()


def test_fast_layers_are_the_plain_ones(network: DAIN) -> None:
    torch.manual_seed(2)
    images = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    network.double()
    fused = dain().double()
    fused.load_state_dict(network.state_dict())
    accelerate(fused, SWAPS)
    assert any(type(module) is FastUnit for module in fused.modules())
    with torch.inference_mode():
        for one, other in ((fused.depthNet, network.depthNet), (fused.ctxNet, network.ctxNet)):
            expected = other(images)
            assert (one(images) - expected).abs().max() < 1e-12 * expected.abs().max()
    assert list(fused.state_dict()) == list(network.state_dict())


def test_depth_in_bands_is_the_same(network: DAIN, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = torch.rand(1, 3, 144, 16, dtype=torch.float64)
    with torch.inference_mode():
        expected = network.double().depthNet(frame)
        monkeypatch.setattr(tiled, "DEPTH_BAND", 1)
        banded = BandedHourglass.forward(network.depthNet, frame)  # type: ignore[arg-type]
        assert (banded - expected).abs().max() < 1e-12


def test_depth_learns_from_batch_statistics_while_training() -> None:
    torch.manual_seed(2)
    hourglass = Hourglass().train()
    hourglass(torch.rand(2, 3, 16, 32)).sum().backward()
    assert all(parameter.grad is not None for parameter in hourglass.parameters())
    assert hourglass.state_dict()["1.running_mean"].abs().max() > 0


def test_gradients_reach_all_weights_but_the_unused_ones(network: DAIN) -> None:
    torch.manual_seed(3)
    first, second = torch.rand(2, 1, 3, 64, 64)
    network(first, second, [0.5]).sum().backward()
    unused = [name for name, weight in network.named_parameters() if weight.grad is None]
    network.zero_grad()
    assert unused == ["flownets.deconv2.weight", "flownets.deconv2.bias"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_untrained_weights_give_numbers(small_padding: None, precision: Any) -> None:
    torch.manual_seed(4)
    method = build("dain", Settings(scale=1, untrained=True, precision=precision))
    made = method(torch.rand(2, 3, 7, 9), [0.5])  # type: ignore[operator]
    assert made.shape == (2, 3, 7, 9) and made.dtype == torch.float32
    assert torch.isfinite(made).all()
    assert method.weights == "untrained"


@pytest.mark.parametrize("distance", [-1000.0, -50.0, 1000.0])
def test_no_depth_is_too_near_or_far_to_project_by(network: DAIN, distance: float) -> None:
    depth = torch.full((1, 1, 64, 64), distance)
    flow = torch.full((1, 2, 64, 64), 50.15)
    flow[:, :, 32:] = 1.8
    projected = network.project(flow, depth)
    assert torch.isfinite(projected).all()
    assert projected.abs().max() > 1


def test_a_tiny_frame_is_padded_and_cropped() -> None:
    network = dain()
    initialise(network)
    method = DainMethod(network, Settings(scale=1))
    assert method(torch.rand(2, 3, 1, 3), [0.3]).shape == (2, 3, 1, 3)


def test_without_a_wanted_moment_nothing_is_computed(network: DAIN) -> None:
    method = DainMethod(network, Settings(scale=1))
    frames = torch.full((3, 3, 9, 9), torch.nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(method, "sides", lambda *_: pytest.fail("computed"))
        times = [
            time for time, _ in method.stream(frames, [0.5], lambda time: time != 0.5 != time - 1)
        ]
    assert times == [0, 1, 2]
    assert len(method(frames[:2], [])) == 1
    assert method.support(0, [0.5]) == (0, 0)
    assert method.support(0.5, [0.5]) == (0, 1)


def test_other_sizes_than_multiples_of_64_are_refused(network: DAIN) -> None:
    with pytest.raises(ValueError, match="multiples of 64"):
        network(torch.rand(1, 3, 64, 65), torch.rand(1, 3, 64, 65), [0.5])


def test_a_file_may_lack_what_is_never_used_and_hold_more_but_lack_no_weight(
    network: DAIN, tmp_path: Path
) -> None:
    state = {
        f"module.{key}": value.contiguous()
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked") and "deconv2" not in key
    }
    state["module.another.weight"] = torch.zeros(2)
    file = tmp_path / "best.safetensors"
    safetensors.torch.save_file(state, file)
    settings = Settings(scale=1, weights={"dain": file})
    [loaded] = build("dain", settings).networks()
    found, expected = loaded.state_dict(), network.state_dict()
    used = [key for key in expected if "deconv2" not in key]
    assert all(torch.equal(found[key], expected[key]) for key in used)
    del state["module.rectifyNet.block1.0.bias"]
    safetensors.torch.save_file(state, file)
    with pytest.raises(MethodError, match=r"1 missing: rectifyNet\.block1\.0\.bias"):
        build("dain", settings)


def test_the_golden_copies_are_small() -> None:
    size = sum(file.stat().st_size for file in (GOLDEN / "dain").rglob("*") if file.is_file())
    assert size < 600_000
