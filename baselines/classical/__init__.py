"""Methods without weights: resampling kernels, and interpolation in time."""

from __future__ import annotations

from ..spec import ANY_SCALE, MethodSpec


def _resize(summary: str) -> MethodSpec:
    return MethodSpec("spatial", ANY_SCALE, summary, "classical.resize:enlarge")


def _interpolation(place: str, summary: str) -> MethodSpec:
    return MethodSpec("temporal", (1,), summary, f"classical.{place}")


METHODS = {
    "nearest": _resize("the nearest pixel"),
    "bilinear": _resize("linear between pixels"),
    "bicubic": _resize("cubic, a = -0.5"),
    "lanczos": _resize("windowed sinc of three lobes"),
    "bilinear-half": _resize("bilinear by half-pixel centres, as published"),
    "bicubic-half": _resize("bicubic by half-pixel centres, as published"),
    "repeat": _interpolation("temporal:repeat", "the earlier frame again"),
    "blend": _interpolation(
        "temporal:blend", "the mean of the two frames, weighted by nearness in time"
    ),
    "flow": _interpolation(
        "flow_interpolation:flow", "both frames moved along DIS optical flow, occlusions minded"
    ),
}
