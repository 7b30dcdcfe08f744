"""EDVR, video restoration with enhanced deformable convolutions (Wang et al., CVPR workshops 2019)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..spec import Checkpoint, NetworkSpec, Variant

if TYPE_CHECKING:
    from torch import Tensor


def form_in(state: Mapping[str, Any], variant: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the EDVR that a state is of: frames, blocks, TSA, pre-deblur.

    Raises ValueError if it is of none, or of a variant of other width.
    """
    form: dict[str, Any] = architecture_of(state)
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
        licence="Apache-2.0 (code; its authors state no separate licence for the weights)",
        terms="the licence of BasicSR",
        sources=(f"https://drive.google.com/file/d/{drive}",),
        sha256=file.removesuffix(".pth")[-8:],
        degradation=degradation,
    )


# Regular expression -> replacement, applied in this order. No two publishers share a name for
# different tensors, so that the publisher of a file need not be known.
RULES: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"^generator\.", ""),
    (r"\.conv\.", "."),
    (r"^fea_L(\d)_conv|^feat_l(\d)_conv", lambda m: f"conv_l{m[1] or m[2]}_"),
    (r"^pcd_alignment\.", "pcd_align."),
    (r"\.L(\d)_offset_conv(\d)", r".offset_conv\2.l\1"),
    (r"\.L(\d)_dcnpack", r".dcn_pack.l\1"),
    (r"\.L(\d)_fea_conv", r".feat_conv.l\1"),
    (r"\.conv_offset_mask", ".conv_offset"),
    (r"^tsa_fusion\.", "fusion."),
    (r"\.tAtt_(\d)", lambda m: f".temporal_attn{3 - int(m[1])}"),  # 1 and 2 changed places
    (r"\.fea_fusion", ".feat_fusion"),
    (r"\.sAtt_L(\d)", r".spatial_attn_l\1"),
    (r"\.sAtt_add_(\d)", r".spatial_attn_add\1"),
    (r"\.sAtt_(\d)", r".spatial_attn\1"),
    (r"^recon_trunk\.", "reconstruction."),
    (r"^upsample(\d)\.upsample_conv", r"upconv\1"),
    (r"^HRconv", "conv_hr"),
    (r"^pre_deblur\.conv_first_1", "predeblur.conv_first"),
    (r"^pre_deblur\.conv_first_(\d)", lambda m: f"predeblur.stride_conv_hr{int(m[1]) - 1}"),
    (r"^pre_deblur\.deblur_L(\d)_conv", r"predeblur.stride_conv_l\1"),
    (r"^pre_deblur\.RB_L3_1", "predeblur.resblock_l3"),
    (r"^pre_deblur\.RB_L2_(\d)", r"predeblur.resblock_l2_\1"),
    (r"^pre_deblur\.RB_L1_(\d)", lambda m: f"predeblur.resblock_l1.{int(m[1]) - 1}"),
    (r"^pre_deblur\.", "predeblur."),
]


def canonical_name(name: str) -> str:
    """The name here of what BasicSR, the 2019 release or mmagic call `name`.

    >>> canonical_name("generator.pcd_alignment.feat_conv.l2.conv.bias")
    'pcd_align.feat_conv.l2.bias'
    >>> canonical_name("tsa_fusion.tAtt_1.weight")
    'fusion.temporal_attn2.weight'
    """
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    return name


def canonical_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state, whoever published it, under the names here."""
    return {canonical_name(name): tensor for name, tensor in state.items()}


def architecture_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments of the EDVR that a state, under the names here, is of.

    Raises ValueError if it is of none.
    """
    if "predeblur.stride_conv_hr1.weight" in state:
        raise ValueError("it only deblurs; take a file whose name says SR")
    try:
        channels = state["conv_l2_1.weight"].shape[0]
        tsa = "fusion.feat_fusion.weight" in state
        fusion = state["fusion.feat_fusion.weight" if tsa else "fusion.weight"]
        architecture = {
            "channels": channels,
            "frames": fusion.shape[1] // channels,
            "groups": state["pcd_align.cas_dcnpack.conv_offset.weight"].shape[0] // 27,
            "extract_blocks": _blocks(state, "feature_extraction"),
            "reconstruction_blocks": _blocks(state, "reconstruction"),
            "predeblur": "predeblur.conv_first.weight" in state,
            "tsa": tsa,
            "large_channels": state["conv_last.weight"].shape[1],
        }
    except (KeyError, IndexError) as error:
        raise ValueError(f"not a state of EDVR: {error}") from error
    if architecture["frames"] % 2 == 0:
        raise ValueError(f"not a state of EDVR: a window of {architecture['frames']} frames")
    return architecture


def _blocks(state: Mapping[str, Tensor], trunk: str) -> int:
    return sum(re.fullmatch(rf"{trunk}\.\d+\.conv1\.weight", name) is not None for name in state)


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
    rename=canonical_names,
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
