"""Validation of a training: PSNR on windows of clips held back, and on whole test sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stvt.baselines import LossModule, Settings, method_of
from stvt.datasets import Prepared, phase, read_frame
from stvt.evaluation.frames import levels
from stvt.metrics import psnr
from stvt.training.data import TrainingData
from stvt.training.recipe import TrainingRecipe
from stvt.training.state import autocast


def psnr_of_windows(
    losses: LossModule, recipe: TrainingRecipe, data: TrainingData, device: torch.device
) -> dict[str, float]:
    """The mean PSNR in dB, RGB, on windows held back, by kind: "existing", "new", "moved"."""
    values: dict[str, list[float]] = {}
    for batch in data.validation_batches(recipe.validate_windows):
        with torch.inference_mode(), autocast(recipe, device):
            restored = losses.predict(batch.to(device).lq, recipe.times())
        gt = {
            "existing": batch.gt[:, :1],
            "new": batch.gt[:, 1:],
            "moved": batch.gt_between,
        }
        for kind, frames in restored.items():
            rounded = ((frames.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
            pairs = zip(_pictures(rounded), _pictures(gt[kind]), strict=True)
            values.setdefault(kind, []).extend(psnr(*pair, "rgb", 0) for pair in pairs)
    return {kind: float(np.mean(each)) for kind, each in values.items()}


def psnr_of_test_set(
    network: nn.Module, recipe: TrainingRecipe, prepared: Prepared, device: torch.device
) -> dict[str, float]:
    """The mean PSNR over the scenes of a prepared test set, of existing and of new frames.

    As `stvt evaluate` has it, RGB in 8 bits, but frames near the ends count, too.
    """
    phase_of_pixels = phase(recipe.degradation, recipe.scale)
    settings = Settings(scale=recipe.scale, phase=phase_of_pixels, device=str(device))
    method = method_of(recipe.network, [network], settings)
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
