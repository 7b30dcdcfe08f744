"""Frames made by another program: found, matched by index, and checked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from stvt.baselines.errors import MethodError
from stvt.baselines.method import Scene
from stvt.baselines.precomputed import PrecomputedFrames, numbered

Frame = NDArray[np.uint8]
SCENE = Scene("vid", "walk", frames=7, step=2, height=8, width=12)


def truth(index: int) -> Frame:
    """A frame that says its index, and is unlike its neighbours."""
    x = np.arange(12)[None, :, None] - 2 * index
    wave = 127 + 100 * np.sin(x / 3 + np.arange(8)[:, None, None])
    return np.repeat(wave, 3, axis=2).astype(np.uint8)


def write(folder: Path, indexes: range, name: Callable[[int], str] = "{:08}.png".format) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in indexes:
        Image.fromarray(truth(index)).save(folder / name(index))
    return folder


def begun(folder: Path, scene: Scene = SCENE) -> PrecomputedFrames:
    method = PrecomputedFrames("mine", folder, 4)
    method.begin(scene)
    return method


@pytest.mark.parametrize("place", ["vid/walk", "walk", "."])
def test_frames_are_found_and_come_at_their_time(tmp_path: Path, place: str) -> None:
    write(tmp_path / place, range(7))
    method = begun(tmp_path)
    outputs = list(method.stream([], [0.5]))
    assert [time for time, _ in outputs] == [0, 0.5, 1, 1.5, 2, 2.5, 3]
    for index, (_, frame) in enumerate(outputs):
        pixels = (frame * 255).round().byte().permute(1, 2, 0).numpy()
        np.testing.assert_array_equal(pixels, truth(index))
    assert method.warnings == []


def test_three_new_frames_in_four(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)), Scene("vid", "walk", 7, 4, 8, 12))
    assert [time for time, _ in method.stream([], [0.25, 0.5, 0.75])] == [0, 0.25, 0.5, 0.75, 1]


def test_only_the_frames_that_count_must_be_there(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(1, 7, 2)))
    wanted = [time for time, _ in method.stream([], [0.5], lambda time: time % 1 > 0)]
    assert wanted == [0.5, 1.5, 2.5]
    with pytest.raises(MethodError, match="misses 4 of 7 frames, the first is number 0"):
        list(method.stream([], [0.5]))


def test_frames_numbered_by_themselves_are_said_to_be_missing(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(3)))
    with pytest.raises(MethodError, match="numbered 0 to 2, and the number in a name must be"):
        list(method.stream([], [0.5], lambda time: time % 1 > 0))


def test_numbering_from_one_is_read_and_said_loudly(tmp_path: Path) -> None:
    write(tmp_path, range(7), lambda index: f"frame_{index + 1}.png")
    method = begun(tmp_path)
    assert len(method.warnings) == 1 and "numbered from 1" in method.warnings[0]
    (_, first), *_ = method.stream([], [0.5])
    np.testing.assert_allclose(first.permute(1, 2, 0).numpy() * 255, truth(0), atol=1e-3)


def test_frames_too_many_are_said(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(9)))
    assert "2 more frames than the scene's 7" in method.warnings[0]
    assert len(list(method.stream([], [0.5]))) == 7


def test_a_frame_of_another_size_is_named_before_any_is_scored(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)))
    Image.fromarray(truth(0)[:4]).save(tmp_path / "00000005.png")
    with pytest.raises(MethodError, match=r"00000005.png is 12x4, the scene's frames are 12x8"):
        next(iter(method.stream([], [0.5])))


def test_files_that_are_not_scored_may_be_of_another_size(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)))
    for index in range(0, 7, 2):  # the input frames, small as they were given
        Image.fromarray(truth(index)[::4, ::4]).save(tmp_path / f"{index:08}.png")
    method.begin(SCENE)
    assert [time for time, _ in method.stream([], [0.5], lambda time: time % 1 > 0)] == [
        0.5,
        1.5,
        2.5,
    ]
    method.check_shift(truth)
    assert method.warnings == []


def test_alpha_that_is_left_out_of_any_frame_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "walk", range(7))
    frame = Image.open(folder / f"{4:08}.png")
    frame.putalpha(200)
    frame.save(folder / f"{4:08}.png")
    method = begun(tmp_path)
    for index in range(7):
        method.read(index)
    method.warn_of_reading()
    assert method.warnings == [f"mine: {folder}: alpha: composited over black"]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)))
    (tmp_path / "00000002.png").write_text("no picture")
    with pytest.raises(MethodError, match=r"mine: .*00000002.png: cannot be read"):
        list(method.stream([], [0.5]))


def test_a_time_between_frames_is_refused(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)))
    with pytest.raises(MethodError, match="lies between frames"):
        list(method.stream([], [0.25]))


def test_folders_that_hold_nothing_are_named(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match="there is no folder"):
        PrecomputedFrames("mine", tmp_path / "gone", 4)
    with pytest.raises(MethodError, match="no frames of vid/walk"):
        begun(tmp_path)
    (tmp_path / "walk").mkdir()
    with pytest.raises(MethodError, match="holds no frames"):
        begun(tmp_path)


def test_the_frames_of_one_scene_are_not_taken_for_two(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)))
    with pytest.raises(MethodError, match="but there are several"):
        method.begin(Scene("vid", "city", 7, 2, 8, 12))


@pytest.mark.parametrize("offset,said", [(1, "after"), (-1, "before")])
def test_frames_shifted_by_one_are_noticed(tmp_path: Path, offset: int, said: str) -> None:
    for index in range(7):
        Image.fromarray(truth(index + offset)).save(tmp_path / f"{index}.png")
    method = begun(tmp_path)
    method.check_shift(truth)
    assert len(method.warnings) == 1
    assert f"nearer to the truth {said} them" in method.warnings[0]


def test_frames_seen_while_scoring_are_not_read_again_for_the_shift(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)))
    for index in range(7):
        (tmp_path / f"{index:08}.png").unlink()
        method.observe(index, truth(index + 1), truth(index))
    method.check_shift(lambda index: pytest.fail(f"truth {index} was read again"))
    assert len(method.warnings) == 1 and "nearer to the truth after" in method.warnings[0]
    assert sum(map(len, method.samples)) < 7  # not all of a long scene is kept


def test_frames_in_their_place_are_not_called_shifted(tmp_path: Path) -> None:
    method = begun(write(tmp_path, range(7)))
    method.check_shift(truth)
    for index in range(1, 7, 2):  # what `repeat` makes is nearest to the frame before
        Image.fromarray(truth(index - 1)).save(tmp_path / f"{index:08}.png")
    method.check_shift(truth)
    assert method.warnings == []


def test_the_number_is_the_one_that_differs() -> None:
    files = [Path(f"vid4_{index}_x4.jpg") for index in (3, 10)]
    assert numbered(files, Path()) == {3: files[0], 10: files[1]}


@pytest.mark.parametrize(
    "names,what",
    [
        (["1.png", "01.png"], "are both 1"),
        (["a.png", "1.png"], "do not all follow one pattern"),
        (["1_2.png", "2_3.png"], "several numbers"),
    ],
)
def test_names_without_one_clear_number_are_refused(names: list[str], what: str) -> None:
    with pytest.raises(MethodError, match=what):
        numbered([Path(name) for name in names], Path())
