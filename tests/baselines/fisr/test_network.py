from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stvt.baselines.factory import build
from stvt.baselines.fisr.convert import from_tensorflow
from stvt.baselines.fisr.method import FisrMethod
from stvt.baselines.fisr.network import FISR
from stvt.baselines.fisr.pwcnet import FISRPWCNet, enlarged, warp_against
from stvt.baselines.flow_networks.pwcnet import costs
from stvt.baselines.method import Settings
from tests.golden_cases import GOLDEN, error, filled, load_case, load_facts

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]


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


def double(array: Any) -> Tensor:
    return torch.from_numpy(array).double()


# The networks


def outputs(network: nn.Module, watched: dict[str, str], *inputs: Tensor) -> dict[str, Tensor]:
    """What the modules of a network give on the way: name in a case -> every channel."""
    found: dict[str, Tensor] = {}
    hooks = [
        network.get_submodule(module).register_forward_hook(
            lambda _, __, made, name=name: found.update({name: made[0]})
        )
        for name, module in watched.items()
    ]
    network(*inputs)
    for hook in hooks:
        hook.remove()
    return found


def window_agrees(network: FISR, name: str, golden: Path, dtype: torch.dtype, limit: float) -> None:
    case = load_case("fisr", name, golden)
    window = torch.from_numpy(case["input"]).to(dtype)[None]
    watched = {}
    for level in (1, 2, 3):
        scope = f"level_{level}"
        for e in range(3):
            watched[f"level{level}_enc{e}"] = f"{scope}.enc.level_{e}"
            watched[f"level{level}_dec{e}"] = f"{scope}.dec.level_{e}"
        watched[f"level{level}_bottleneck"] = f"{scope}.bottleneck"
        watched[f"level{level}_fi_shuffled"] = f"{scope}.fi_sr.shuffle"
        watched[f"level{level}_sr_shuffled"] = f"{scope}.sr.shuffle"
        watched[f"out_level{level}"] = scope
    found = outputs(network.to(dtype), watched, window)
    assert error(network(window)[0], case, "out") < limit
    for output, made in found.items():
        if output.startswith("out"):
            made = made.view(3, 3, *made.shape[1:])
        else:
            made = made[:: 32 if output.startswith("level3_") and "shuffled" in output else 16]
        if output in case:
            assert error(made, case, output) < limit, output


@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
def test_the_frames_and_every_stage_are_the_published_ones(
    network: FISR, dtype: torch.dtype, limit: float
) -> None:
    window_agrees(network, "window_32x64", GOLDEN, dtype, limit)


@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
@pytest.mark.parametrize("name", ["window_32x64", "window_64x96"])
def test_the_whole_windows_agree(
    network: FISR, shared: Path, name: str, dtype: torch.dtype, limit: float
) -> None:
    window_agrees(network, name, shared / "golden", dtype, limit)


@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
def test_the_flow_between_frames_of_odd_size_is_the_published_one(
    flow_network: FISRPWCNet, dtype: torch.dtype, limit: float
) -> None:
    case = load_case("fisr_pwcnet", "pad_100x150")
    first, second = torch.from_numpy(case["images"]).to(dtype).div(255)[:, None]
    assert error(flow_network.to(dtype)(first, second)[0], case, "flow") < limit


@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
def test_the_whole_cases_of_the_flow_network_agree(
    flow_network: FISRPWCNet, shared: Path, dtype: torch.dtype, limit: float
) -> None:
    case = load_case("fisr_pwcnet", "pad_100x150", shared / "golden")
    first, second = torch.from_numpy(case["images"]).to(dtype).div(255)[:, None]
    assert error(flow_network.to(dtype)(first, second)[0], case, "flow") < limit
    case = load_case("fisr_pwcnet", "pair_128x192", shared / "golden")
    first, second = torch.from_numpy(case["images"]).to(dtype)[:, None]
    watched = {f"refinement{level}": f"dc_conv{level}7" for level in range(2, 7)}
    watched |= {f"up_flow{level}": f"up_flow{level}" for level in range(3, 7)}
    watched |= {f"up_features{level}": f"up_feat{level}" for level in range(3, 7)}
    found = outputs(flow_network, watched, first, second)
    pyramids = [flow_network.pyramid(image) for image in (first, second)]
    found |= {"first_level6": pyramids[0][4][0], "second_level6": pyramids[1][4][0]}
    found |= {"first_level4": pyramids[0][2][0, ::16], "first_level2": pyramids[0][0][0, ::16]}
    found["cost6"] = costs(pyramids[0][4], pyramids[1][4])[0]
    flows = flow_network.flows(*pyramids)
    found |= {f"flow{level}": flow[0] for level, flow in enumerate(flows, 2)}
    found["flow"] = flow_network(first, second)[0]
    assert torch.equal(found["flow"], enlarged(flows[0])[0])
    for output, made in found.items():
        assert error(made, case, output) < limit, output


def test_the_flow_networks_operators_are_the_published_ones(flow_network: FISRPWCNet) -> None:
    case = {key: double(array) for key, array in load_case("fisr_pwcnet", "operators").items()}
    expected = {key: value.numpy() for key, value in case.items()}
    first, second, flow = (case[key][None] for key in ("first", "second", "flow"))
    assert error(warp_against(second, flow)[0], expected, "warped") < 1e-4
    assert error(costs(first, second)[0], expected, "cost") < 1e-4
    kernel = case["kernel"].permute(3, 2, 0, 1)
    pad, conv = nn.functional.pad, nn.functional.conv2d
    strided = conv(pad(first[..., :10, :12], (0, 1, 0, 1)), kernel, case["bias"], 2)
    assert error(strided[0], expected, "strided") < 1e-4
    dilated = conv(first, kernel, case["bias"], padding=4, dilation=4)
    assert error(dilated[0], expected, "dilated") < 1e-4
    kernel = case["kernel_transposed"].permute(3, 2, 0, 1)
    larger = nn.functional.conv_transpose2d(first, kernel, case["bias_transposed"], 2, 1)
    assert error(larger[0], expected, "transposed") < 1e-4


@pytest.mark.parametrize(
    ("name", "made"), [("fisr", FISR), ("fisr_pwcnet", FISRPWCNet)], ids=["FISR", "PWC-Net"]
)
def test_the_parameters_are_as_many_as_published(name: str, made: type[nn.Module]) -> None:
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in made().parameters())
    assert count == load_facts(name)["parameters"]


def test_windows_of_another_size_are_refused(untrained: FisrMethod) -> None:
    with pytest.raises(ValueError, match="29, 32 m, 32 n"):
        untrained.network(torch.zeros(1, 29, 32, 40))
