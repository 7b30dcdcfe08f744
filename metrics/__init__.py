"""Metrics of restored frames against the true ones. Light to import: a metric loads when opened."""

from __future__ import annotations

from .errors import MetricError
from .metric import LoadNetwork, Measure, Metric
from .preprocess import Channel
from .psnr import psnr
from .registry import METRICS, find_metric, installed
from .sequence import SequenceMeasure
from .ssim import ssim

__all__ = [
    "METRICS",
    "Channel",
    "LoadNetwork",
    "Measure",
    "Metric",
    "MetricError",
    "SequenceMeasure",
    "find_metric",
    "installed",
    "psnr",
    "ssim",
]
