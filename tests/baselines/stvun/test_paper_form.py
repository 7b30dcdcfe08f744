"""STVUN as the paper writes it is the network of before."""

import pytest
import torch

from stvt.baselines.flow_networks.light import LightFlow
from stvt.baselines.stvun import network as before
from stvt.baselines.stvun import paper_network as paper
from stvt.baselines.weights.load import initialise


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"efst": False},
        {"decoder_to_time": False},
        {"scale": 3, "aligned": True},
    ],
)
@torch.inference_mode()
def test_it_is_the_network_of_before(options: dict[str, bool]) -> None:
    made = []
    for module in (before, paper):
        light = LightFlow() if options.get("aligned") else None
        network = module.STVUN(width=16, flow=light, **options).double().eval()
        initialise(network)
        made.append(network)
    assert list(made[0].state_dict()) == list(made[1].state_dict())
    made[1].load_state_dict(made[0].state_dict())
    generator = torch.Generator().manual_seed(0)
    frames = 2 * torch.rand(2, 7, 3, 16, 32, generator=generator, dtype=torch.float64) - 1
    old, new = (network(frames, [0.25, 0.75]) for network in made)
    assert (old - new).abs().max() < 1e-12 * old.abs().max()
    if options.get("efst", True):
        old, new = (network.confidence(frames) for network in made)
        assert (old - new).abs().max() < 1e-12
