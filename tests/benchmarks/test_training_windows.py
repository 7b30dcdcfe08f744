"""Training windows: the same by every way to store clips, and the time each takes."""

import json
from pathlib import Path

import numpy as np
import pytest

from stvt.datasets.clips.storage import write_clip
from stvt.datasets.errors import DatasetError
from stvt.datasets.frames import Box, write_frame
from tests.benchmarks.training_windows import PictureFolder, main, measure, table


def test_every_way_gives_the_same_windows_in_each_round(tmp_path: Path) -> None:
    (one,) = measure(None, tmp_path, [32], size=(64, 80), rounds=2, number=2)
    assert one.same
    assert [way.name for way in one.ways] == ["PNG files", "npy", "magicyuv"]
    for way in one.ways:
        assert len(way.seconds) == len(way.read) == 2
        assert all(0 <= part <= whole for part, whole in zip(way.read, way.seconds, strict=True))
        assert way.frame_bytes > 0
    rows = table([one])
    assert rows[0]["ratio"] == 1 and rows[0]["patch"] == 32


def test_clips_of_a_training_set_are_measured(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), np.uint8)
    written = write_clip(tmp_path / "set" / "clips" / "x.npy", frames)
    clip: dict[str, object] = {"name": "x", "file": "clips/x.npy", "video": "v", "split": "train"}
    clip |= {"frames": 16, "height": 64, "width": 64, "sha256": written.sha256}
    manifest = {"schema": 2, "kind": "training", "name": "set", "clips": [clip], "refused": []}
    (tmp_path / "set" / "manifest.json").write_text(json.dumps(manifest))
    (one,) = measure("set", tmp_path, [32], rounds=1, number=1)
    assert one.same and one.ways[1].frame_bytes == pytest.approx(64 * 64 * 3 + 8)
    with pytest.raises(DatasetError, match="no training set 'other'"):
        measure("other", tmp_path)


def test_a_folder_of_pictures_is_read_as_a_clip_is(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 9, 12, 3), np.uint8)
    for number, frame in enumerate(frames):
        write_frame(tmp_path / f"{number}.png", frame)
    clip = PictureFolder(tmp_path)
    assert (len(clip), clip.shape) == (3, (3, 9, 12, 3))
    np.testing.assert_array_equal(clip.read([2, 0], Box(1, 2, 5, 6)), frames[[2, 0], 1:6, 2:8])
    np.testing.assert_array_equal(clip.read([1]), frames[[1]])


def test_the_command_prints_a_table_and_writes_every_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "data.json"
    arguments = ["--size", "64x56", "--rounds", "1", "--windows", "2", "--patch", "32"]
    main([*arguments, "--json", str(file)])
    out = capsys.readouterr().out
    assert "windows/s" in out and "magicyuv" in out and "64x56" in out
    (one,) = json.loads(file.read_text())["windows"]
    assert one["same"] and len(one["ways"]["npy"]["seconds"]) == 1
    with pytest.raises(DatasetError, match="take a smaller patch"):
        main([*arguments[:-1], "4096"])
