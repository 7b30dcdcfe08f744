"""EDVR: the centre of an odd number of frames, four times larger (Wang et al., CVPR workshops 2019).

What depends on one frame alone is `analyse`; the rest, which depends on the window, is `restore`.
So a stream analyses each frame once for all the windows that it is in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .alignment import Analysis, Fusion, Pyramid, Residual, active, conv1, conv3, larger


class EDVR(nn.Module):
    """The network, under BasicSR's names.

    channels, groups: of the features; of those, that share an offset.
    frames:           in a window, odd; the one in the middle is enlarged.
    extract_blocks:   residual blocks for each frame. reconstruction_blocks: for each output.
    predeblur:        the form for blurred frames.
    full_size:        with predeblur, frames that are as large as the output and only deblurred.
    tsa:              attention in the fusion of the frames; else one 1x1 convolution.
    large_channels:   of the features at the output's size.
    """

    def __init__(
        self,
        channels: int = 64,
        frames: int = 5,
        groups: int = 8,
        extract_blocks: int = 5,
        reconstruction_blocks: int = 10,
        predeblur: bool = False,
        full_size: bool = False,
        tsa: bool = True,
        large_channels: int = 64,
    ) -> None:
        super().__init__()
        if frames % 2 == 0:
            raise ValueError(f"EDVR: a window has an odd number of frames, not {frames}")
        if full_size and not predeblur:
            raise ValueError("EDVR: only the form with predeblur reads full-size frames")
        self.frames = frames
        self.full_size = full_size
        self.multiple = 16 if full_size else 4
        if predeblur:
            self.predeblur = Predeblur(channels, full_size)
            self.conv_1x1 = conv1(channels, channels)
        else:
            self.conv_first = conv3(3, channels)
        self.feature_extraction = nn.Sequential(*map(Residual, [channels] * extract_blocks))
        self.conv_l2_1 = conv3(channels, channels, stride=2)
        self.conv_l2_2 = conv3(channels, channels)
        self.conv_l3_1 = conv3(channels, channels, stride=2)
        self.conv_l3_2 = conv3(channels, channels)
        self.pcd_align = Pyramid(channels, groups)
        self.fusion = Fusion(channels, frames) if tsa else conv1(frames * channels, channels)
        self.reconstruction = nn.Sequential(*map(Residual, [channels] * reconstruction_blocks))
        self.upconv1 = conv3(channels, 4 * channels)
        self.upconv2 = conv3(channels, 4 * large_channels)
        self.conv_hr = conv3(large_channels, large_channels)
        self.conv_last = conv3(large_channels, 3)

    def forward(self, frames: Tensor) -> Tensor:
        """The centre frame, (B, 3, 4h, 4w) from (B, N, 3, h, w) in [0, 1]; not clipped.

        With `full_size` it is as large as the frames.
        Raises ValueError for another number of frames, or a size that is not a multiple of
        `self.multiple`.
        """
        if frames.dim() != 5 or frames.shape[1:3] != (self.frames, 3):
            shape = tuple(frames.shape)
            raise ValueError(f"EDVR: frames are (B, {self.frames}, 3, h, w), not {shape}")
        each = frames.unbind(1)
        return self.restore([self.analyse(frame) for frame in each], each[self.frames // 2])

    def analyse(self, frame: Tensor) -> Analysis:
        """What the windows that hold a frame, (B, 3, h, w), need of it besides the pixels."""
        height, width = frame.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise ValueError(f"EDVR: {width}x{height} is not in multiples of {self.multiple}")
        if hasattr(self, "predeblur"):
            f1 = self.conv_1x1(self.predeblur(frame))
        else:
            f1 = active(self.conv_first(frame))
        f1 = self.feature_extraction(f1)
        f2 = active(self.conv_l2_2(active(self.conv_l2_1(f1))))
        f3 = active(self.conv_l3_2(active(self.conv_l3_1(f2))))
        analysis: Analysis = self.pcd_align.analyse((f1, f2, f3))
        return analysis

    def restore(self, window: Sequence[Analysis], centre: Tensor) -> Tensor:
        """The enlarged centre frame from the analyses of the window's frames and its pixels."""
        aligned = self.pcd_align(window, window[self.frames // 2])
        tsa = isinstance(self.fusion, Fusion)
        u = self.reconstruction(self.fusion(aligned if tsa else torch.cat(aligned, 1)))
        u = active(F.pixel_shuffle(self.upconv1(u), 2))
        u = active(F.pixel_shuffle(self.upconv2(u), 2))
        detail: Tensor = self.conv_last(active(self.conv_hr(u)))
        return detail + (centre if self.full_size else larger(centre, 4))


class Predeblur(nn.Module):
    """The features of a blurred frame, by a pyramid of three levels."""

    def __init__(self, channels: int, full_size: bool) -> None:
        super().__init__()
        self.full_size = full_size
        self.conv_first = conv3(3, channels)
        if full_size:
            self.stride_conv_hr1 = conv3(channels, channels, stride=2)
            self.stride_conv_hr2 = conv3(channels, channels, stride=2)
        self.stride_conv_l2 = conv3(channels, channels, stride=2)
        self.stride_conv_l3 = conv3(channels, channels, stride=2)
        self.resblock_l3 = Residual(channels)
        self.resblock_l2_1 = Residual(channels)
        self.resblock_l2_2 = Residual(channels)
        self.resblock_l1 = nn.Sequential(*map(Residual, [channels] * 5))

    def forward(self, frame: Tensor) -> Tensor:
        p1 = active(self.conv_first(frame))
        if self.full_size:
            p1 = active(self.stride_conv_hr2(active(self.stride_conv_hr1(p1))))
        p2 = active(self.stride_conv_l2(p1))
        p3 = active(self.stride_conv_l3(p2))
        p2 = self.resblock_l2_1(p2) + larger(self.resblock_l3(p3), 2)
        p2 = larger(self.resblock_l2_2(p2), 2)
        made: Tensor = self.resblock_l1[2:](self.resblock_l1[:2](p1) + p2)
        return made


def edvr_m() -> EDVR:
    """EDVR-M: 64 channels, 5 frames; 3,300,131 parameters."""
    return EDVR()


def edvr_l() -> EDVR:
    """EDVR-L as trained on Vimeo-90K, STVUN's comparison: 7 frames; 20,699,363 parameters."""
    return EDVR(channels=128, frames=7, reconstruction_blocks=40)


# From the names of the 2019 release and of mmagic to BasicSR's, applied in this order. No two
# files share a name for different tensors, so that what made a file need not be known.
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


def own_name(name: str) -> str:
    """The name here of what BasicSR, the 2019 release or mmagic call `name`.

    >>> own_name("generator.pcd_alignment.feat_conv.l2.conv.bias")
    'pcd_align.feat_conv.l2.bias'
    >>> own_name("tsa_fusion.tAtt_1.weight")
    'fusion.temporal_attn2.weight'
    """
    for pattern, replacement in RULES:
        name = re.sub(pattern, replacement, name)
    return name


def own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state, whoever published it, under the names here."""
    return {own_name(name): tensor for name, tensor in state.items()}


def form_of(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments of the EDVR that a state, under the names here, is of.

    Raises ValueError if it is of none.
    """
    try:
        channels = state["conv_l2_1.weight"].shape[0]
        tsa = "fusion.feat_fusion.weight" in state
        fusion = state["fusion.feat_fusion.weight" if tsa else "fusion.weight"]
        form = {
            "channels": channels,
            "frames": fusion.shape[1] // channels,
            "groups": state["pcd_align.cas_dcnpack.conv_offset.weight"].shape[0] // 27,
            "extract_blocks": _blocks(state, "feature_extraction"),
            "reconstruction_blocks": _blocks(state, "reconstruction"),
            "predeblur": "predeblur.conv_first.weight" in state,
            "full_size": "predeblur.stride_conv_hr1.weight" in state,
            "tsa": tsa,
            "large_channels": state["conv_last.weight"].shape[1],
        }
    except (KeyError, IndexError) as error:
        raise ValueError(f"not a state of EDVR: {error}") from error
    if form["frames"] % 2 == 0:
        raise ValueError(f"not a state of EDVR: a window of {form['frames']} frames")
    return form


def _blocks(state: Mapping[str, Tensor], trunk: str) -> int:
    return sum(re.fullmatch(rf"{trunk}\.\d+\.conv1\.weight", name) is not None for name in state)
