from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stvt.baselines.flow_networks.pwcnet import PWCNet
from tests.golden_cases import (
    GOLDEN,
    case_names,
    error,
    filled,
    load_case,
    load_facts,
    load_state,
    tensors,
)

PRECISIONS = [(torch.float64, 1e-4), (torch.float32, 1e-3)]


@pytest.fixture(scope="module")
def networks() -> dict[str, PWCNet]:
    made = {"zero": PWCNet("zero"), "border": PWCNet("border")}
    for network in made.values():
        network.load_state_dict(tensors(filled("pwcnet")))
        network.eval()
    return made


def agree(networks: dict[str, PWCNet], name: str, golden: Path, dtype: torch.dtype) -> float:
    case = load_case("pwcnet", name, golden)
    images = torch.from_numpy(case["images"]).to(dtype)
    first, second = images.reshape(-1, *images.shape[-4:]).unbind(1)
    pair = networks["zero"].to(dtype)
    with torch.inference_mode():
        flows = pair.flows(pair.pyramid(first), pair.pyramid(second))
        found = {f"flow{level}": flow for level, flow in enumerate(flows, 2)}
        found["border_flow2"] = networks["border"].to(dtype)(first, second)
        assert torch.equal(pair(first, second), found["flow2"])
    return max(
        error(flow.reshape(case[output].shape), case, output) for output, flow in found.items()
    )


@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
@pytest.mark.parametrize("name", ["pair_128x64", "negative_correlation_64x128"])
def test_the_flows_of_all_levels_are_the_published_ones(
    networks: dict[str, PWCNet], name: str, dtype: torch.dtype, limit: float
) -> None:
    assert agree(networks, name, GOLDEN, dtype) < limit


@pytest.mark.parametrize(("dtype", "limit"), PRECISIONS)
def test_the_whole_golden_cases_agree(
    networks: dict[str, PWCNet], shared: Path, dtype: torch.dtype, limit: float
) -> None:
    golden = shared / "golden"
    for name in case_names("pwcnet", golden):
        if name != "operators":
            assert agree(networks, name, golden, dtype) < limit, name


def test_the_state_is_that_of_the_published_checkpoint() -> None:
    state = {key: list(value.shape) for key, value in PWCNet().state_dict().items()}
    assert list(state.items()) == list(load_state("pwcnet").items())
    count = sum(parameter.numel() for parameter in PWCNet().parameters())
    assert count == load_facts("pwcnet")["parameters"] == 9_374_340


def test_sizes_that_do_not_halve_six_times_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 64"):
        PWCNet()(torch.zeros(1, 3, 64, 100), torch.zeros(1, 3, 64, 100))
