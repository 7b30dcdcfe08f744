"""RIFE's network: every stage is the published one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

import stvt.baselines
from stvt.baselines.rife.network import RIFE
from tests.golden_cases import (
    GOLDEN,
    Arrays,
    case_names,
    error,
    filled,
    load_case,
    load_facts,
    tensors,
)

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def golden_network(dtype: torch.dtype) -> RIFE:
    network = stvt.baselines.network("rife")
    assert isinstance(network, RIFE)
    network.load_state_dict(tensors(filled("rife")))
    return network.to(dtype)


def outputs(network: RIFE, case: Arrays, dtype: torch.dtype) -> Tensor:
    """The frames of a case at all of its times, along an axis before the colours."""
    first, second = torch.from_numpy(case["images"]).to(dtype).unbind(-4)
    batched = first if first.ndim == 4 else first[None]
    others = second if second.ndim == 4 else second[None]
    made = torch.stack([network(batched, others, float(t)) for t in case["times"]], 1)
    return made if first.ndim == 4 else made[0]


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
@pytest.mark.parametrize("name", case_names("rife"))
def test_frames_of_any_size_and_time_are_the_published_ones(
    name: str, dtype: torch.dtype, tolerance: float
) -> None:
    case = load_case("rife", name)
    assert error(outputs(golden_network(dtype), case, dtype), case, "out") < tolerance


@pytest.mark.parametrize("dtype, tolerance", PRECISIONS)
def test_flows_and_mask_are_the_published_ones_after_every_block(
    dtype: torch.dtype, tolerance: float
) -> None:
    network, case = golden_network(dtype), load_case("rife", "times_64x64")
    I = torch.from_numpy(case["images"]).to(dtype).unsqueeze(1).unbind(0)
    found = network.flow(I, [network.encode(I_k) for I_k in I], 0.5)
    flow, mask = found[-1]
    means = torch.stack([F.abs().mean((0, 2, 3)) for F, _ in found])
    assert error(means, case, "flow_abs_mean") < tolerance
    assert error(flow[0], case, "flow") < tolerance
    assert error(mask[0], case, "mask") < tolerance


def test_the_whole_published_cases_too(shared: Path) -> None:
    network = golden_network(torch.float64)
    for name in case_names("rife", shared / "golden"):
        case = load_case("rife", name, shared / "golden")
        assert error(outputs(network, case, torch.float64), case, "out") < 1e-4, name


def test_it_has_the_published_number_of_parameters() -> None:
    network = stvt.baselines.network("rife")
    assert sum(p.numel() for p in network.parameters()) == 5_664_776
    assert load_facts("rife", GOLDEN)["parameters"] == 5_664_776
