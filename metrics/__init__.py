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
# Name -> a network with its weights (baselines.published_network); raises StvtError if they are not here.
LoadNetwork = Callable[[str], Any]


@dataclass(frozen=True)
class Metric:
    """A metric as tables and signatures name it, and how to get it.

    unit:       "dB", or "" for a plain number.
    channels:   those it is defined for: "rgb", "y".
    definition: the part of a score's signature that says which of the variants in use it is.
    open:       (device, load) -> the measure; raises StvtError, before any work, if it cannot be had.
    """

    name: str
    unit: str
    higher_is_better: bool
    channels: tuple[str, ...]
    summary: str
    definition: str
    open: Callable[[str, LoadNetwork], Measure]


def _open_psnr(device: str, load: LoadNetwork) -> Measure:
    return psnr  # type: ignore[return-value]  # it checks the channel's name itself


def _open_ssim(device: str, load: LoadNetwork) -> Measure:
    return ssim  # type: ignore[return-value]


def _open_lpips(device: str, load: LoadNetwork) -> Measure:
    from .lpips_ import Perceptual

    return Perceptual(load("lpips"), device)


def _open_lpips_vgg(device: str, load: LoadNetwork) -> Measure:
    from .lpips_ import Perceptual

    return Perceptual(load("lpips-vgg"), device, "lpips-vgg", smallest=16)


def _open_dists(device: str, load: LoadNetwork) -> Measure:
    from .dists import Dists

    return Dists(load("lpips-vgg"), load("dists"), device)


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
    definition="lpips alex v0.1 443c5bc3",
    open=_open_lpips,
)
LPIPS_VGG = Metric(
    name="lpips-vgg",
    unit="",
    higher_is_better=False,
    channels=("rgb",),
    summary="learned perceptual distance, VGG16, version 0.1; equal frames give 0",
    definition="lpips vgg v0.1 2ecbe4ce",
    open=_open_lpips_vgg,
)
DISTS = Metric(
    name="dists",
    unit="",
    higher_is_better=False,
    channels=("rgb",),
    summary="distance of structure and texture, not resized; equal frames give 0",
    definition="dists v0.1 2ecbe4ce f5e65c96",
    open=_open_dists,
)

METRICS = {metric.name: metric for metric in (PSNR, SSIM, LPIPS, LPIPS_VGG, DISTS)}

__all__ = [
    "DISTS",
    "LPIPS",
    "LPIPS_VGG",
    "METRICS",
    "PSNR",
    "SSIM",
    "Channel",
    "LoadNetwork",
    "Measure",
    "Metric",
    "MetricError",
    "psnr",
    "ssim",
]
