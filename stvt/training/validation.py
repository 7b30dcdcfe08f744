"""Validation in a training: PSNR on windows of clips that nothing is learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stvt.baselines import Method, Settings, Trainee
from stvt.datasets import Prepared, Sampling, TrainingClip, Windows, batch, phase, read_frame
from stvt.evaluation.unit import levels
from stvt.metrics import psnr
from stvt.training.data import ready
from stvt.training.recipe import TrainingPlan

SEED = 2020  # of the windows, the same for every plan
AT_ONCE = 8


def validated(
    trainee: Trainee,
    plan: TrainingPlan,
    held_back: Sequence[tuple[Sequence[TrainingClip], float]],
    device: torch.device,
    precision: Callable[[], AbstractContextManager[object]],
) -> dict[str, float]:
    """The mean PSNR in dB, RGB, of what the network makes, by kind: "existing", "new", "moved"."""
    sampling = Sampling(
        plan.frames, plan.between, plan.patch, plan.scale, plan.degradation, tries=4, augment=False
    )
    windows = Windows([(clips, weight) for clips, weight in held_back if clips], sampling, SEED)
    found: dict[str, list[float]] = {}
    trainee.eval()
    for first in range(0, plan.validate_windows, AT_ONCE):
        places = range(first, min(first + AT_ONCE, plan.validate_windows))
        some = batch([windows(0, place) for place in places])
        with torch.inference_mode(), precision():
            made = trainee.made(ready(some["small"], device), plan.times())
        truths = {
            "existing": some["large"][:, :1],
            "new": some["large"][:, 1:],
            "moved": some["between"],
        }
        for kind, frames in made.items():
            pairs = zip(_levels(frames), _rows(truths[kind]), strict=True)
            found.setdefault(kind, []).extend(psnr(one, true, "rgb", 0) for one, true in pairs)
    trainee.train()
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def on_set(
    trainee: Trainee, plan: TrainingPlan, prepared: Prepared, device: torch.device
) -> dict[str, float]:
    """The mean PSNR over the scenes of a prepared test set, of existing and of new frames.

    As `stvt evaluate` has it, RGB in 8 bits, but frames near the ends count, too.
    """
    settings = Settings(scale=plan.scale, phase=phase(plan.degradation, plan.scale))
    network = trainee.network.eval()
    method = method_around(network, replace(settings, device=str(device)), plan.network)
    low = f"{plan.degradation}x{plan.scale}"
    prepared.require(low)
    step = plan.between + 1
    found: dict[str, list[float]] = {}
    for scene in prepared.scenes.values():
        numbers = range(0, scene.frames, step)
        frames = (
            torch.from_numpy(read_frame(scene.lr_path(k, low))).permute(2, 0, 1).float() / 255
            for k in numbers
        )
        height, width = scene.gt_size(low)
        scores: dict[str, list[float]] = {}
        for time, made in method.stream(frames, plan.times() if plan.stage == "joint" else []):
            truth = read_frame(scene.gt_path(round(time * step)))[:height, :width]
            kind = "existing" if time == int(time) else "new"
            scores.setdefault(kind, []).append(psnr(levels(made), truth, "rgb", 0))
        for kind, values in scores.items():
            found.setdefault(f"{prepared.name} {kind}", []).append(float(np.mean(values)))
    network.train()
    return {kind: float(np.mean(values)) for kind, values in found.items()}


def _levels(frames: Tensor) -> Any:
    """(B, n, 3, H, W) in [-1, 1] as 8-bit frames (H, W, 3), one after another."""
    levels = ((frames.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return _rows(levels.cpu().numpy())


def _rows(frames: Any) -> Any:
    return np.ascontiguousarray(np.moveaxis(frames.reshape(-1, *frames.shape[2:]), 1, -1))


def method_around(network: nn.Module, settings: Settings, name: str) -> Method:
    """A network as the method that `stvt evaluate` would build of its weights."""
    from stvt.baselines import EDVR, STVUN, EdvrMethod, StvunMethod

    if isinstance(network, STVUN):
        return StvunMethod(network, settings, name)
    assert isinstance(network, EDVR)
    return EdvrMethod(network, settings, name)
