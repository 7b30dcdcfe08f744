"""Cuts are found; motion, flashes, fades and noise are none."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.curation.shot_boundaries import ShotBoundaryDetector, shots
from stvt.datasets.errors import DatasetError
from stvt.datasets.video.reader import open_video

Frame = NDArray[np.uint8]


def scenery(seed: int) -> Frame:
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(coarse, (256, 192), interpolation=cv2.INTER_CUBIC), np.uint8)


def panning(seed: int, frames: int, pixels: int = 3) -> list[Frame]:
    wide = scenery(seed)
    return [wide[40:136, 4 + pixels * t : 132 + pixels * t] for t in range(frames)]


def cuts(frames: Sequence[Frame]) -> list[int]:
    numbers = [shot for shot, _ in shots(frames)]
    return [k for k in range(1, len(numbers)) if numbers[k] != numbers[k - 1]]


def test_cuts_are_found_where_they_are_the_first_and_last_frame_included() -> None:
    clip = panning(1, 7) + panning(2, 6) + panning(3, 5)
    assert cuts(clip) == [7, 13]
    assert cuts(clip[6:]) == [1, 7]
    assert cuts(clip[:8]) == [7]


def test_the_detector_gives_the_numbers_of_the_frames_with_which_shots_begin() -> None:
    detector = ShotBoundaryDetector()
    for frame in panning(1, 7) + panning(2, 6) + panning(3, 5):
        detector.process_frame(frame)
    assert detector.result() == [7, 13]
    deaf = ShotBoundaryDetector(residual=5.0)
    for frame in panning(1, 7) + panning(2, 6):
        deaf.process_frame(frame)
    assert deaf.result() == [] == ShotBoundaryDetector().result()


def test_every_frame_comes_back_once_and_in_order() -> None:
    clip = panning(1, 9)
    assert [id(frame) for _, frame in shots(clip)] == [id(frame) for frame in clip]
    assert list(shots([])) == [] and [s for s, _ in shots(clip[:1])] == [0]


@pytest.mark.parametrize("pixels", [1, 6, 10])
def test_a_pan_is_no_cut(pixels: int) -> None:
    assert cuts(panning(4, 10, pixels)) == []


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length: int) -> None:
    clip = panning(5, 14)
    for k in range(6, 6 + length):
        clip[k] = np.full_like(clip[k], 250)
    assert cuts(clip) == []


def test_a_fade_to_black_is_no_cut() -> None:
    clip = [
        (frame * (1 - t / 12)).astype(np.uint8) for t, frame in enumerate(panning(6, 12, pixels=1))
    ]
    assert cuts(clip) == []


def test_noise_is_no_cut() -> None:
    random = np.random.default_rng(7)
    noise = random.normal(0, 25, (10, 96, 128, 3))
    clip = [
        np.clip(frame + one, 0, 255).astype(np.uint8)
        for frame, one in zip(panning(8, 10), noise, strict=True)
    ]
    assert cuts(clip) == []


def test_pictures_of_one_pixel_do_no_harm() -> None:
    assert len(list(shots([np.zeros((1, 1, 3), np.uint8)] * 3))) == 3


@pytest.mark.parametrize(
    ("name", "taken", "found"),
    [
        ("bikes.mp4", 34, [30]),
        ("roadtrip_vp9_10bit.webm", 72, [42, 69]),
        pytest.param("small_bunny_1080p_60fps.mp4", 26, [21], marks=pytest.mark.slow),
        pytest.param("bikes.mp4", 250, [30, 76, 137, 187, 242], marks=pytest.mark.slow),
        pytest.param("nasa_two_video_streams.mp4", 325, [202], marks=pytest.mark.slow),
        pytest.param("london_60fps_dup_320x240.mp4", 330, [], marks=pytest.mark.slow),
    ],
)
def test_the_cuts_of_real_clips(shared: Path, name: str, taken: int, found: list[int]) -> None:
    video = open_video(shared / "data" / "clips" / name)
    assert cuts(list(islice(video, taken))) == found


@pytest.mark.slow
def test_of_thirty_pairs_of_real_shots_as_many_cuts_are_found_in_the_dark(shared: Path) -> None:
    """At full brightness and at an eighth: 29 at least, and no false alarm within the shots."""
    shots_ = []
    for file in sorted((shared / "data" / "clips").iterdir()):
        if file.name == "bbb_800x640_firstpts10s.mp4":
            continue  # which has a cut of its own
        try:
            video = open_video(file)
            first = list(islice(video, 8)) if video.width >= 160 else []
        except DatasetError:
            continue
        small = [cv2.resize(one, (320, 240), interpolation=cv2.INTER_AREA) for one in first]
        if len(small) == 8 and small[0].std() > 20:
            shots_.append(small)
    pairs, used = [], Counter[int]()
    for i, j in combinations(range(len(shots_)), 2):
        apart = np.abs(shots_[i][-1].astype(float) - shots_[j][0]).mean()
        if max(used[i], used[j]) < 2 and apart > 30:  # not two versions of one film
            pairs.append((i, j))
            used.update((i, j))
    assert len(pairs) >= 30
    for part in (1, 8):
        found = [
            cuts([np.asarray(frame // part, np.uint8) for frame in shots_[i] + shots_[j]]) == [8]
            for i, j in pairs[:30]
        ]
        assert sum(found) >= 29, part
        alarms = [cuts([np.asarray(frame // part, np.uint8) for frame in s]) for s in shots_]
        assert sum(map(bool, alarms)) == 0, part
