"""STVUN's published demo against the stream."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.frames import read_frame
from tests.benchmarks import demo


@pytest.mark.slow
def test_the_demo_reads_pads_and_blurs_every_frame_seven_times(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[Path] = []

    def noted(file: Path) -> NDArray[np.uint8]:
        read.append(file)
        return read_frame(file)

    monkeypatch.setattr(demo, "read_frame", noted)
    seconds = demo.measure("stvun-s", 64, 64)
    assert {form: len(laps) for form, laps in seconds.items()} == {"demo": 1, "stream": 1}
    assert not any(file.exists() for file in read)
    # For the stream, and each of the two windows that it is in.
    assert read.count(sorted(set(read))[3]) == 3


def test_the_demo_is_of_stvun_alone() -> None:
    with pytest.raises(SystemExit, match="the published demo is of STVUN"):
        demo.measure("edvr-s", 32, 48)
