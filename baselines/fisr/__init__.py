"""FISR, joint frame interpolation and super-resolution by two (Kim et al., AAAI 2020)."""

from __future__ import annotations

from ..spec import Checkpoint, NetworkSpec

SPEC = NetworkSpec(
    name="fisr",
    kind="space-time",
    scales=(2,),
    summary="joint network for x2 and x2",
    network="fisr.network:FISR",
    method="fisr.method:FisrMethod",
    parts=("fisr_pwcnet",),  # published apart
    init_weights="fisr.method:quieten",
    key_prefix="level_1.",
    convert="fisr.convert:convert",
    probe=lambda pattern, _: (pattern(1, 29, 32, 32),),
    multiple=32,
    rest="colours and warping",
    checkpoints={
        "fisr": Checkpoint(
            network="fisr",
            file="fisr.safetensors",
            page="https://github.com/JihyongOh/FISR",
            about=193_000_000,
            licence="none stated (only the README's terms)",
            terms="free for research and education only; any commercial use needs the authors' "
            "formal permission first",
            sources=("https://www.dropbox.com/s/hfzzddfocmmazso/FISRnet_exp1.zip?dl=1",),
            archive="FISRnet_exp1.zip",
            by_hand="get FISRnet_exp1.zip and type `stvt weights convert fisr CHECKPOINT`, for "
            "CHECKPOINT that file",
        )
    },
)

FLOW_SPEC = NetworkSpec(
    name="fisr_pwcnet",
    kind="flow",
    scales=(1,),
    summary="the flow network of FISR",
    network="fisr.pwcnet:FISRPWCNet",
    key_prefix="up_flow",
    convert="fisr.convert:convert",
    probe=lambda pattern, _: tuple(pattern(2, 1, 3, 64, 64)),
    multiple=64,
    profile={"flow": ("pyramid", "flows")},
    rest="colours and warping",
    checkpoints={
        "fisr_pwcnet": Checkpoint(
            network="fisr_pwcnet",
            file="fisr_pwcnet.safetensors",
            page="https://github.com/philferriere/tfoptflow",
            about=56_000_000,
            licence="none stated (code: MIT)",
            terms="the licence of tfoptflow",
            by_hand="get the three files pwcnet.ckpt-595000.* of pwcnet-lg-6-2-multisteps-"
            "chairsthingsmix (http://bit.ly/tfoptflow, a Google Drive folder) and type `stvt "
            "weights convert fisr_pwcnet pwcnet.ckpt-595000`",
        )
    },
)
