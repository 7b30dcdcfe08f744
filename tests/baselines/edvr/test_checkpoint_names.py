"""The names and architectures of the published checkpoints of EDVR."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from stvt.baselines.edvr.alignment import TSA
from stvt.baselines.edvr.checkpoint_names import (
    architecture_of,
    canonical_name,
    canonical_names,
)
from stvt.baselines.edvr.network import EDVR
from stvt.baselines.errors import MethodError
from stvt.baselines.factory import build
from stvt.baselines.method import Settings
from tests.builders.small_edvr import SMALL, small
from tests.golden_cases import GOLDEN, filled, load_state, tensors


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.mark.parametrize("who", ["original_2019", "mmagic"])
def test_names_of_others_are_translated(who: str) -> None:
    aliases = json.loads((GOLDEN / "edvr_m" / "aliases.json").read_text())[who]
    assert list(aliases) == list(load_state("edvr_m"))
    assert {own: canonical_name(other) for own, other in aliases.items()} == {
        own: own for own in aliases
    }


@pytest.mark.parametrize("name", ["edvr_m", "edvr_l"])
def test_all_names_of_others_are_translated(name: str, shared: Path) -> None:
    aliases = json.loads((shared / "golden" / name / "aliases.json").read_text())
    for others in aliases.values():
        assert [canonical_name(other) for other in others.values()] == list(others)
    assert [canonical_name(own) for own in load_state(name)] == list(load_state(name))


PREDEBLUR = [
    *("conv_first", "stride_conv_hr1", "stride_conv_hr2", "stride_conv_l2", "stride_conv_l3"),
    *("resblock_l3.conv1", "resblock_l3.conv2"),
    *(f"resblock_l2_{n}.conv{m}" for n in (1, 2) for m in (1, 2)),
    *(f"resblock_l1.{n}.conv{m}" for n in range(5) for m in (1, 2)),
]


def test_the_release_s_predeblur_is_translated() -> None:
    theirs = [
        "pre_deblur.conv_first_1",
        "pre_deblur.conv_first_2",
        "pre_deblur.conv_first_3",
        "pre_deblur.deblur_L2_conv",
        "pre_deblur.deblur_L3_conv",
        "pre_deblur.RB_L3_1.conv1",
        "pre_deblur.RB_L3_1.conv2",
        *(f"pre_deblur.RB_L2_{n}.conv{m}" for n in (1, 2) for m in (1, 2)),
        *(f"pre_deblur.RB_L1_{n}.conv{m}" for n in (1, 2, 3, 4, 5) for m in (1, 2)),
    ]
    own = [f"{layer}.{kind}" for layer in PREDEBLUR for kind in ("weight", "bias")]
    names = [canonical_name(f"{name}.{kind}") for name in theirs for kind in ("weight", "bias")]
    assert names == [f"predeblur.{name}" for name in own]
    assert canonical_name("pre_deblur.conv_first.bias") == "predeblur.conv_first.bias"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"frames": 7, "tsa": False},
        {"predeblur": True, "extract_blocks": 2},
    ],
)
def test_a_state_tells_its_form(form: dict[str, Any]) -> None:
    assert architecture_of(small(**form).state_dict()).items() >= (SMALL | form).items()


def saved(file: Path, content: Any) -> Settings:
    torch.save(content, file)
    return Settings(weights={"edvr-m": file})


@pytest.mark.parametrize("who", ["BasicSR", "original_2019", "mmagic"])
def test_the_files_of_all_three_publishers_load(who: str, tmp_path: Path) -> None:
    state = tensors(filled("edvr_m"))
    content: Any = {"params": state}
    if who != "BasicSR":
        aliases = json.loads((GOLDEN / "edvr_m" / "aliases.json").read_text())[who]
        content = {aliases[name]: value for name, value in state.items()}
    if who == "mmagic":
        content = {"state_dict": content | {"step_counter": torch.zeros(1)}, "meta": {}}
    method = build("edvr-m", saved(tmp_path / "m.pth", content))
    (network,) = method.networks()
    assert len(method.weights) == 64
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)


def test_the_file_says_what_is_read_and_fused(tmp_path: Path) -> None:
    network = EDVR(64, frames=3, extract_blocks=1, reconstruction_blocks=1, tsa=False)
    method = build("edvr-m", saved(tmp_path / "m.pth", network.state_dict()))
    assert method.support(0, ()) == (1, 1)
    assert not isinstance(network.fusion, TSA)


@pytest.mark.parametrize(
    "state, said",
    [
        (
            lambda: small().state_dict(),
            "edvr-m: .* is of another network; it has 8 channels, not 64",
        ),
        (lambda: {"conv.weight": torch.zeros(3)}, "is of another network; not a state of EDVR"),
        (
            lambda: (
                EDVR(64, 3, 8, 1, 1, predeblur=True).state_dict()
                | {"predeblur.stride_conv_hr1.weight": torch.zeros(64, 64, 3, 3)}
            ),
            "only deblurs",
        ),
        (
            lambda: EDVR(64, 3, 8, 1, 1).state_dict() | {"more.bias": torch.zeros(3)},
            "1 unexpected: more.bias",
        ),
    ],
)
def test_a_file_of_something_else_is_refused(state: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(MethodError, match=said):
        build("edvr-m", saved(tmp_path / "m.pth", state()))


def test_a_state_survives_its_translation() -> None:
    state = small().state_dict()
    assert canonical_names(state).keys() == state.keys()
