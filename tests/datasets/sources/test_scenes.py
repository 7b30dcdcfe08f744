"""Which scenes a folder or a file holds, whatever they are called."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stvt.datasets.errors import DatasetError
from stvt.datasets.sources.scenes import find_scenes, safe_name, set_name

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]


def test_a_folder_of_frames_is_one_scene(
    tmp_path: Path, moving_square: Clip, write_clip: Write
) -> None:
    write_clip(tmp_path / "walk", moving_square(3))
    write_clip(tmp_path / "run" / "GT", moving_square(3))
    for name in ("walk", "run"):
        (scene,) = find_scenes(tmp_path / name).scenes
        assert scene.kind == "frames"
        assert (scene.name, len(scene.files)) == (name, 3)


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
    assert found.scenes[0].kind == "video"
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
        assert scene.kind == "frames"
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


def write_video(path: Path, form: str, codec: str, frames: int = 6) -> None:
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for value in range(frames):
            frame = np.full((48, 64, 3), 40 * value, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def test_videos_are_found_by_what_ffmpeg_finds_in_them(tmp_path: Path) -> None:
    kinds = {"nut": "nut", "divx": "avi", "trp": "mpegts", "mod": "mpeg", "clip": "matroska"}
    for suffix, form in kinds.items():
        write_video(tmp_path / f"{suffix}.{suffix}", form, "mpeg2video")
    for suffix in ("bin", "dat"):
        (tmp_path / f"numbers.{suffix}").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "notes.txt").write_text("of no use")
    write_video(tmp_path / "still.avif", "avif", "libsvtav1", frames=1)
    found = find_scenes(tmp_path)
    assert sorted(scene.name for scene in found.scenes) == sorted(kinds)
    assert found.notes == [
        f"left out of {tmp_path}: 1 of .avif, 1 of .bin, 1 of .dat are of kinds that are not read"
    ]


@pytest.mark.parametrize("suffix", ["exr", "dpx", "avif"])
@pytest.mark.parametrize("inner", [".", "clip"])
def test_pictures_of_a_kind_that_is_not_read_are_named(
    inner: str, suffix: str, tmp_path: Path
) -> None:
    (tmp_path / inner).mkdir(exist_ok=True)
    for index in range(3):
        (tmp_path / inner / f"{index}.{suffix}").write_bytes(b"v/1\x01" + bytes(64))
    with pytest.raises(DatasetError, match=rf"3 of \.{suffix} are of kinds .*pictures are \.png"):
        find_scenes(tmp_path)


def test_an_animated_webp_is_no_video_that_can_be_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(DatasetError, match="is an animated WebP.*make it a GIF"):
        find_scenes(tmp_path / "a.webp")


@pytest.mark.parametrize(
    "names",
    [
        ["1403636579763555584", "1403636579813555712", "1403636579863555584"],
        ["1305031102.175304", "1305031102.211214", "1305031103.1"],
        ["0", "33", "67", "100"],
    ],
)
def test_time_stamps_are_taken_in_their_order_and_that_is_said(
    names: list[str], tmp_path: Path, moving_square: Clip
) -> None:
    for name in names:
        Image.fromarray(moving_square(1)[0]).save(tmp_path / f"{name}.png")
    found = find_scenes(tmp_path)
    (scene,) = found.scenes
    assert scene.kind == "frames"
    assert [file.stem for file in scene.files] == names
    assert found.notes == [f"{scene.name}: named by time stamps, taken in their order"]


@pytest.mark.parametrize(
    "name", ["..", "../../x", "", " ", "-", "a b\tc", "a/b\\c", "\u202e\0x", "漢" * 85, "\udce9t"]
)
def test_the_name_of_a_scene_is_one_word_and_one_folder(name: str) -> None:
    word = safe_name(name, set())
    assert word == word.strip(" .-/\\") or word.endswith("-")
    assert word
    assert len(word.encode()) <= 80
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
