"""EDVR, video restoration with enhanced deformable convolutions (Wang et al., CVPR workshops 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..spec import Checkpoint, NetworkSpec, Variant, load


def form_in(state: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the EDVR that a state is of: frames, blocks, TSA, pre-deblur.

    Raises ValueError if it is of none, or of a variant of other width.
    """
    form: dict[str, Any] = load("edvr.checkpoint_names:architecture_of")(state)
    channels = variant.get("channels", 64)
    if form["channels"] != channels:
        raise ValueError(f"it has {form['channels']} channels, not {channels}")
    return form


def _basicsr(
    network: str, file: str, drive: str, about: int, degradation: str = "BI"
) -> Checkpoint:
    return Checkpoint(
        network=network,
        file=file,
        page="https://github.com/XPixelGroup/BasicSR/blob/master/scripts/"
        "download_pretrained_models.py",
        about=about,
        licence="none of their own (the code's is Apache-2.0)",
        terms="the licence of BasicSR",
        sources=(f"https://drive.google.com/file/d/{drive}",),
        sha256=file.removesuffix(".pth")[-8:],
        degradation=degradation,
    )


SPEC = NetworkSpec(
    name="edvr",
    kind="spatial",
    scales=(4,),
    summary="EDVR, 128 channels, 40 blocks",
    network="edvr.network:EDVR",
    method="edvr.method:EdvrMethod",
    variants={
        "edvr": Variant(  # as trained on Vimeo-90K, STVUN's comparison
            "EDVR, 128 channels, 40 blocks",
            partial(dict, channels=128, frames=7, reconstruction_blocks=40),
            ("space",),
        ),
        "edvr-m": Variant(
            "EDVR, 64 channels, 10 blocks",
            partial(dict, channels=64, frames=5, reconstruction_blocks=10),
            ("space",),
        ),
        "edvr-s": Variant(
            "EDVR, 24 channels; its weights come with stvt",
            partial(
                dict,
                channels=24,
                frames=7,
                groups=4,
                extract_blocks=2,
                reconstruction_blocks=6,
                large_channels=24,
            ),
            ("space",),
        ),
    },
    losses="edvr.losses:EdvrLosses",
    init_weights="edvr.losses:init_weights",
    rename="edvr.checkpoint_names:canonical_names",
    arguments_of=form_in,
    key_prefix="pcd_align",
    probe=lambda pattern, network: (pattern(1, network.frames, 3, 16, 16),),
    multiple=4,
    profile={
        "features and pyramids": ("features",),
        "alignment": ("pcd_align",),
        "fusion": ("fusion",),
    },
    rest="reconstruction",
    checkpoints={
        "edvr": _basicsr(
            "edvr",
            "EDVR_L_x4_SR_Vimeo90K_official-162b54e4.pth",
            "1aVR3lkX6ItCphNLcT7F5bbbC484h4Qqy",
            83_000_000,
        ),
        "edvr-reds": _basicsr(
            "edvr",
            "EDVR_L_x4_SR_REDS_official-9f5f5039.pth",
            "127KXEjlCwfoPC1aXyDkluNwr9elwyHNb",
            83_000_000,
        ),
        "edvr-reds-blur": _basicsr(
            "edvr",
            "EDVR_L_x4_SRblur_REDS_official-983d7b8e.pth",
            "1GZz_87ybR8eAAY3X2HWwI3L6ny7-5Yvl",
            93_000_000,
            "BI of blurred frames",
        ),
        "edvr-m": _basicsr(
            "edvr-m",
            "EDVR_M_x4_SR_REDS_official-32075921.pth",
            "1dd6aFj-5w2v08VJTq5mS9OFsD-wALYD6",
            13_000_000,
        ),
    },
)
