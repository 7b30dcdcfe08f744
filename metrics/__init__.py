"""Metrics of a restored frame against the true one. Light to import: a metric loads when opened."""

from __future__ import annotations

from .errors import MetricError
from .metric import LoadNetwork, Measure, Metric
from .preprocess import Channel
from .psnr import psnr
from .registry import DISTS, LPIPS, LPIPS_VGG, METRICS, PSNR, SSIM, find_metric, installed
from .ssim import ssim

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
    "find_metric",
    "installed",
    "psnr",
    "ssim",
]
