"""BasicVSR's and SPyNet's networks: every output is the published one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import stvt.baselines
from stvt.baselines.basicvsr.network import BasicVSR
from tests.golden_cases import GOLDEN, case_names, error, filled, load_case, tensors

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def golden_network(name: str, dtype: torch.dtype) -> Any:
    network = stvt.baselines.network(name)
    network.load_state_dict(tensors(filled(name)))
    return network.to(dtype)


def errors(name: str, dtype: torch.dtype, golden: Path = GOLDEN) -> dict[str, float]:
    """The error of each case of a network's."""
    network, found = golden_network(name, dtype), {}
    for case_name in case_names(name, golden):
        case = load_case(name, case_name, golden)
        if name == "spynet":
            first, second = torch.from_numpy(case["images"]).to(dtype).unbind(-4)
            output = network(*(x if x.ndim == 4 else x[None] for x in (first, second)))
            output = output[: None if first.ndim == 4 else 1]
            found[case_name] = error(output if first.ndim == 4 else output[0], case, "flow")
            continue
        frames = torch.from_numpy(case["frames"]).to(dtype)
        single = frames.ndim == 4
        output = network(frames[None] if single else frames)
        step = int(case["step"])
        thinned = (output[0] if single else output)[..., ::step, ::step]
        found[case_name] = error(thinned, case, "out")
    return found


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("name", ["spynet", "basicvsr"])
def test_every_output_is_the_published_one(name: str, dtype: torch.dtype, tolerance: float) -> None:
    found = errors(name, dtype)
    assert len(found) >= 3 and max(found.values()) < tolerance, found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spynet", "basicvsr"])
def test_all_golden_cases_pass(name: str, shared: Path) -> None:
    found = errors(name, torch.float64, shared / "golden")
    assert found and max(found.values()) < 1e-4, found


def test_the_flows_between_frames_are_the_published_ones() -> None:
    network, case = golden_network("basicvsr", torch.float64), load_case("basicvsr", "odd_33x45")
    x = torch.from_numpy(case["frames"]).double()
    assert error(network.spynet(x[1:], x[:-1]), case, "flows_forward") < 1e-4
    assert error(network.spynet(x[:-1], x[1:]), case, "flows_backward") < 1e-4


@pytest.mark.parametrize("name, parameters", [("spynet", 1_440_300), ("basicvsr", 6_291_311)])
def test_the_number_of_parameters_is_the_published_one(name: str, parameters: int) -> None:
    network = stvt.baselines.network(name)
    assert sum(value.numel() for value in network.parameters()) == parameters


@pytest.mark.parametrize("height, width", [(1, 1), (7, 32), (33, 64)])
def test_frames_of_any_size_have_a_flow_and_are_enlarged(height: int, width: int) -> None:
    frames = torch.rand(1, 2, 3, height, width)
    flow = golden_network("spynet", torch.float32)(frames[:, 0], frames[:, 1])
    assert flow.shape == (1, 2, height, width) and torch.isfinite(flow).all()
    large = BasicVSR(channels=4, blocks=1)(frames)
    assert large.shape == (1, 2, 3, 4 * height, 4 * width) and torch.isfinite(large).all()
