"""The names and the architecture that published checkpoints of EDVR have.

BasicSR's names are those of the network here; the 2019 release and mmagic have others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

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
