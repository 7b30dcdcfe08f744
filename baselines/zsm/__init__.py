"""Zooming Slow-Mo, space-time super-resolution in one stage (Xiang et al., CVPR 2020)."""

from __future__ import annotations

from ..spec import Checkpoint, NetworkSpec

PAGE = "https://github.com/Mukosame/Zooming-Slow-Mo-CVPR-2020"
TREE = (
    "https://raw.githubusercontent.com/Mukosame/Zooming-Slow-Mo-CVPR-2020/"
    "a053e08bb0bb5509f634b523256718f502637667/"
)

SPEC = NetworkSpec(
    name="zsm",
    kind="space-time",
    scales=(4,),
    summary="Zooming Slow-Mo, clips of 4 frames to 7",
    network="zsm.network:ZSM",
    method="zsm.method:ZsmMethod",
    init_weights="edvr.alignment:reset_for_training",
    key_prefix="ConvBLSTM.",
    probe=lambda pattern, _: (pattern(1, 3, 3, 8, 8),),
    multiple=4,
    profile={
        "features": ("features",),
        "interpolation": ("pcd_align", "fusion"),
        "recurrence": ("ConvBLSTM",),
        "reconstruction": ("restore",),
    },
    checkpoints={
        "zsm": Checkpoint(
            network="zsm",
            file="xiang2020zooming.pth",
            page=PAGE,
            about=44_500_000,
            licence="none stated apart (repository: GPL-3.0)",
            terms="the licence of the repository that they lie in: GPL-3.0",
            sources=(
                TREE + "experiments/pretrained_models/xiang2020zooming.pth",
                "https://drive.google.com/file/d/1xeOoZclGeSI1urY6mVCcApfCqOPgxMBK",
            ),
            degradation="BI",
            git_blob="96b6d2a9b0d54cb24ab698a871dc29277fcc7657",
        )
    },
)
