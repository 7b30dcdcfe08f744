"""Batches of windows for a training, made ahead by workers."""

from __future__ import annotations

import time as clock
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from stvt.datasets import Sample, Sampler, collate

AHEAD = 4  # batches that each worker has ready


class _Numbered(Dataset[Sample]):
    """Samples by (step, place)."""

    def __init__(self, windows: Sampler) -> None:
        self.windows = windows

    def __getitem__(self, index: tuple[int, int]) -> Sample:
        return self.windows(*index)


def batches(
    windows: Sampler, steps: Sequence[int], places: Sequence[int], workers: int
) -> Iterator[dict[str, Any]]:
    """The batch of each step, with "waited": the seconds that it was waited for."""
    loader = DataLoader(
        _Numbered(windows),
        batch_sampler=[[(step, place) for place in places] for step in steps],
        num_workers=workers,
        collate_fn=collate,
        worker_init_fn=_alone,
        prefetch_factor=AHEAD if workers else None,
        multiprocessing_context="spawn" if workers else None,
    )
    coming = iter(loader)
    while True:
        began = clock.perf_counter()
        made = next(coming, None)
        if made is None:
            return
        yield {**made, "waited": clock.perf_counter() - began}


def ready(frames: Any, device: torch.device) -> Tensor:
    """(B, n, 3, h, w) uint8 as float32 in [-1, 1] on the device."""
    return torch.from_numpy(frames).to(device).float().div_(127.5).sub_(1)


def _alone(_: int) -> None:
    """One thread in each worker: there are several, and the device's process has its own."""
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
