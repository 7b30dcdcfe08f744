"""PSNR and SSIM against scikit-image, in turns: A B A B on one thread, on the same frames.

python -P tests/benchmarks/metrics.py [--size 960x540] [--rounds 15] [--json FILE]
"""

from __future__ import annotations

import argparse
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import color as skimage_colour
from skimage import metrics as skimage_metrics
from tabulate import tabulate

from stvt.cli.options import positive, size
from stvt.core.files import write_json
from stvt.metrics import Channel, psnr, ssim

Frame = NDArray[np.uint8]
Plane = NDArray[Any]
NEARNESS = 5e-6  # that the two must agree to
SKIMAGE: Any = skimage_metrics  # it has no types
COLOUR: Any = skimage_colour


@dataclass(frozen=True)
class Compared:
    """A metric by both. ours, theirs: processor seconds of each round; values: of the one pair."""

    metric: str
    channel: str
    values: tuple[float, float]
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def difference(self) -> float:
        return abs(self.values[0] - self.values[1])

    def facts(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {**vars(self), "difference": self.difference}


def measure(height: int, width: int, rounds: int) -> list[Compared]:
    """Both metrics in RGB and Y, ours and scikit-image's in turn, after one call of each."""
    pair = frames(height, width)
    compared = []
    with one_thread():
        for name, (ours, theirs) in METRICS.items():
            for channel in get_args(Channel):
                values = ours(*pair, channel), theirs(*pair, channel)  # and both are warm
                one = Compared(name, channel, values)
                for _ in range(rounds):
                    one.ours.append(_seconds(ours, *pair, channel))
                    one.theirs.append(_seconds(theirs, *pair, channel))
                compared.append(one)
    return compared


def frames(height: int, width: int) -> tuple[Frame, Frame]:
    """A textured truth enlarged from a quarter, which makes the errors of an upsampled frame; and
    the truth."""
    random = np.random.default_rng(0)
    texture = np.zeros((height, width, 3))
    for sigma in (1, 3, 9):
        noise = cv2.GaussianBlur(random.normal(0, 1, texture.shape), (0, 0), sigma)
        texture += noise / noise.std() * 30
    truth = (texture + 128).clip(0, 255).astype(np.uint8)
    small = cv2.resize(truth, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.uint8), truth


def _theirs_psnr(restored: Frame, truth: Frame, channel: str) -> float:
    pair = _planes(truth, restored, channel)
    return float(SKIMAGE.peak_signal_noise_ratio(*pair, data_range=255))


def _theirs_ssim(restored: Frame, truth: Frame, channel: str) -> float:
    return float(
        SKIMAGE.structural_similarity(
            *_planes(truth, restored, channel),
            channel_axis=2 if channel == "rgb" else None,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


def _planes(one: Plane, other: Plane, channel: str) -> Sequence[Plane]:
    """What scikit-image compares. Its own luma (BT.601, like ours) comes with Cb and Cr."""
    if channel == "rgb":
        return one, other
    return [COLOUR.rgb2ycbcr(frame)[..., 0] for frame in (one, other)]


METRICS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "psnr": (psnr, _theirs_psnr),
    "ssim": (ssim, _theirs_ssim),
}


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV computes on one thread inside; scikit-image always does here."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _seconds(run: Callable[..., object], *arguments: object) -> float:
    start = clock.process_time()
    run(*arguments)
    return max(clock.process_time() - start, 1e-9)


def table(compared: Sequence[Compared]) -> list[dict[str, object]]:
    """One row a metric and channel: milliseconds, and how many times faster ours is."""
    rows: list[dict[str, object]] = []
    for one in compared:
        ours, theirs = np.array(one.ours), np.array(one.theirs)
        low, ratio, high = np.percentile(theirs / ours, [10, 50, 90])
        rows.append(
            {
                "metric": one.metric,
                "channel": one.channel,
                "ours ms": round(1e3 * float(np.median(ours)), 2),
                "scikit-image ms": round(1e3 * float(np.median(theirs)), 2),
                "ratio": round(float(ratio), 1),
                "p10-p90": f"{low:.1f}-{high:.1f}",
                "differs by": f"{one.difference:.1e}",
            }
        )
    return rows


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=size, default=(540, 960), metavar="WxH")
    parser.add_argument("--rounds", type=positive, default=15, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    height, width = args.size
    compared = measure(height, width, args.rounds)
    if args.json:
        write_json(args.json, {"size": [width, height], "rows": [one.facts() for one in compared]})
    print(f"{width}x{height}, one thread, {args.rounds} rounds in turn; processor time, medians")
    print(tabulate(table(compared), headers="keys", tablefmt="simple"))
    if any(one.difference > NEARNESS for one in compared):
        raise SystemExit(f"they differ by more than {NEARNESS:g}")


if __name__ == "__main__":
    main()
