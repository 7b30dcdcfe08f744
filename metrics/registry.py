"""The metrics there are, by name: those of stvt, of installed packages, and of a user's file."""

from __future__ import annotations

from functools import partial
from importlib.metadata import EntryPoint, entry_points

from stvt.core.suggestions import did_you_mean

from .errors import MetricError
from .metric import LoadNetwork, Measure, Metric, NewSequence
from .psnr import psnr
from .ssim import ssim
from .tof import Tof
from .vmaf import MODELS, open_vmaf

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


def _open_tof(device: str, load: LoadNetwork) -> NewSequence:
    return Tof


def _open_tlpips(device: str, load: LoadNetwork) -> NewSequence:
    from .tlpips import TLpips

    return partial(TLpips, _open_lpips(device, load))  # type: ignore[arg-type]


def _open_ewarp(device: str, load: LoadNetwork) -> NewSequence:
    from .ewarp import EWarp

    return partial(EWarp, load("spynet").eval().to(device))


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
    higher_is_better=True,
    channels=("rgb", "y"),
    summary="structural similarity, Gaussian 11x11 window of sigma 1.5 where it fits",
    definition="ssim gauss11 s1.5 valid",
    open=_open_ssim,
)
LPIPS = Metric(
    name="lpips",
    higher_is_better=False,
    summary="learned perceptual distance, AlexNet, version 0.1; equal frames give 0",
    definition="lpips alex v0.1 443c5bc3",
    open=_open_lpips,
)
LPIPS_VGG = Metric(
    name="lpips-vgg",
    higher_is_better=False,
    summary="learned perceptual distance, VGG16, version 0.1; equal frames give 0",
    definition="lpips vgg v0.1 2ecbe4ce",
    open=_open_lpips_vgg,
)
DISTS = Metric(
    name="dists",
    higher_is_better=False,
    summary="distance of structure and texture, not resized; equal frames give 0",
    definition="dists v0.1 2ecbe4ce f5e65c96",
    open=_open_dists,
)
TOF = Metric(
    name="tof",
    unit="pixels",
    higher_is_better=False,
    summary="difference of motion, Farneback's flow as in TecoGAN's metrics.py; equal frames give 0",
    definition="tof farneback 0.5 3 15 3 5 1.2 0 grey tecogan-crop",
    open=_open_tof,
    input="sequence",
)
TLPIPS = Metric(
    name="tlpips",
    higher_is_better=False,
    summary="difference of perceptual change as in TecoGAN's metrics.py, not times 100",
    definition="tlpips alex v0.1 443c5bc3 tecogan-crop",
    open=_open_tlpips,
    input="sequence",
)
EWARP = Metric(
    name="ewarp",
    unit="1e-3",
    higher_is_better=False,
    summary="warping error by SPyNet's flow of the true frames where it is visible, times 1000",
    definition="ewarp spynet 2a29695a truth-flow lai-occlusion",
    open=_open_ewarp,
    input="sequence",
)


VMAF = [
    Metric(
        name=name,
        higher_is_better=True,
        summary=model.summary,
        definition=f"vmaf {model.version} {model.sha256} bt601 {'444' if model.colour else 'luma'} 8bit",
        open=partial(open_vmaf, name),
        input="sequence",
    )
    for name, model in MODELS.items()
]

METRICS = {
    metric.name: metric
    for metric in (PSNR, SSIM, LPIPS, LPIPS_VGG, DISTS, TOF, TLPIPS, EWARP, *VMAF)
}


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
