"""RSTT's network: every stage is the published one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import stvt.baselines
from stvt.baselines.rstt.attention import shift_mask
from stvt.baselines.rstt.network import RSTT
from tests.golden_cases import Arrays, case_names, error, filled, load_case, load_facts, tensors

SIZES = {"rstt_s": 4_485_275, "rstt_m": 6_079_895, "rstt_l": 7_674_515}
CLIPS = [(size, name) for size in SIZES for name in case_names(size) if name != "blocks"]


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def golden_network(name: str, dtype: torch.dtype) -> RSTT:
    network = stvt.baselines.network(name)
    assert isinstance(network, RSTT)
    values = tensors(filled(name))
    kernels = {key: value for key, value in values.items() if not key.endswith("position_index")}
    network.load_state_dict(network.state_dict() | kernels)
    return network.to(dtype)


def clip_case(size: str, name: str) -> Arrays:
    case = load_case(size, name)
    return case | {"out.step": case["step"]}


@pytest.mark.parametrize(
    "size, name, dtype, tolerance",
    [
        *((size, name, torch.float64, 1e-4) for size, name in CLIPS),
        ("rstt_s", "four_25x28", torch.float32, 1e-3),
    ],
)
def test_clips_and_every_stage_are_the_published_ones(
    size: str, name: str, dtype: torch.dtype, tolerance: float
) -> None:
    network, case = golden_network(size, dtype), clip_case(size, name)
    frames = torch.from_numpy(case["frames"]).to(dtype)
    means: dict[str, Tensor] = {}

    def watch(stage: str) -> Any:
        return lambda _, __, made: means.update({stage: made.mean((2, 3))})

    for k in range(4):
        network.encoder_layers[k].register_forward_hook(watch(f"encoder_{k}"))
        network.decoder_layers[k].register_forward_hook(watch(f"decoder_{k}"))
    made = network(frames if frames.ndim == 5 else frames[None])
    assert error(made if frames.ndim == 5 else made[0], case, "out") < tolerance
    for stage, mean in means.items():
        if stage in case:
            assert error(mean[0], case, stage) < tolerance, stage


def test_blocks_masks_and_indices_are_the_published_ones() -> None:
    network, case = golden_network("rstt_s", torch.float64), load_case("rstt_s", "blocks")
    x, q, kv = (torch.from_numpy(case[name]).double() for name in ("x", "q", "kv"))
    encoder: Any = network.encoder_layers[1].get_submodule("blocks.1")
    decoder: Any = network.decoder_layers[2].get_submodule("blocks.1")
    assert error(encoder(x), case, "block") < 1e-4
    assert error(decoder(q, kv), case, "decoded") < 1e-4
    mask = shift_mask(8, 8, (2, 2))
    assert error(mask.repeat(1, 4, 4), case, "mask") == 0
    assert error(mask.repeat(1, 7, 4), case, "mask_cross") == 0
    for attention, name in (
        (encoder.attn, "index"),
        (decoder.attn1, "index_self"),
        (decoder.attn2, "index_cross"),
    ):
        assert error(attention.relative_position_index, case, name) == 0


@pytest.mark.parametrize("name", SIZES)
def test_it_has_the_published_number_of_parameters(name: str) -> None:
    with torch.device("meta"):
        network = stvt.baselines.network(name)
    assert sum(p.numel() for p in network.parameters()) == SIZES[name]
    assert load_facts(name)["parameters"] == SIZES[name]


@pytest.mark.parametrize(
    "shape, said",
    [
        ((1, 3, 3, 32, 32), r"frames are \(B, 4, 3, h, w\), not \(1, 3, 3, 32, 32\)"),
        ((1, 4, 3, 24, 40), "40x24 is smaller than 25 pixels"),
    ],
)
def test_what_it_cannot_take_is_said(shape: tuple[int, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        stvt.baselines.network("rstt_s")(torch.zeros(shape))
