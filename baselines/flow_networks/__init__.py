"""Optical flow networks: PWC-Net (Sun et al., CVPR 2018), and a light one for the compact STVUN."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..spec import Checkpoint, NetworkSpec

NUMBERS = {name: k for k, name in enumerate(("One", "Two", "Thr", "Fou", "Fiv", "Six"), 1)}


def pytorch_pwc_name(name: str) -> str:
    """The name here of what pytorch-pwc calls `name`; others' names stay.

    >>> pytorch_pwc_name("moduleExtractor.moduleSix.2.bias"), pytorch_pwc_name("conv1a.0.bias")
    ('conv6a.0.bias', 'conv1a.0.bias')
    >>> pytorch_pwc_name("netTwo.netUpfeat.weight"), pytorch_pwc_name("netSix.netFiv.0.bias")
    ('upfeat3.weight', 'conv6_4.0.bias')
    """
    parts = re.sub(r"\b(module|net)(?=[A-Z])", "net", name).split(".")
    kind = parts[-1]
    if parts[0] == "netExtractor" and len(parts) == 4:
        level, place = NUMBERS.get(parts[1][3:], 0), int(parts[2]) // 2
        end = ("aa", "a", "b") if level == 6 else ("a", "aa", "b")
        return f"conv{level}{end[place]}.0.{kind}"
    if parts[0] == "netRefiner" and len(parts) == 4:
        place = int(parts[2]) // 2 + 1
        return f"dc_conv{place}.{kind}" if place == 7 else f"dc_conv{place}.0.{kind}"
    level = NUMBERS.get(parts[0][3:], 0)
    if not parts[0].startswith("net") or not level or len(parts) < 3:
        return name
    if parts[1] in ("netUpflow", "netUpfeat"):
        return f"{'deconv' if parts[1] == 'netUpflow' else 'upfeat'}{level + 1}.{kind}"
    layer = NUMBERS.get(parts[1][3:], 0)
    return f"predict_flow{level}.{kind}" if layer == 6 else f"conv{level}_{layer - 1}.0.{kind}"


def pwcnet_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state of PWC-Net, NVIDIA's or pytorch-pwc's, under the names here."""
    return {pytorch_pwc_name(key): value for key, value in state.items()}


SPEC = NetworkSpec(
    name="pwcnet",
    kind="flow",
    scales=(1,),
    summary="PWC-Net, from which the flow network of STVUN starts",
    network="flow_networks.pwcnet:PWCNet",
    rename=pwcnet_names,
    optional_keys=r"^deconv2\.",
    probe=lambda pattern, _: tuple(pattern(2, 1, 3, 64, 64)),
    multiple=64,
    checkpoints={
        "pwcnet": Checkpoint(
            network="pwcnet",
            file="pwc_net.pth.tar",
            page="https://github.com/NVlabs/PWC-Net",
            about=38_000_000,
            licence="CC BY-NC-SA 4.0 (NVIDIA)",
            terms="non-commercial use only; name NVIDIA; share what you derive alike",
            sources=(
                "https://raw.githubusercontent.com/NVlabs/PWC-Net/master/PyTorch/pwc_net.pth.tar",
                "https://github.com/NVlabs/PWC-Net/raw/master/PyTorch/pwc_net.pth.tar",
            ),
        )
    },
)
