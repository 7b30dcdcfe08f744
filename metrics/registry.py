"""The metrics there are, by name: those of stvt, of installed packages, and of a user's file."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from stvt.core.suggestions import did_you_mean

from .errors import MetricError
from .metric import LoadNetwork, Measure, Metric
from .psnr import psnr
from .ssim import ssim

GROUP = "stvt.metrics"  # entry points of installed packages


def _open_psnr(device: str, load: LoadNetwork) -> Measure:
    return psnr  # type: ignore[return-value]  # it checks the channel's name itself


def _open_ssim(device: str, load: LoadNetwork) -> Measure:
    return ssim  # type: ignore[return-value]


def _open_lpips(device: str, load: LoadNetwork) -> Measure:
    from .lpips_ import Lpips

    return Lpips(load("lpips"), device)


def _open_lpips_vgg(device: str, load: LoadNetwork) -> Measure:
    from .lpips_ import Lpips

    return Lpips(load("lpips-vgg"), device, "lpips-vgg", smallest=16)


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


def installed() -> dict[str, EntryPoint]:
    """The metrics that installed packages offer, by name."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in METRICS}


def find_metric(spec: str) -> Metric:
    """The metric that a word of `--metrics` names: NAME, FILE.py:function or NAME=FILE.py:function.

    Raises MetricError, one line, if there is none, or the file gives no such function.
    """
    from .custom import from_entry_point, from_file

    if spec in METRICS:
        return METRICS[spec]
    if (point := installed().get(spec)) is not None:
        return from_entry_point(point)
    if ".py:" in spec:
        metric = from_file(spec)
        if metric.name in METRICS:
            raise MetricError(f"{metric.name} is a metric of stvt; give yours another name")
        return metric
    names = [*METRICS, *installed()]
    raise MetricError(
        f"no metric '{spec}'; there are {', '.join(names)}, and your own: NAME=FILE.py:function"
        f"{did_you_mean(spec, names)}"
    )
