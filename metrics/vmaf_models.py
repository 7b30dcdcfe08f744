"""The models of VMAF in libvmaf that stvt knows. Light to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """A model in libvmaf.

    version: its name there. sha256: how that of its JSON begins, in the wheel of imageio-ffmpeg 0.8.1.
    probe:   what it gives for `vmaf.test_pattern`. colour: whether it reads Cb and Cr.
    """

    version: str
    sha256: str
    probe: float
    summary: str
    colour: bool = False


MODELS = {
    "vmaf": Model("vmaf_v0.6.1", "5950d61f", 64.397, "VMAF v0.6.1, 0 to 100"),
    "vmaf-neg": Model("vmaf_v0.6.1neg", "1fcda193", 58.821, "VMAF v0.6.1, no enhancement gain"),
    "vmaf-v1": Model(
        "vmaf_v1.0.16_3d0h", "e4cf8c14", 13.7078, "VMAF v1, seen from 3 heights", colour=True
    ),
    "vmaf-v1-hfr": Model(
        "vmaf_v1.0.16_hfr_3d0h", "dcfdfab1", 12.4332, "VMAF v1 of high frame rates", colour=True
    ),
}
