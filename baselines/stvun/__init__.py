"""STVUN, the joint space-time video upsampling network (Kang et al., ECCV 2020), and its sizes.

The compact sizes "s" and "m" are the published architecture with fewer channels, but for a few
things. The flow network, which would outweigh the rest, is a light one. The flow brings neighbouring
frames to the centre frame before they are fused: with 16 channels and hours rather than weeks of
training, fusion alone learnt to gain 0.06 dB from all six neighbours (Vid4). And it brings what
guides a new frame, the centre frame's decoded features, to its moment. "-unaligned" leaves out both,
as published. A mask joins the frames on both sides of a new one, where the published mean shows both
if one hides the place; "-mean" leaves that out. Warping is bicubic, for bilinear interpolation blurs
what it moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..spec import ANY_SCALE, Checkpoint, NetworkSpec, Pretrained, Stage, Variant

if TYPE_CHECKING:
    from torch import Tensor

SIZES = {"": 64, "-s": 16, "-m": 32}  # channels of the features
SUMMARIES = {
    "": "the joint network of the paper",
    "-s": "its weights come with stvt (x4)",
    "-m": "to be trained",
}
ABLATIONS = {
    "": "",
    "-wo-efst": "early fusion only (Table 3)",
    "-wo-d": "the new frame from EFST's features (Table 3)",
    "-w-af": "EDVR's alignment and fusion (Table 3)",
    "-unaligned": "frames fused where they are",
    "-mean": "new frames from the mean of both, as published",
}
OURS = ("-unaligned", "-mean")  # that leave out what only the compact sizes have


def arguments(size: str, ablation: str) -> dict[str, Any]:
    """The arguments of STVUN's class for a size and an ablation."""
    from ..flow_networks.light import LightFlow
    from .aligned_fusion import AlignedFusion
    from .blending_mask import BlendingMask

    width = SIZES[size]
    return {
        "efst": ablation != "-wo-efst",
        "decoder_to_time": ablation != "-wo-d",
        "fusion": AlignedFusion(width) if ablation == "-w-af" else None,
        "width": width,
        "flow": LightFlow() if size else None,
        "aligned": _is_aligned(size, ablation),
        "mask": BlendingMask(width) if size and ablation != "-mean" else None,
        "bicubic": bool(size),
        "warped_guide": _is_aligned(size, ablation),
    }


def _is_aligned(size: str, ablation: str) -> bool:
    return bool(size) and ablation not in ("-unaligned", "-w-af")


def _variant(size: str, ablation: str) -> Variant:
    """The stages: the flow network of the full size is a published one."""
    only_new = r"^mask\." if _is_aligned(size, ablation) else r"^(mask|pwcnet)\."
    stages: tuple[Stage, ...] = ("flow", "space", "joint") if size else ("space", "joint")
    channels = f"{SIZES[size]} channels, " if size else ""
    summary = ABLATIONS[ablation] or SUMMARIES[size]
    return Variant(
        f"STVUN, {channels}{summary}", partial(arguments, size, ablation), stages, only_new
    )


def form_of(state: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The scale of a state, and which of our additions to the compact sizes it is without.

    The scale shows in the last convolution: 3 outputs for each pixel of a square.
    """
    last = state.get("decoder.rconv1.weight")
    scale = 4 if last is None else round((len(last) / 3) ** 0.5)
    if scale not in ANY_SCALE:
        raise ValueError("its last convolution fits no scale")
    form: dict[str, Any] = {"scale": scale}
    for option in ("bicubic", "warped_guide"):
        form[option] = arguments[option] and option in state
    masked = any(name.startswith("mask.") for name in state)
    return form if masked else {**form, "mask": None}


def published_names(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state of today: `efst.early_fusion` was `efst.cconv` until 25 September 2020.

    And our light flow network had no preference for what is near until it learnt one.
    """
    named = {key.replace("efst.cconv.", "efst.early_fusion."): one for key, one in state.items()}
    for level in (1, 2, 3):
        sharpness = named.get(f"pwcnet.sharpness{level}")
        if sharpness is not None:
            named.setdefault(f"pwcnet.nearness{level}", 0 * sharpness)
    return named


def convert_pwcnet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """PWC-Net's weights for RGB in [-1, 1] enlarged by 4, and a flow in pixels of before that.

    Published ones are for BGR in [0, 1], and give twentieths of a pixel of what they see. The
    finest flow is the sum of two layers' outputs, which nothing else reads.
    """
    first, converted = "conv1a.0", dict(state)
    colours = state[f"{first}.weight"]
    converted[f"{first}.weight"] = colours.flip(1) / 2
    converted[f"{first}.bias"] = state[f"{first}.bias"] + colours.sum((1, 2, 3)) / 2
    for last in ("predict_flow2", "dc_conv7"):
        for kind in ("weight", "bias"):
            converted[f"{last}.{kind}"] = state[f"{last}.{kind}"] * 5  # 20 / 4
    return {key: one for key, one in converted.items() if not key.startswith("deconv2.")}


SPEC = NetworkSpec(
    name="stvun",
    kind="space-time",
    scales=ANY_SCALE,
    summary="STVUN, the joint network of the paper",
    network="stvun.network:STVUN",
    method="stvun.method:StvunMethod",
    variants={
        f"stvun{size}{ablation}": _variant(size, ablation)
        for size in SIZES
        for ablation in ABLATIONS
        if size or ablation not in OURS
    },
    losses="stvun.losses:StvunLosses",
    init_weights="stvun.losses:init_weights",
    pretrained=Pretrained(
        network="pwcnet",
        title="PWC-Net",
        role="flow network",
        part="pwcnet",
        stages=("joint",),
        convert=convert_pwcnet,
    ),
    rename=published_names,
    arguments_of=form_of,
    key_prefix="efst.",
    optional_keys=r"^pwcnet\.deconv2\.",
    probe=lambda pattern, _: (2 * pattern(1, 7, 3, 16, 16) - 1, [0.5]),
    multiple=16,
    profile={
        "encoder": ("encoder",),
        "EFST": ("fuse",),
        "decoder": ("decoder",),
        "flow": ("pyramid", "flow_of"),
    },
    rest="warping and enlarging",
    checkpoints={
        "stvun": Checkpoint(
            network="stvun",
            file="STVUN.pth",
            page="https://github.com/JaeYeonKang/STVUN-Pytorch",
            about=124_000_000,
            licence="none stated",
            terms="no permission to copy or pass on is given; its flow part derives from NVIDIA's "
            "PWC-Net, which is for non-commercial use only",
            sources=("https://drive.google.com/file/d/1fORa8I8iKpzHEin67wW06armoB3MxvTT",),
            degradation="BD",
        )
    },
)
