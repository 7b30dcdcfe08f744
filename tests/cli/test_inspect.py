"""`stvt inspect`: a set as histograms and a page, of test sets and training sets."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt import datasets
from stvt.core.errors import UsageError
from stvt.datasets.clips.storage import write_clip
from stvt.inspection import inspect
from stvt.reports.figures.motion import EDGES, SceneOverview, motion_shares
from stvt.reports.page.inspect_page import inspect_page

Frame = NDArray[np.uint8]


@pytest.fixture
def test_set(
    tmp_path: Path, moving_square: Callable[..., list[Frame]], write_clip: Callable[..., Path]
) -> Path:
    """Two scenes prepared as the set `mine`, one of a name that must not become markup."""
    for name, frames in (("walk", 9), ("a<b>&c", 1)):
        write_clip(tmp_path / "source" / name, moving_square(frames, 32, 48))
    datasets.prepare("mine", tmp_path, tmp_path / "source")
    return tmp_path


@pytest.fixture
def training_set(tmp_path: Path, moving_square: Callable[..., list[Frame]]) -> Path:
    lines = []
    for number in range(5):
        frames = moving_square(6, 32, 48)
        written = write_clip(tmp_path / "train" / "clips" / f"c{number}.avi", frames)
        lines.append(
            {"name": f"c{number}", "file": f"clips/c{number}.avi", "video": "v", "split": "train"}
            | {"frames": 6, "height": 32, "width": 48, "rate": "240/1", "sha256": written.sha256}
            | {"motion": {"median": 0.5 * number, "p95": 2.0 * number}, "start": 0.0, "end": 1.0}
        )
    manifest = {"schema": 2, "kind": "training", "name": "train", "clips": lines, "refused": []}
    (tmp_path / "train" / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def test_a_test_set_becomes_a_page(test_set: Path) -> None:
    found = inspect("mine", test_set, test_set / "out")
    assert [row["scene"] for row in found.table][1] == "walk"
    assert found.table[1]["frames"] == "9" and found.table[1]["size"] == "48x32"
    assert "fps" not in found.table[1]  # not known of folders
    page = found.page.read_text("utf-8")
    assert page.count("<figure>") == 4 + 1  # of one frame there is no motion
    assert "a<b>" not in page and "<script" not in page and "http" not in page.split("<style>")[1]


def test_of_a_training_set_some_clips_are_shown_and_all_are_listed(training_set: Path) -> None:
    found = inspect("train", training_set, training_set / "out", most=2)
    assert found.shown == 2 and len(found.table) == 5
    assert found.table[4] == {
        "scene": "c4",
        "frames": "6",
        "size": "48x32",
        "fps": "240",
        "seconds": "0.03",
        "median motion": "2.00 px",
        "95 % below": "8.00 px",
        "video": "v",
        "split": "train",
    }
    page = found.page.read_text("utf-8")
    assert "frames 6 · size 48x32" in page and "<b>5</b> · frames" in page
    assert "2 of 5 scenes are shown" in page and "5 train, 0 validation" in page


def test_low_frames_of_a_training_set_are_refused(training_set: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="train is a training set"):
        inspect("train", training_set, tmp_path / "page", low=tmp_path)
    assert not (tmp_path / "page").exists()


def test_scenes_that_frames_made_elsewhere_lack_are_said(
    test_set: Path,
    tmp_path: Path,
    moving_square: Callable[..., list[Frame]],
    write_clip: Callable[..., Path],
) -> None:
    low = test_set / "low"
    write_clip(low / "a_b_c", moving_square(1, 8, 12))
    write_clip(low / "walk", moving_square(5, 8, 12))
    found = inspect("mine", test_set, test_set / "out", low=low)
    assert found.left_out == (f"{low / 'walk'} has 5 frames, walk has 9",)
    shutil.rmtree(low / "walk")
    found = inspect("mine", test_set, test_set / "out", low=low)
    assert found.left_out == (f"{low / 'walk'} has no frames, walk has 9",)
    with pytest.raises(datasets.DatasetError, match="frames of no scene: .*a_b_c has no frames"):
        inspect("mine", test_set, test_set / "out", low=tmp_path / "nowhere")


def test_two_looks_are_the_same_bytes(training_set: Path) -> None:
    one, other = (inspect("train", training_set, training_set / name) for name in ("a", "b"))
    for name in ("motion", "page"):
        assert getattr(one, name).read_bytes() == getattr(other, name).read_bytes()


def test_there_is_no_looking_at_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetError, match="nothing: is not prepared"):
        inspect("nothing", tmp_path, tmp_path / "out")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "manifest.json").write_text('{"schema": 2, "kind": "training"}')
    with pytest.raises(datasets.DatasetError, match="name: is missing"):
        inspect("train", tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_length_of_motion_falls_in_one_bin() -> None:
    lengths = np.array([0, 0.24, 0.25, 63.9, 64, 1000], np.float32)
    shares = motion_shares(lengths)
    assert len(shares) == len(EDGES)
    np.testing.assert_allclose(shares[[0, 1, -2, -1]] * 6, (2, 1, 1, 2))
    assert motion_shares(lengths[:0]).sum() == 0


def test_a_page_of_odd_shapes_is_still_a_page(tmp_path: Path) -> None:
    wide = np.zeros((2, 900, 3), np.uint8)
    tall = np.zeros((900, 2, 3), np.uint8)
    look = SceneOverview("x" * 300, {"frames": "2"}, [(0, wide), (1, tall)], None, 0)
    (tmp_path / "motion.png").write_bytes(b"")
    page = inspect_page("odd", {}, [look], [], tmp_path / "motion.png", "a note")
    assert "a note" in page and "There are none." in page
