"""STVUN's published demo as a whole, as a form of `stvt bench stream`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stvt.baselines import WindowMethod
from stvt.datasets import authors_finish, authors_low_resolution, degrade, read_frame, write_frame


@contextmanager
def written(frames: Sequence[Tensor]) -> Iterator[list[Path]]:
    """PNG files of frames (3, H, W) in [0, 1], gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{k:08}.png" for k in range(len(frames))]
        for file, frame in zip(files, frames, strict=True):
            levels = (255 * frame).round().byte().permute(1, 2, 0)
            write_frame(file, np.ascontiguousarray(levels.numpy()))
        yield files


def reduced(file: Path, scale: int) -> Tensor:
    """A method's input, (3, h, w) in [0, 1], from the file of a high-resolution frame."""
    return torch.from_numpy(degrade(read_frame(file), "BD", scale)).permute(2, 0, 1).float() / 255


def demo(
    method: WindowMethod, files: Sequence[Path], times: Sequence[float]
) -> Iterator[list[Tensor]]:
    """The frames of one interval after another, (3, H, W) in 8 bits, as the demo makes them.

    Each window's seven frames are read, padded to the next multiple of 256 (960x540 to 1024x768),
    blurred and reduced, whichever of them the window before had too. Its PNG files are not written.
    """
    for k in range(method.before, len(files) - method.after):
        window = np.stack(
            [read_frame(one) for one in files[k - method.before : k + method.after + 1]]
        )
        height, width = window.shape[1:3]
        small = torch.from_numpy(authors_low_resolution(window))
        made = 2 * method((small + 1) / 2, times) - 1
        yield [
            torch.from_numpy(authors_finish(frame.numpy(), height, width)).permute(2, 0, 1)
            for frame in made
        ]
