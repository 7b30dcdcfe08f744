"""Validation of a training: PSNR on windows of clips held back, and on whole test sets, of the
network and of a baseline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stvt.baselines import LossModule, Method, Settings, build, method_of
from stvt.datasets import Prepared, phase, read_frame
from stvt.evaluation.frames import levels
from stvt.metrics import psnr
from stvt.training.data import TrainingData
from stvt.training.recipe import TrainingRecipe
from stvt.training.state import autocast

BASELINE = "bicubic+flow"  # whose scores stand beside the network's
Predict = Callable[[Tensor, Sequence[float]], dict[str, Tensor]]


def validation_psnr(
    losses: LossModule, recipe: TrainingRecipe, data: TrainingData, device: torch.device
) -> dict[str, float]:
    """A network's mean PSNR in dB, RGB, by kind of frame: on the windows held back "existing", "new",
    "moved", and on each test set "SET existing", "SET new"."""

    def predict(lq: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        with autocast(recipe, device):
            return losses.predict(lq, times)

    method = method_of(recipe.network, [losses.network], _settings(recipe, str(device)))
    return _psnr(predict, method, recipe, data, device)


def baseline_psnr(recipe: TrainingRecipe, data: TrainingData) -> dict[str, float]:
    """The same of BASELINE, on the CPU; "moved" is by its temporal part alone."""
    spatial, _, temporal = BASELINE.partition("+")
    settings = _settings(recipe, "cpu")
    flow = build(temporal, settings)
    method = build(BASELINE if recipe.stage == "joint" else spatial, settings)

    def predict(lq: Tensor, times: Sequence[float]) -> dict[str, Tensor]:
        centre = (recipe.frames - 1) // 2
        pairs = (lq[:, centre : centre + 2] + 1) / 2
        if recipe.stage == "flow":
            return {"moved": _outputs(flow, pairs, times)[:, 1:]}
        if recipe.stage == "space":
            return {"existing": _outputs(method, pairs[:, :1], [])}
        outputs = _outputs(method, pairs, times)
        return {"existing": outputs[:, :1], "new": outputs[:, 1:]}

    return _psnr(predict, method, recipe, data, torch.device("cpu"))


def _settings(recipe: TrainingRecipe, device: str) -> Settings:
    return Settings(
        scale=recipe.scale, phase=phase(recipe.degradation, recipe.scale), device=device
    )


def _outputs(method: Method, windows: Tensor, times: Sequence[float]) -> Tensor:
    """The first frame of each window and those at `times` after it, (B, 1 + len(times), 3, H, W) in
    [-1, 1]."""
    streams = (method.stream(window, times, lambda time: time < 1) for window in windows)
    return torch.stack([torch.stack([frame for _, frame in one]) for one in streams]) * 2 - 1


def _psnr(
    predict: Predict,
    method: Method,
    recipe: TrainingRecipe,
    data: TrainingData,
    device: torch.device,
) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for batch in data.validation_batches(recipe.validate_windows):
        with torch.inference_mode():
            restored = predict(batch.to(device).lq, recipe.times())
        gt = {
            "existing": batch.gt[:, :1],
            "new": batch.gt[:, 1:],
            "moved": batch.gt_between,
        }
        for kind, frames in restored.items():
            rounded = ((frames.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
            pairs = zip(_pictures(rounded), _pictures(gt[kind]), strict=True)
            values.setdefault(kind, []).extend(psnr(*pair, "rgb", 0) for pair in pairs)
    means = {kind: float(np.mean(each)) for kind, each in values.items()}
    for one in data.test_sets:
        means |= _psnr_of_test_set(method, recipe, one)
    return means


def _psnr_of_test_set(
    method: Method, recipe: TrainingRecipe, prepared: Prepared
) -> dict[str, float]:
    """The mean PSNR over the scenes of a prepared test set, of existing and of new frames.

    As `stvt evaluate` has it, RGB in 8 bits, but frames near the ends count, too.
    """
    low = f"{recipe.degradation}x{recipe.scale}"
    step = recipe.between + 1
    times = recipe.times() if recipe.stage == "joint" else []
    means: dict[str, list[float]] = {}
    for scene in prepared.scenes.values():
        frames = (
            torch.from_numpy(read_frame(scene.lr_path(k, low))).permute(2, 0, 1).float() / 255
            for k in range(0, scene.frames, step)
        )
        height, width = scene.gt_size(low)
        values: dict[str, list[float]] = {}
        for time, restored in method.stream(frames, times):
            gt = read_frame(scene.gt_path(round(time * step)))[:height, :width]
            kind = "existing" if time == int(time) else "new"
            values.setdefault(kind, []).append(psnr(levels(restored), gt, "rgb", 0))
        for kind, each in values.items():
            means.setdefault(f"{prepared.name} {kind}", []).append(float(np.mean(each)))
    return {kind: float(np.mean(each)) for kind, each in means.items()}


def _pictures(frames: Tensor) -> Any:
    """(B, n, 3, H, W) uint8 as pictures (H, W, 3), one after another."""
    return np.ascontiguousarray(frames.flatten(0, 1).permute(0, 2, 3, 1).cpu().numpy())
