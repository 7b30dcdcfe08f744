"""The windows that networks learn from."""

import json
from pathlib import Path

import numpy as np
import pytest

from stvt.datasets import DatasetError
from stvt.datasets.clips.sampler import Sampler, Sampling, collate
from stvt.datasets.clips.storage import open_clip, write_clip
from stvt.datasets.clips.synthetic import clip, photographs
from stvt.datasets.degradation import degrade
from stvt.datasets.training_set import TrainingClip, load_training


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> TrainingClip:
    """A clip in which the red level of a frame is its number, with a slope in the others."""
    rows, columns = np.mgrid[:96, :112]
    frames = [
        np.stack([np.full_like(rows, 5 * t), rows * 2, columns * 2], -1).astype(np.uint8)
        for t in range(24)
    ]
    file = tmp_path_factory.mktemp("clips") / "one.npy"
    write_clip(file, frames)
    return TrainingClip("one", file, "one", "train", 24, 96, 112, {})


def drawn(clip: TrainingClip, seed: int = 0, **sampling: object) -> Sampler:
    return Sampler([([clip], 1.0)], Sampling(patch=64, **sampling), seed)  # type: ignore[arg-type]


def test_a_window_holds_every_second_frame_and_the_truth_between_them(stored: TrainingClip) -> None:
    windows = drawn(stored, frames=8)
    directions = set()
    for place in range(12):
        one = windows(0, place)
        inputs = one.lq[:, 0, 0, 0].astype(int) // 5
        centre, between = one.gt[:, 0, 0, 0].astype(int) // 5
        steps = set(np.diff(inputs).tolist())
        assert steps in ({2}, {-2})
        directions |= steps
        assert centre == inputs[3]
        assert between == (inputs[3] + inputs[4]) / 2
        assert one.gt_between[0, 0, 0, 0] // 5 == between
        assert one.lq.shape == (8, 16, 16, 3)
        assert one.gt.shape == (2, 64, 64, 3)
    assert directions == {2, -2}, "both directions of time"


def test_the_pair_in_the_middle_of_eight_frames_is_the_same_in_both_directions(
    stored: TrainingClip,
) -> None:
    short = TrainingClip("one", stored.file, "one", "train", 15, 96, 112, {})  # one start only
    windows = drawn(short, frames=8)
    assert {int(windows(0, k).gt[1, 0, 0, 0]) // 5 for k in range(8)} == {7}


def test_three_moments_between_two_frames_are_in_order(stored: TrainingClip) -> None:
    one = drawn(stored, frames=7, between=3 if stored.frames > 24 else 2)(3, 1)
    inputs = one.lq[:, 0, 0, 0].astype(int) // 5
    moments = one.gt[:, 0, 0, 0].astype(int) // 5
    assert np.array_equal(moments, np.linspace(inputs[3], inputs[4], 4)[:3])


@pytest.mark.parametrize("degradation", ["BD", "BI", "BDC"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_small_frames_are_the_degraded_large_ones(
    stored: TrainingClip, scale: int, degradation: str
) -> None:
    patch = 16 * scale
    sampling = Sampling(7, patch=patch, scale=scale, degradation=degradation, augment=False)
    one = Sampler([([stored], 1.0)], sampling, 0)(0, 0)
    whole = open_clip(stored.file).read([int(one.gt[0, 0, 0, 0]) // 5])[0]
    # The slopes say where the crop is.
    top, left = int(one.gt[0, 0, 0, 1]) // 2, int(one.gt[0, 0, 0, 2]) // 2
    whole = whole[top % scale :, left % scale :]  # as the phase of the crop
    whole = whole[: len(whole) // scale * scale, : whole.shape[1] // scale * scale]
    small = degrade(whole, degradation, scale)[top // scale :, left // scale :]
    assert np.array_equal(one.lq[3], small[:16, :16])
    assert one.gt.shape == (2, patch, patch, 3)


def test_windows_are_a_function_of_seed_step_and_place(stored: TrainingClip) -> None:
    again = collate([drawn(stored)(4, 2)])
    assert np.array_equal(collate([drawn(stored)(4, 2)])["lq"], again["lq"])
    others = [drawn(stored)(5, 2), drawn(stored)(4, 3), drawn(stored, seed=1)(4, 2)]
    assert not any(np.array_equal(collate([one])["lq"], again["lq"]) for one in others)


def test_clips_too_short_or_small_are_said_in_one_line(stored: TrainingClip) -> None:
    with pytest.raises(DatasetError, match="no clip of 29 frames of 80x80"):
        drawn(stored, frames=8, between=3)
    with pytest.raises(DatasetError, match="no multiple of 4"):
        Sampler([([stored], 1.0)], Sampling(patch=62), 0)


def test_a_photograph_in_motion_is_the_same_each_time_and_moves() -> None:
    pictures = list(photographs().values())
    one, again = (np.stack(list(clip(pictures, 5, frames=4, side=64))) for _ in range(2))
    assert np.array_equal(one, again)
    assert one.shape == (4, 64, 64, 3)
    assert not np.array_equal(one[0], one[3])


HEAD = {"schema": 2, "kind": "training", "name": "x"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "damaged"),
        (json.dumps(HEAD | {"kind": "test", "recipe": None, "multiple": 4}), "test set"),
        (json.dumps(HEAD | {"schema": 9}), "another version .* prepare the set again"),
        (json.dumps({"kind": "training", "format": 1}), "another version"),  # of 0.1.0
        (json.dumps(HEAD | {"clips": [{}]}), r"clips\[0\].name: is missing"),
    ],
)
def test_a_manifest_that_is_none_of_a_training_set_is_said(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "manifest.json").write_text(content)
    with pytest.raises(DatasetError, match=said):
        load_training("x", tmp_path)


def test_a_set_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="stvt prepare x"):
        load_training("x", tmp_path)
