"""Low-resolution windows and their high-resolution truth as a `torch.utils.data.Dataset`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from .clips.sampler import Sampler, Sampling
from .degradation import checked
from .errors import DatasetError
from .frames import read_frame
from .test_set import PreparedScene, load
from .training_set import load_training


class VideoPair(TypedDict):
    """One window, RGB in [0, 1], float32; `DataLoader` stacks such dictionaries as they are.

    lq:   low-resolution input frames, (n, 3, h, w).
    gt:   true frames, (1 + between, 3, H, W): in register with input frame `centre`, then those
          between it and the next input frame, at times 1 / (between + 1), ...
    name: of the scene or clip.
    inputs, outputs: frame numbers of `lq` and `gt` in the scene; of a training set, which are cut
          and turned at random, only their order.
    """

    lq: Tensor
    gt: Tensor
    name: str
    inputs: Tensor
    outputs: Tensor


class VideoPairs(Dataset[VideoPair]):
    """Windows of a prepared test set, or random crops of training sets.

    pairs = VideoPairs.from_training_set("photographs", patch=128, length=10_000)
    for batch in torch.utils.data.DataLoader(pairs, batch_size=8, num_workers=2):
        loss = criterion(network(batch["lq"]), batch["gt"])
    """

    def __init__(self, windows: Sequence[Any], item: Callable[[Any], VideoPair]) -> None:
        self._windows, self._item = windows, item

    def __len__(self) -> int:
        return len(self._windows)

    def __getitem__(self, index: int) -> VideoPair:
        return self._item(self._windows[index])

    @classmethod
    def from_test_set(
        cls,
        name: str,
        root: str | Path = "data",
        *,
        frames: int = 7,
        between: int = 1,
        degradation: str = "BD",
        scale: int = 4,
    ) -> VideoPairs:
        """Every pair of input frames that follow each other in the prepared set `name`, in order.

        frames:  input frames of a window, odd; past an end of the scene its end frame is repeated.
        between: new frames between two input frames, so that every (between + 1)-th frame is input.
        Raises DatasetError if the set is not prepared, or not with this degradation and scale.
        """
        if frames < 1 or frames % 2 == 0 or between < 0:
            raise DatasetError(f"a window has an odd number of frames, not {frames}")
        label = f"{checked(degradation, scale)}x{scale}"
        prepared = load(name, root)
        prepared.require(label)
        step = between + 1
        windows = [
            (scene, centre)
            for scene in prepared.scenes.values()
            for centre in range(0, _last_input(scene, step) + (between == 0), step)
        ]
        return cls(windows, partial(_test_pair, label=label, around=frames // 2, step=step))

    @classmethod
    def from_training_set(
        cls,
        names: str | Mapping[str, float],
        root: str | Path = "data",
        *,
        length: int,
        split: str = "train",
        patch: int = 256,
        frames: int = 7,
        between: int = 1,
        degradation: str = "BD",
        scale: int = 4,
        augment: bool = True,
        seed: int = 0,
    ) -> VideoPairs:
        """`length` random crops of `patch` high-resolution pixels; item i is the same each time.

        names: one training set, or several with the weight that each is drawn with.
        frames: input frames of a window, of which number (frames - 1) // 2 (from 0) is the centre.
        split: "train" or "validation"; augment: flips, turns, and time reversal.
        Raises DatasetError if there is no clip that is long and large enough.
        """
        if split not in ("train", "validation"):
            raise DatasetError(f"no split {split!r}; there are train and validation")
        weights = {names: 1.0} if isinstance(names, str) else names
        parts = [(load_training(one, root).part(split), weight) for one, weight in weights.items()]
        sampling = Sampling(frames, between, patch, scale, degradation, augment=augment)
        sampler = Sampler(parts, sampling, seed)
        return cls(range(length), partial(_training_pair, sampler=sampler))


def _test_pair(
    window: tuple[PreparedScene, int], *, label: str, around: int, step: int
) -> VideoPair:
    """The window about an input frame of a scene, read from the frames' files."""
    scene, centre = window
    last = _last_input(scene, step)
    offsets = range(-around * step, around * step + 1, step)
    inputs = [min(max(centre + offset, 0), last) for offset in offsets]
    outputs = list(range(centre, centre + step))
    height, width = scene.gt_size(label)
    gt = np.stack([read_frame(scene.gt_path(i))[:height, :width] for i in outputs])
    lq = np.stack([read_frame(scene.lr_path(i, label)) for i in inputs])
    return _pair(lq, gt, scene.name, inputs, outputs)


def _training_pair(number: int, *, sampler: Sampler) -> VideoPair:
    """The sample of that number."""
    sample, sampling = sampler(number, 0), sampler.sampling
    step = sampling.between + 1
    inputs = [i * step for i in range(len(sample.lq))]
    outputs = [sampling.centre * step + i for i in range(len(sample.gt))]
    return _pair(sample.lq, sample.gt, sample.clip, inputs, outputs)


def _last_input(scene: PreparedScene, step: int) -> int:
    return (scene.frames - 1) // step * step


def _pair(
    lq: NDArray[np.uint8],
    gt: NDArray[np.uint8],
    name: str,
    inputs: list[int],
    outputs: list[int],
) -> VideoPair:
    def tensor(frames: NDArray[np.uint8]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.moveaxis(frames, -1, 1))).float().div_(255)

    return {
        "lq": tensor(lq),
        "gt": tensor(gt),
        "name": name,
        "inputs": torch.tensor(inputs),
        "outputs": torch.tensor(outputs),
    }
