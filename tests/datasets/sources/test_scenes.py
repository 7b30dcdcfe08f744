"""Which scenes a folder or a file holds, whatever they are called."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.errors import DatasetError
from stvt.datasets.sources.scenes import Pictures, VideoFile, find_scenes, safe_name, set_name

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]


def test_a_folder_of_frames_is_one_scene(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    write_clip(tmp_path / "walk", moving_square(3))
    (scene,) = find_scenes(tmp_path / "walk").scenes
    assert isinstance(scene, Pictures)
    assert (scene.name, len(scene.files)) == ("walk", 3)


def test_folders_and_videos_are_scenes_side_by_side_and_what_is_neither_is_said(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    write_clip(tmp_path / "walk 10", moving_square(3))
    write_clip(tmp_path / "walk 9", moving_square(3))
    for name in ("-clip-.MP4", "walk 9.mov", "README.md", ".hidden.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "docs").mkdir()
    found = find_scenes(tmp_path)
    assert [scene.name for scene in found.scenes] == ["clip-", "walk_9", "walk_9_2", "walk_10"]
    assert isinstance(found.scenes[0], VideoFile)
    assert found.notes == [f"left out of {tmp_path}, holding no frames: docs"]


@pytest.mark.parametrize("inner", ["GT", "hr"])
def test_the_true_frames_of_published_layouts_are_found(
    inner: str, tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    write_clip(tmp_path / "a" / inner / "city", moving_square(3))
    write_clip(tmp_path / "a" / "BIx4" / "city", moving_square(3))
    write_clip(tmp_path / "b" / "city" / inner, moving_square(3))
    write_clip(tmp_path / "b" / "city" / "lr_x4", moving_square(3))
    for folder in ("a", "b"):
        (scene,) = find_scenes(tmp_path / folder).scenes
        assert isinstance(scene, Pictures)
        assert scene.name == "city"
        assert inner in scene.files[0].parts


def test_a_gap_in_the_numbers_stops_that_scene_alone(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    write_clip(tmp_path / "good", moving_square(3))
    write_clip(tmp_path / "bad", moving_square(4))
    (tmp_path / "bad" / "00000002.png").unlink()
    found = find_scenes(tmp_path)
    assert [scene.name for scene in found.scenes] == ["good"]
    assert len(found.failures) == 1
    assert found.failures[0].startswith("bad: ")
    assert "frame number 2 is missing" in found.failures[0]


def test_a_source_that_is_not_there_or_holds_nothing_ends_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file or folder"):
        find_scenes(tmp_path / "none")
    with pytest.raises(DatasetError, match="holds no frames"):
        find_scenes(tmp_path)
    (tmp_path / "one.png").touch()
    with pytest.raises(DatasetError, match="is one picture; give the folder"):
        find_scenes(tmp_path / "one.png")


@pytest.mark.parametrize("name", ["..", "../../x", "", " ", "-", "a b\tc", "a/b\\c", "\u202e\0x"])
def test_the_name_of_a_scene_is_one_word_and_one_folder(name: str) -> None:
    word = safe_name(name, set())
    assert word == word.strip(" .-/\\") or word.endswith("-")
    assert word
    assert not set(word) & set("/\\ \t\0")
    assert not word.startswith(("-", "."))


def test_scenes_whose_names_differ_in_case_alone_get_different_folders() -> None:
    taken: set[str] = set()
    assert [safe_name(name, taken) for name in ("City", "city", "city_2")] == [
        "City",
        "city_2",
        "city_2_2",
    ]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "x" * 99])
def test_the_name_of_a_set_is_refused_if_it_is_no_plain_word(name: str) -> None:
    with pytest.raises(DatasetError, match="cannot be the name of a data set"):
        set_name(name)
