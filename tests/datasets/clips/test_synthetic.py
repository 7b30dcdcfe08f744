"""Photographs in motion: the same for the same settings, and what they can be made to vary by."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.clips.synthetic import VARIETIES, clip

Frames = NDArray[np.uint8]
PLAIN = {  # two frames, nine places of each
    1: [[237, 118, 24, 237, 118, 24, 237, 118, 24], [207, 168, 8, 207, 168, 8, 207, 168, 8]],
    2: [[25, 24, 23, 221, 222, 224, 40, 40, 38], [19, 19, 20, 228, 227, 227, 32, 34, 34]],
    3: [[116, 87, 123, 140, 137, 134, 109, 112, 116], [141, 0, 137, 116, 37, 120, 134, 132, 130]],
    4: [[188, 74, 31, 177, 80, 22, 179, 64, 9], [189, 74, 30, 177, 80, 24, 179, 64, 8]],
    7: [[216, 10, 241, 0, 10, 241, 246, 10, 241], [244, 7, 246, 0, 139, 226, 244, 7, 246]],
}


@pytest.fixture(scope="module")
def pictures() -> list[Frames]:
    """Two smooth pictures."""
    y, x = np.mgrid[:200, :240] / 20
    waves = [np.sin(x), np.sin(y * 1.3 + x), np.sin(y)], [np.cos(y), np.sin(x * 2), np.cos(x - y)]
    return [(127 + 120 * np.stack(one, 2)).astype(np.uint8) for one in waves]


def frames_of(pictures: list[Frames], seed: int, *vary: str, frames: int = 6) -> Frames:
    return np.stack(list(clip(pictures, seed, frames=frames, side=64, fastest=8, vary=vary)))


def test_plain_clips_stay_what_they_were(pictures: list[Frames]) -> None:
    """Levels that say which layers a seed draws and where they go, of when nothing could vary."""
    plain = {seed: frames_of(pictures, seed)[[0, 5], 8::24, 8::24, 0] for seed in PLAIN}
    for seed, levels in PLAIN.items():
        assert np.abs(plain[seed].reshape(2, -1).astype(int) - levels).max() <= 1, seed


@pytest.mark.parametrize("what", VARIETIES)
def test_each_variety_changes_some_clips_and_each_time_alike(
    pictures: list[Frames], what: str
) -> None:
    seeds = range(8)
    varied = [frames_of(pictures, seed, what) for seed in seeds]
    changed = [np.abs(frames_of(pictures, k).astype(int) - varied[k]).max() > 2 for k in seeds]
    assert any(changed)
    np.testing.assert_array_equal(frames_of(pictures, 3, what), varied[3])


def test_light_changes_the_levels_of_some_clips_over_time(pictures: list[Frames]) -> None:
    def means(seed: int, *vary: str) -> NDArray[np.float64]:
        return np.asarray(frames_of(pictures, seed, *vary, frames=8).mean((1, 2, 3)))

    ratios = [means(seed, "light") / means(seed) for seed in range(10)]
    changes = [float(np.ptp(ratio)) for ratio in ratios]
    assert max(changes) > 0.03 and min(changes) == 0


def test_all_together_give_whole_frames(pictures: list[Frames]) -> None:
    made = frames_of(pictures, 1, *VARIETIES)
    assert made.shape == (6, 64, 64, 3) and made.std() > 10
    assert np.abs(np.diff(made.astype(int), axis=0)).max() > 0, "and something moves"
