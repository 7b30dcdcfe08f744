"""The data of a training: its sets, batches of random windows, and the windows held back."""

from __future__ import annotations

import time as clock
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from stvt import datasets
from stvt.core.errors import StvtError, UsageError
from stvt.datasets import DatasetError, Prepared, Sample, Sampler, Sampling, TrainingSet
from stvt.evaluation.threads import prefetch
from stvt.training.recipe import TrainingRecipe

PREFETCH = 4  # batches that each worker has ready
VALIDATION_SEED = 2020  # of the windows held back, the same for every recipe
VALIDATION_BATCH = 8


@dataclass
class Batch:
    """Samples of one step: (B, n, 3, h, w), uint8 as they come, float32 in [-1, 1] once `to` a device.

    lq:      input frames. gt: the true centre frame, then the true frames between it and the next.
    gt_between: the true low-resolution frames of those moments.
    clips:   their names, for whoever must say where something went wrong.
    waited:  seconds that it was waited for.
    """

    lq: Tensor
    gt: Tensor
    gt_between: Tensor
    clips: list[str]
    waited: float = 0.0

    def to(self, device: torch.device) -> Batch:
        lq, gt, gt_between = (
            one.to(device).float().div_(127.5).sub_(1)
            for one in (self.lq, self.gt, self.gt_between)
        )
        return Batch(lq, gt, gt_between, self.clips, self.waited)

    def chunks(self, count: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The batch in equal pieces: lq, gt, gt_between."""
        yield from zip(
            *(one.chunk(count) for one in (self.lq, self.gt, self.gt_between)), strict=True
        )


@dataclass(frozen=True)
class TrainingData:
    """The training and validation data of a recipe.

    sets:       the training sets, loaded.
    windows:    of their clips to learn from.
    validation: windows of the clips held back, None if there are none.
    test_sets:  prepared sets that are scored besides.
    """

    sets: list[TrainingSet]
    windows: Sampler
    validation: Sampler | None
    test_sets: list[Prepared]

    def batches(
        self, steps: Sequence[int], places: Sequence[int], workers: int
    ) -> Generator[Batch, None, None]:
        """The batch of each step, loaded by so many worker processes, or by a thread if 0."""
        loader = DataLoader(
            _Numbered(self.windows),
            batch_sampler=[[(step, place) for place in places] for step in steps],
            num_workers=workers,
            collate_fn=_collate,
            worker_init_fn=_single_thread,
            prefetch_factor=PREFETCH if workers else None,
            multiprocessing_context="spawn" if workers else None,
        )
        iterator = iter(loader) if workers else prefetch(loader, 1)
        try:
            while True:
                began = clock.perf_counter()
                arrays = next(iterator, None)
                if arrays is None:
                    return
                if isinstance(arrays, StvtError):
                    raise arrays
                yield _as_batch(arrays, clock.perf_counter() - began)
        finally:
            if isinstance(iterator, Generator):
                iterator.close()
            # Or PyTorch tells a worker's death again at each later end of any child process.
            elif isinstance(iterator, _MultiProcessingDataLoaderIter):
                iterator._shutdown_workers()

    def validation_batches(self, count: int) -> Iterator[Batch]:
        """Batches of so many validation windows, the same each time."""
        if self.validation is None:
            return
        for first in range(0, count, VALIDATION_BATCH):
            places = range(first, min(first + VALIDATION_BATCH, count))
            yield _as_batch(datasets.collate([self.validation(0, place) for place in places]))


def load_data(recipe: TrainingRecipe, root: Path, test_sets: Sequence[str]) -> TrainingData:
    """The data of a recipe, from the sets under `root`.

    Raises UsageError or DatasetError for what could not be learnt from or validated on: now, not
    after the steps to the first validation.
    """
    sets = [(datasets.load_training(name, root), weight) for name, weight in recipe.weighted_sets()]
    patch = (recipe.patch, recipe.scale, recipe.degradation)
    sampling = Sampling(recipe.frames, recipe.between, *patch, recipe.tries)
    windows = Sampler([(one.part("train"), weight) for one, weight in sets], sampling, recipe.seed)
    held_back = [(one, one.part("validation"), weight) for one, weight in sets]
    validation = None
    if parts := [(clips, weight) for _, clips, weight in held_back if clips]:
        sampling = Sampling(recipe.frames, recipe.between, *patch, tries=4, augment=False)
        try:
            validation = Sampler(parts, sampling, VALIDATION_SEED)
        except DatasetError as error:
            names = ", ".join(one.name for one, clips, _ in held_back if clips)
            raise UsageError(f"the clips of {names} held back for validation: {error}") from error
    prepared = [datasets.load(name, root) for name in test_sets]
    for one in prepared:
        one.require(f"{recipe.degradation}x{recipe.scale}")
    return TrainingData([one for one, _ in sets], windows, validation, prepared)


@contextmanager
def killed_workers() -> Iterator[None]:
    """Raises UsageError where a worker was killed, which PyTorch raises wherever its signal finds us."""
    try:
        yield
    except RuntimeError as error:
        if "DataLoader worker (pid" not in str(error):
            raise
        raise UsageError(
            "a process that makes windows was killed, perhaps for want of memory; fewer "
            "--workers need less, and the same command goes on from the last checkpoint"
        ) from error


class _Numbered(Dataset[Any]):
    """Map-style dataset of samples by (step, place); for one that cannot be read, its error.

    DataLoader would raise a worker's error with its whole traceback as the message.
    """

    def __init__(self, windows: Sampler) -> None:
        self.windows = windows

    def __getitem__(self, index: tuple[int, int]) -> Sample | StvtError:
        try:
            return self.windows(*index)
        except StvtError as error:
            return error


def _collate(items: list[Sample | StvtError]) -> Mapping[str, Any] | StvtError:
    """The arrays of a batch (tensors would go through shared memory), or the first error."""
    for one in items:
        if isinstance(one, StvtError):
            return one
    return datasets.collate([one for one in items if isinstance(one, Sample)])


def _as_batch(arrays: Mapping[str, Any], waited: float = 0.0) -> Batch:
    lq, gt, gt_between = (torch.from_numpy(arrays[name]) for name in ("lq", "gt", "gt_between"))
    return Batch(lq, gt, gt_between, arrays["clips"], waited)


def _single_thread(_: int) -> None:
    """One thread in each worker: there are several, and the device's process has its own."""
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
