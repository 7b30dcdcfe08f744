"""PSNR and SSIM against scikit-image, in turns: A B A B on one thread, on the same frames.

    python tests/benchmarks/metrics.py [--size 720x576] [--rounds 9] [--json FILE]

Prints a table and writes the same as JSON. Exits with 1 if the two disagree by more than 5e-6.
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"  # before the libraries read them

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import metrics as skimage_metrics

from stvt.metrics.pair import luma
from stvt.metrics.psnr import psnr
from stvt.metrics.ssim import ssim

Frame = NDArray[np.uint8]
NEARNESS = 5e-6
SKIMAGE: Any = skimage_metrics  # it has no types


def theirs_psnr(restored: Frame, truth: Frame, channel: str) -> float:
    pair = (truth, restored) if channel == "rgb" else (luma(truth), luma(restored))
    return float(SKIMAGE.peak_signal_noise_ratio(*pair, data_range=255))


def theirs_ssim(restored: Frame, truth: Frame, channel: str) -> float:
    pair = (truth, restored) if channel == "rgb" else (luma(truth), luma(restored))
    return float(
        SKIMAGE.structural_similarity(
            *pair,
            channel_axis=2 if channel == "rgb" else None,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
        )
    )


METRICS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "psnr": (psnr, theirs_psnr),
    "ssim": (ssim, theirs_ssim),
}


def frames(width: int, height: int) -> tuple[Frame, Frame]:
    """A textured truth, and it enlarged from a quarter: the errors of a real upsampled frame."""
    random = np.random.default_rng(0)
    texture = np.zeros((height, width, 3))
    for sigma in (1, 3, 9):
        noise = cv2.GaussianBlur(random.normal(0, 1, texture.shape), (0, 0), sigma)
        texture += noise / noise.std() * 30
    truth = (texture + 128).clip(0, 255).astype(np.uint8)
    small = cv2.resize(truth, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large, np.uint8), truth


def milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - start)


def compare(name: str, channel: str, pair: tuple[Frame, Frame], rounds: int) -> dict[str, Any]:
    ours, theirs = METRICS[name]
    difference = ours(*pair, channel) - theirs(*pair, channel)  # and both are warm
    times = [
        (
            milliseconds(lambda: ours(*pair, channel)),
            milliseconds(lambda: theirs(*pair, channel)),
        )
        for _ in range(rounds)
    ]
    mine, other = np.array(times).T
    p10, ratio, p90 = np.percentile(other / mine, [10, 50, 90])
    return {
        "metric": name,
        "channel": channel,
        "ours_ms": round(float(np.median(mine)), 3),
        "scikit_image_ms": round(float(np.median(other)), 3),
        "ratio": round(float(ratio), 1),
        "ratio_p10": round(float(p10), 1),
        "ratio_p90": round(float(p90), 1),
        "difference": float(difference),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", default="720x576", help="WIDTHxHEIGHT (default 720x576)")
    parser.add_argument("--rounds", type=int, default=9, help="how many turns each (default 9)")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    width, height = map(int, args.size.split("x"))
    pair = frames(width, height)
    rows = [
        compare(name, channel, pair, args.rounds) for name in METRICS for channel in ("rgb", "y")
    ]
    print(f"{width}x{height}, one thread, {args.rounds} turns; medians, ratio p10 to p90")
    print(
        f"{'metric':8}{'ours ms':>10}{'skimage ms':>12}{'ratio':>8}{'p10-p90':>16}{'differs':>10}"
    )
    for row in rows:
        spread = f"{row['ratio_p10']}-{row['ratio_p90']}"
        print(
            f"{row['metric'] + ' ' + row['channel']:8}{row['ours_ms']:>10}"
            f"{row['scikit_image_ms']:>12}{row['ratio']:>8}{spread:>16}{row['difference']:>10.1e}"
        )
    facts = {"size": [width, height], "rounds": args.rounds, "rows": rows}
    if args.json:
        args.json.write_text(json.dumps(facts, indent=2) + "\n")
    else:
        print(json.dumps(facts))
    return int(any(abs(row["difference"]) > NEARNESS for row in rows))


if __name__ == "__main__":
    sys.exit(main())
