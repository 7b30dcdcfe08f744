"""A prepared set of two short scenes, shared by the tests of evaluating."""

from pathlib import Path

import numpy as np
import pytest

import stvt
from stvt.datasets.frames import write_frame


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set `squares` of two scenes: a bright square that moves on a ramp."""
    folder = tmp_path_factory.mktemp("evaluation")
    for scene, frames, step in (("left", 9, -2), ("right", 7, 2)):
        (folder / "source" / scene).mkdir(parents=True)
        for index in range(frames):
            frame = np.zeros((48, 64, 3), np.uint8)
            frame[..., 1] = np.arange(64) * 2
            column = 28 + step * index
            frame[16:32, column : column + 12] = (250, 240, 30)
            write_frame(folder / "source" / scene / f"{index:08d}.png", frame)
    stvt.prepare("squares", folder / "source", root=folder / "data")
    return folder / "data"
