"""RSTT, the real-time spatial temporal transformer for space-time super-resolution (Geng et al., CVPR 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..spec import Checkpoint, NetworkSpec, Variant

PAGE = "https://github.com/llmpass/RSTT"
TREE = (
    "https://raw.githubusercontent.com/llmpass/RSTT/44c97822f0f59aae98d47cb0fcae17fe90b78277/"
    "checkpoints/"
)
BLOCKS = {"s": 4, "m": 6, "l": 8}  # of each stage


def blocks_in(state: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing beside the variant's own; ValueError if the state has other blocks."""
    numbers = {key.split(".")[3] for key in state if key.startswith("encoder_layers.0.blocks.")}
    if len(numbers) != variant["blocks"]:
        raise ValueError(f"it has {len(numbers)} blocks a stage, not {variant['blocks']}")
    return {}


def _checkpoint(size: str, step: int, about: int, git_blob: str) -> Checkpoint:
    file = f"f96d{BLOCKS[size]}w4h24816Ushape0res_{step}.pth"
    return Checkpoint(
        network=f"rstt-{size}",
        file=file,
        page=PAGE,
        about=about,
        licence="none stated apart (repository: CC BY-NC-SA 4.0 by its README)",
        terms="non-commercial use only (CC BY-NC-SA 4.0); anything commercial needs the authors' "
        "formal permission first",
        sources=(f"{TREE}RSTT-{size.upper()}/{file}",),
        degradation="BI",
        git_blob=git_blob,
    )


SPEC = NetworkSpec(
    name="rstt",
    kind="space-time",
    scales=(4,),
    summary="RSTT, a transformer, clips of 4 frames to 7",
    network="rstt.network:RSTT",
    method="rstt.method:RsttMethod",
    variants={
        f"rstt-{size}": Variant(
            f"RSTT, {blocks} blocks a stage, clips of 4 frames to 7", partial(dict, blocks=blocks)
        )
        for size, blocks in BLOCKS.items()
    },
    arguments_of=blocks_in,
    key_prefix="encoder_layers.",
    probe=lambda pattern, _: (pattern(1, 4, 3, 25, 28),),
    profile={
        "encoders": ("encode",),
        "decoders": ("decode",),
        "reconstruction": ("restore",),
    },
    rest="enlarging",
    checkpoints={
        "rstt-s": _checkpoint("s", 1690000, 21_000_000, "0f91475c986f508c811e866ee76a3841c719d4fc"),
        "rstt-m": _checkpoint("m", 1922000, 28_900_000, "09984729db149ebf5046fe95457c087f077b56cc"),
        "rstt-l": _checkpoint("l", 1610000, 36_800_000, "6c4ff5616b64d65ef838512b2bdb4a882f48db3f"),
    },
)
