"""Runs for tests: descriptions, scores and frame files; only what a test is about is passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pandas import DataFrame
from PIL import Image

from stvt.reports import COLUMNS, FrameFiles, RunInfo, run_table


def run_info(facts: Mapping[str, Any] = {}, **changes: Any) -> RunInfo:
    """As a run.json of these facts would give it; data sets without a list of scenes have none."""
    about = {"signature": "", "methods": {}, "datasets": {}, **facts, **changes}
    about["datasets"] = {
        name: {"scenes": [], **dataset} for name, dataset in about["datasets"].items()
    }
    return RunInfo.read(about, "run.json")


def table(scores: DataFrame, facts: Mapping[str, Any], *args: Any, **options: Any) -> str:
    """`run_table` of a run of these facts."""
    return run_table(scores, run_info(facts), *args, **options)


SIGNATURE = "scale:4|channel:rgb"


NASTY = "_a<b>|c_ & 5% $x$"


def example_scores(
    methods: Sequence[str],
    scenes: Sequence[str],
    frames: int = 3,
    kinds: Sequence[str] = ("new",),
    untrained: Sequence[str] = (),
) -> DataFrame:
    indices = [
        (frame, kind)
        for frame in range(2 * frames)
        if (kind := "new" if frame % 2 else "existing") in kinds
    ]
    rows = [
        (
            "vid4",
            scene,
            method,
            frame,
            frame % 2 / 2,
            kind,
            metric,
            "rgb",
            (20 + number + frame / 7) * (1 if metric == "psnr" else 0.01),
            "untrained" if method in untrained else "",
            SIGNATURE,
        )
        for scene in scenes
        for number, method in enumerate(methods)
        for frame, kind in indices
        for metric in ("psnr", "ssim")
    ]
    return DataFrame(rows, columns=list(COLUMNS))


def example_info(methods: Sequence[str], **changes: Any) -> RunInfo:
    runtime = {"median": 0.2, "device": "cpu", "precision": "fp32", "height": 540, "width": 960}
    about = {
        method: {
            "parameters": 10**7 * number,
            "runtime": {**runtime, "median": 0.1 * 2**number},
            "weights": "",
        }
        for number, method in enumerate(methods)
    }
    return run_info(signature=SIGNATURE, version="0.1.0", methods=about, **changes)


def example_picture(folder: Path, methods: Sequence[str], size: tuple[int, int]) -> FrameFiles:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 256, (*size, 3), np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(truth).save(folder / "truth.png")
    Image.fromarray(truth[::4, ::4]).save(folder / "input.png")
    files = {}
    for number, method in enumerate(methods):
        files[method] = folder / f"{number}.png"
        noise = generator.integers(0, 40 + number, truth.shape, np.uint8)
        Image.fromarray(np.minimum(truth, 255 - noise) + noise).save(files[method])
    return FrameFiles(3, folder / "truth.png", folder / "input.png", files)
