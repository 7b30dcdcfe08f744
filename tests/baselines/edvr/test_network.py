"""EDVR's network: every stage is the published one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import stvt.baselines
from stvt.baselines.edvr.network import EDVR
from tests.builders.small_edvr import small
from tests.golden_cases import GOLDEN, case_names, error, filled, load_case, load_state, tensors

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def golden_network(name: str, dtype: torch.dtype, golden: Path = GOLDEN) -> EDVR:
    network = stvt.baselines.network(name)
    assert isinstance(network, EDVR)
    network.load_state_dict(tensors(filled(name, golden)))
    return network.to(dtype)


def windows_of(case: dict[str, Any], dtype: torch.dtype) -> Tensor:
    """A case's frames as a batch of windows."""
    frames = torch.from_numpy(case["frames"]).to(dtype)
    if "indices" in case:
        return frames[torch.from_numpy(case["indices"])]
    return frames if frames.ndim == 5 else frames[None]


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("name, case_name", [("edvr_m", "five_32x48"), ("edvr_l", "seven_24x32")])
def test_every_stage_is_the_published_one(
    name: str, case_name: str, dtype: torch.dtype, tolerance: float
) -> None:
    network, case = golden_network(name, dtype), load_case(name, case_name)
    frames = windows_of(case, dtype)
    offsets: dict[str, list[Tensor]] = {}

    def watch(layer: str) -> Any:
        # The first two thirds of the channels are offsets, the others the mask.
        return lambda _, __, made: offsets.setdefault(layer, []).append(
            made[:, : 2 * made.shape[1] // 3].abs().mean()
        )

    layers = ["dcn_pack.l3", "dcn_pack.l2", "dcn_pack.l1", "cas_dcnpack"]
    for layer in layers:
        network.pcd_align.get_submodule(f"{layer}.conv_offset").register_forward_hook(watch(layer))
    features = [network.features(frame) for frame in frames.unbind(1)]
    aligned = [network.pcd_align(one, features[network.frames // 2]) for one in features]
    made: dict[str, Tensor] = {
        "out": network.restore(features, frames[:, network.frames // 2])[0],
        "aligned": torch.cat(aligned)[:, ::16],
        "fused": network.fusion(aligned)[0, ::16],
        "offset_abs_mean": torch.stack(
            [torch.stack(offsets[layer][: network.frames]) for layer in layers], 1
        ),
    }
    for level in range(3):
        means = [one[level].mean((2, 3)) for one in features]
        made[f"level{level + 1}_mean"] = torch.cat(means)
    for output, value in made.items():
        assert error(value, case, output) < tolerance, output


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
def test_two_clips_at_once_are_two_clips(dtype: torch.dtype, tolerance: float) -> None:
    network, case = golden_network("edvr_m", dtype), load_case("edvr_m", "batch_16x20")
    assert error(network(windows_of(case, dtype)), case, "out") < tolerance


@pytest.mark.slow
@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("name", ["edvr_m", "edvr_l"])
def test_all_golden_cases_pass_whole(
    name: str, dtype: torch.dtype, tolerance: float, shared: Path
) -> None:
    golden = shared / "golden"
    network = golden_network(name, dtype, golden)
    for case_name in case_names(name, golden):
        case = load_case(name, case_name, golden)
        if "frames" in case:
            made = network(windows_of(case, dtype))
            made = made[0] if case["frames"].ndim == 4 and "indices" not in case else made
            assert error(made, case, "out") < tolerance, case_name


@pytest.mark.parametrize("name", ["edvr_m", "edvr_l"])
def test_the_state_is_that_of_the_published_files(name: str) -> None:
    own = stvt.baselines.network(name).state_dict()
    assert [(key, list(value.shape)) for key, value in own.items()] == [*load_state(name).items()]


@pytest.mark.parametrize(
    "form, parameters",
    [
        ({}, 3_300_131),
        ({"tsa": False}, 2_996_259),
        ({"channels": 128, "frames": 7, "reconstruction_blocks": 40}, 20_699_363),
        ({"channels": 128, "reconstruction_blocks": 40}, 20_633_827),
        ({"channels": 128, "reconstruction_blocks": 40, "tsa": False}, 19_419_875),
        ({"channels": 128, "reconstruction_blocks": 40, "predeblur": True}, 23_306_851),
    ],
)
def test_the_forms_have_the_published_number_of_parameters(
    form: dict[str, Any], parameters: int
) -> None:
    with torch.device("meta"):
        network = EDVR(**form)
    assert sum(value.numel() for value in network.parameters()) == parameters


@pytest.mark.parametrize("tsa", [True, False])
def test_with_predeblur_it_enlarges(tsa: bool) -> None:
    frames = torch.rand(1, 5, 3, 16, 32)
    assert small(predeblur=True, tsa=tsa)(frames).shape == (1, 3, 64, 128)


def test_without_weights_in_the_head_it_is_bilinear() -> None:
    network, frames = small(tsa=False), torch.rand(2, 5, 3, 8, 12)
    for parameter in network.conv_last.parameters():
        torch.nn.init.zeros_(parameter)
    expected = torch.nn.functional.interpolate(frames[:, 2], scale_factor=4.0, mode="bilinear")
    torch.testing.assert_close(network(frames), expected)


def test_wrong_shapes_are_said() -> None:
    with pytest.raises(ValueError, match=r"\(B, 5, 3, h, w\), not \(1, 7, 3, 8, 8\)"):
        small()(torch.rand(1, 7, 3, 8, 8))
    with pytest.raises(ValueError, match="10x8 is not in multiples of 4"):
        small()(torch.rand(1, 5, 3, 8, 10))
    with pytest.raises(ValueError, match="odd number of frames, not 4"):
        small(frames=4)
