"""DAIN, depth-aware video frame interpolation (Bao et al., CVPR 2019)."""

from __future__ import annotations

from ..spec import Checkpoint, NetworkSpec

SPEC = NetworkSpec(
    name="dain",
    kind="temporal",
    scales=(1,),
    summary="depth-aware interpolation",
    network="dain.network:DAIN",
    method="dain.method:DainMethod",
    key_prefix="rectifyNet.",
    optional_keys=r"num_batches_tracked$|^flownets\.deconv2\.",
    extra_keys=True,  # files of whole trainings
    probe=lambda pattern, _: (*pattern(2, 1, 3, 64, 64), [0.5]),
    multiple=128,
    profile={
        "flow": ("flownets.pyramid", "flownets.flows"),
        "depth": ("depthNet",),
        "context": ("context",),
        "kernels": ("initScaleNets_filter", "initScaleNets_filter1", "initScaleNets_filter2"),
        "projection": ("project",),
        "synthesis": ("rectifyNet.block1", "rectifyNet.rest"),
    },
    rest="warping",
    checkpoints={
        "dain": Checkpoint(
            network="dain",
            file="DAIN.pth",
            page="https://github.com/baowenbo/DAIN",
            about=96_000_000,
            licence="none stated (code: MIT)",
            terms="treat as non-commercial: its flow part is fine-tuned from NVIDIA's PWC-Net "
            "(CC BY-NC-SA 4.0)",
            sources=(
                "http://vllab1.ucmerced.edu/~wenbobao/DAIN/best.pth",
                "https://vllab1.ucmerced.edu/~wenbobao/DAIN/best.pth",
            ),
        )
    },
)
