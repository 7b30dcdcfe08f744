"""Numbers and names as tables and figures print them."""

from __future__ import annotations

import math

from .scores import decimals

NOTHING = "–"
NAMES = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "lpips-vgg": "LPIPS-VGG",
    "dists": "DISTS",
    "tlpips": "tLPIPS",
    "tof": "tOF",
    "ewarp": "E*warp",
    "vmaf": "VMAF",
    "vmaf-neg": "VMAF NEG",
    "vmaf-v1": "VMAF v1",
    "vmaf-v1-hfr": "VMAF v1 HFR",
    "rgb": "RGB",
    "y": "Y",
}


def of_channel(channel: str) -> str:
    return f" of {name(channel)}" if channel else ""


def name(key: str) -> str:
    """A metric's or a channel's name as tables write it."""
    return NAMES.get(key, key)


def with_unit(metric: str, unit: str) -> str:
    """A metric's name, a custom one with its unit.

    >>> with_unit("psnr", "dB"), with_unit("mine", "levels"), with_unit("mine", "")
    ('PSNR', 'mine (levels)', 'mine')
    """
    return name(metric) if metric in NAMES or not unit else f"{metric} ({unit})"


def count(number: int | None) -> str:
    """A number of parameters or operations as the paper prints it.

    >>> count(30_900_000), count(0), count(None), count(1_234_000_000_000)
    ('30.9 M', '0', '–', '1.23 T')
    """
    if number is None:
        return NOTHING
    for size, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            digits = 1 if letter in "kM" else 2
            return f"{number / size:.{digits}f} {letter}"
    return str(number)


def seconds(value: float | None) -> str:
    """A time with two decimals as the paper prints it, more where those would hide it.

    >>> seconds(0.3), seconds(0.01234), seconds(None)
    ('0.30 s', '0.012 s', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if value >= 100:
        return f"{value:.0f} s"
    return f"{value:.2f} s" if value >= 0.1 else f"{value:#.2g} s"


def memory_size(size: int) -> str:
    """
    >>> memory_size(3 * 2**29)
    '1.50 GiB'
    """
    return f"{size / 2**30:.2f} GiB" if size >= 2**29 else f"{size / 2**20:.0f} MiB"


def number(metric: str, value: float) -> str:
    return "inf" if math.isinf(value) else f"{value:.{decimals(metric)}f}"


def signed(metric: str, value: float) -> str:
    """A difference with its sign, and with the decimals of its metric.

    >>> signed("psnr", -0.104), signed("ssim", 0.00001)
    ('-0.10', '+0.0000')
    """
    text = f"{value:+.{decimals(metric)}f}"
    return text if float(text) else text.replace("-", "+")
