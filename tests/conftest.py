"""What several tests need: real data if it is there, clips of a moving square, a Dask cluster."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.frames import write_frame

Frame = NDArray[np.uint8]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and golden cases; the test is skipped where it is not."""
    folder = Path(os.environ.get("STVT_SHARED", Path(__file__).parents[2] / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set STVT_SHARED")
    return folder


@pytest.fixture(scope="session")
def moving_square() -> Callable[..., list[Frame]]:
    """moving_square(frames=5, height=24, width=32): a bright square going right over a slope."""

    def clip(frames: int = 5, height: int = 24, width: int = 32) -> list[Frame]:
        rows, columns = np.mgrid[:height, :width]
        slope = np.stack([rows * 3, columns * 2, rows + columns], axis=-1) % 200
        made = []
        for t in range(frames):
            frame = slope.astype(np.uint8)
            frame[height // 4 : height // 2, 2 * t + 2 : 2 * t + 2 + width // 4] = (250, 220, 30)
            made.append(frame)
        return made

    return clip


@pytest.fixture(scope="session")
def write_clip() -> Callable[..., Path]:
    """write_clip(folder, frames, first=0): the frames as numbered PNG files; returns the folder."""

    def write(folder: Path, frames: list[Frame], first: int = 0) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames, first):
            write_frame(folder / f"{number:08d}.png", frame)
        return folder

    return write


@pytest.fixture
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A Dask scheduler on loopback and two workers in processes of their own."""
    pytest.importorskip("distributed")
    from distributed import LocalCluster

    local: Any = LocalCluster
    with local(
        n_workers=0, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as scheduler:
        address = scheduler.scheduler_address
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address]
        command += ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
        try:
            yield address, workers
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
