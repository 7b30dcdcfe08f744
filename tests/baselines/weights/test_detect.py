"""A file of weights is known by its names and shapes."""

from __future__ import annotations

import json
import re

import pytest
import torch

from stvt.baselines import network
from stvt.baselines.edvr.network import EDVR
from stvt.baselines.flow_networks import pytorch_pwc_name
from stvt.baselines.registry import NETWORKS, network_spec
from stvt.baselines.weights.detect import detect
from tests.golden_cases import GOLDEN


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_known_by_their_names_and_shapes(name: str) -> None:
    with torch.device("meta"):
        state = network_spec(name).build(name).state_dict()
    assert detect(state) == re.sub(
        "-wo-d$|-unaligned$|-mean$|-reds$", "", name
    )  # as far as a state shows
    state.popitem()
    state["another"] = torch.zeros(1)
    assert detect(state) is None


@pytest.mark.parametrize("who", ["original_2019", "mmagic"])
def test_edvr_is_known_under_all_its_publishers_names(who: str) -> None:
    chosen = json.loads((GOLDEN / "edvr_m" / "aliases.json").read_text())[who]
    with torch.device("meta"):
        states = {"edvr-m": EDVR().state_dict(), "edvr": EDVR(channels=128).state_dict()}
        only_deblurs = EDVR(predeblur=True).state_dict()
        only_deblurs["predeblur.stride_conv_hr1.weight"] = torch.zeros(64, 64, 3, 3)
    for name, state in states.items():
        assert (
            detect({chosen[key].removeprefix("generator."): value for key, value in state.items()})
            == name
        )
        assert detect(state) == name
    assert detect(only_deblurs) is None


def test_pwc_net_is_known_under_the_names_of_pytorch_pwc() -> None:
    with torch.device("meta"):
        own = network("pwcnet").state_dict()
    words = ("", "One", "Two", "Thr", "Fou", "Fiv", "Six")
    theirs = {}
    for level in range(1, 7):
        for place, end in enumerate(("aa", "a", "b") if level == 6 else ("a", "aa", "b")):
            theirs[f"conv{level}{end}.0"] = f"moduleExtractor.module{words[level]}.{2 * place}"
        for k in range(5):
            theirs[f"conv{level}_{k}.0"] = f"module{words[level]}.module{words[k + 1]}.0"
        theirs[f"predict_flow{level}"] = f"module{words[level]}.moduleSix.0"
        theirs[f"deconv{level + 1}"] = f"module{words[level]}.moduleUpflow"
        theirs[f"upfeat{level + 1}"] = f"module{words[level]}.moduleUpfeat"
    for k in range(1, 8):
        theirs[f"dc_conv{k}" + (".0" if k < 7 else "")] = f"moduleRefiner.moduleMain.{2 * k - 2}"
    state = {}
    for key, value in own.items():
        layer, kind = key.rsplit(".", 1)
        if layer != "deconv2":  # which they left out
            state[f"{theirs[layer]}.{kind}"] = value
    assert [pytorch_pwc_name(key) for key in state] == [k for k in own if "deconv2" not in k]
    assert detect(state) == "pwcnet"
