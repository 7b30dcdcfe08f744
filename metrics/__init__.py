"""Metrics of a restored frame against the true one. Light to import: a metric loads when opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import MetricError
from .preprocess import Channel
from .psnr import psnr
from .ssim import ssim

# (restored, truth, channel, crop_border): two uint8 RGB frames (H, W, 3), to a number.
Measure = Callable[[Any, Any, str, int], float]


@dataclass(frozen=True)
class Metric:
    """A metric as tables and signatures name it, and how to get it.

    unit:       "dB", or "" for a plain number.
    channels:   those it is defined for: "rgb", "y".
    definition: the part of a score's signature that says which of the variants in use it is.
    open:       device -> the measure; raises MetricError, before any work, if it cannot be had.
    """

    name: str
    unit: str
    higher_is_better: bool
    channels: tuple[str, ...]
    summary: str
    definition: str
    open: Callable[[str], Measure]


def _open_psnr(device: str) -> Measure:
    return psnr  # type: ignore[return-value]  # it checks the channel's name itself


def _open_ssim(device: str) -> Measure:
    return ssim  # type: ignore[return-value]


def _open_lpips(device: str) -> Measure:
    from .lpips_ import Perceptual

    return Perceptual(device)


PSNR = Metric(
    name="psnr",
    unit="dB",
    higher_is_better=True,
    channels=("rgb", "y"),
    summary="peak signal-to-noise ratio; equal frames give inf",
    definition="psnr peak255",
    open=_open_psnr,
)
SSIM = Metric(
    name="ssim",
    unit="",
    higher_is_better=True,
    channels=("rgb", "y"),
    summary="structural similarity, Gaussian 11x11 window of sigma 1.5 where it fits",
    definition="ssim gauss11 s1.5 valid",
    open=_open_ssim,
)
LPIPS = Metric(
    name="lpips",
    unit="",
    higher_is_better=False,
    channels=("rgb",),
    summary="learned perceptual distance, AlexNet, version 0.1; equal frames give 0",
    definition="lpips alex v0.1",
    open=_open_lpips,
)

METRICS = {metric.name: metric for metric in (PSNR, SSIM, LPIPS)}

__all__ = [
    "LPIPS",
    "METRICS",
    "PSNR",
    "SSIM",
    "Channel",
    "Measure",
    "Metric",
    "MetricError",
    "psnr",
    "ssim",
]
