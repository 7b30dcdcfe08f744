"""Clips as files: what is written is what is read, whole or not at all."""

import hashlib
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.clips.storage import STORAGES, open_clip, suffix, write_clip
from stvt.datasets.errors import DatasetError
from stvt.datasets.frames import Box

Frame = NDArray[np.uint8]
stored = pytest.mark.parametrize("storage", list(STORAGES))


@pytest.fixture(scope="module")
def frames(moving_square: Callable[..., list[Frame]]) -> list[Frame]:
    """Thirty frames of an odd size: a square that moves under noise, for nothing is smooth."""
    noise = np.random.default_rng(1).integers(0, 60, (30, 27, 45, 3), np.uint8)
    return [frame // 2 + grain for frame, grain in zip(moving_square(30, 27, 45), noise)]


@stored
def test_frames_come_back_bit_by_bit_in_any_order(
    tmp_path: Path, frames: list[Frame], storage: str
) -> None:
    path = tmp_path / "new" / f"clip{suffix(storage)}"
    written = write_clip(path, iter(frames))
    clip = open_clip(path)
    assert (len(clip), clip.shape) == (30, (30, 27, 45, 3))
    for asked in ([0], [29], [3, 4, 5, 6], [8, 7, 6], [2, 20, 2], range(30), []):
        got = clip.read(asked)
        assert got.dtype == np.uint8 and got.shape == (len(asked), 27, 45, 3)
        np.testing.assert_array_equal(got, np.array([frames[i] for i in asked]).reshape(got.shape))
    assert written.sha256 == hashlib.sha256(np.stack(frames).tobytes()).hexdigest()
    assert (written.frames, written.height, written.width) == (30, 27, 45)


@stored
def test_a_box_gives_that_part(tmp_path: Path, frames: list[Frame], storage: str) -> None:
    path = tmp_path / f"clip{suffix(storage)}"
    write_clip(path, frames)
    got = open_clip(path).read([5, 9], box=Box(3, 11, 16, 8))
    np.testing.assert_array_equal(got, np.stack([frames[i][3:19, 11:19] for i in (5, 9)]))
    got[:] = 0  # its own memory
    with pytest.raises(IndexError, match="45x27 does not hold"):
        open_clip(path).read([5], box=Box(20, 0, 8, 8))


@stored
def test_two_runs_write_the_same_bytes(tmp_path: Path, frames: list[Frame], storage: str) -> None:
    one, other = (tmp_path / f"{name}{suffix(storage)}" for name in "ab")
    write_clip(one, frames)
    write_clip(other, frames)
    assert one.read_bytes() == other.read_bytes()


@stored
def test_what_is_cut_short_leaves_nothing_and_keeps_what_was(
    tmp_path: Path, frames: list[Frame], storage: str
) -> None:
    path = tmp_path / f"clip{suffix(storage)}"
    write_clip(path, frames[:2])

    def breaking() -> Iterator[Frame]:
        yield from frames[:20]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_clip(path, breaking())
    with pytest.raises(DatasetError, match="differ in size"):
        write_clip(path, [frames[0], frames[1][:-1]])
    with pytest.raises(DatasetError, match="no frames"):
        write_clip(path, [])
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert len(open_clip(path)) == 2


@stored
def test_only_one_frame_is_held_while_writing(tmp_path: Path, storage: str) -> None:
    alive = 0

    class Counted(np.ndarray[tuple[int, ...], np.dtype[np.uint8]]):
        def __del__(self) -> None:
            nonlocal alive
            alive -= self.base is None

    most = 0

    def passing() -> Iterator[Frame]:
        nonlocal alive, most
        for number in range(40):
            frame = np.ndarray.__new__(Counted, (16, 16, 3), np.uint8)
            frame[:] = number
            alive += 1
            most = max(most, alive)
            yield frame

    write_clip(tmp_path / f"clip{suffix(storage)}", passing())
    assert most <= 3


@stored
def test_a_clip_may_be_pickled(tmp_path: Path, frames: list[Frame], storage: str) -> None:
    path = tmp_path / f"clip{suffix(storage)}"
    write_clip(path, frames)
    sent = pickle.dumps(open_clip(path))
    assert len(sent) < 500  # the name, not the frames
    np.testing.assert_array_equal(pickle.loads(sent).read([7])[0], frames[7])


@stored
def test_threads_may_read_one_clip_at_the_same_time(
    tmp_path: Path, frames: list[Frame], storage: str
) -> None:
    path = tmp_path / f"clip{suffix(storage)}"
    write_clip(path, frames)
    clip = open_clip(path)
    with ThreadPoolExecutor(4) as pool:
        for number, got in enumerate(pool.map(lambda n: clip.read([n % 30]), range(120))):
            np.testing.assert_array_equal(got[0], frames[number % 30])


@stored
def test_frames_that_are_not_there_are_said(
    tmp_path: Path, frames: list[Frame], storage: str
) -> None:
    path = tmp_path / f"clip{suffix(storage)}"
    write_clip(path, frames)
    for number in (30, -1):
        with pytest.raises(IndexError, match="frames 0 to 29"):
            open_clip(path).read([0, number])


@stored
def test_a_damaged_clip_is_one_line(tmp_path: Path, frames: list[Frame], storage: str) -> None:
    path = tmp_path / f"clip{suffix(storage)}"
    write_clip(path, frames)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:20], b"", b"no clip at all"):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match=f"clip{suffix(storage)}: ") as caught:
            open_clip(path).read(range(30))
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(DatasetError, match="no such file"):
        open_clip(path)


def test_what_is_no_clip_and_no_storage_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no clip; clips end in .npy"):
        open_clip(tmp_path / "clip.txt")
    with pytest.raises(DatasetError, match="no storage 'zip'"):
        suffix("zip")


def test_any_rows_of_a_lossless_frame_can_be_had_alone(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    frames = random.integers(0, 256, (2, 150, 37, 3), np.uint8)
    frames[1] //= 16  # other codes
    write_clip(tmp_path / "clip.avi", frames)
    clip = open_clip(tmp_path / "clip.avi")
    for top, rows in [(0, 1), (149, 1), (29, 2), (30, 30), (31, 88), (0, 150), (60, 90), (7, 0)]:
        got = clip.read([1, 0], box=Box(top, 5, rows, 20))
        np.testing.assert_array_equal(got, frames[::-1, top : top + rows, 5:25])


def test_a_damaged_frame_is_one_line_and_the_others_are_read(tmp_path: Path) -> None:
    frames = np.random.default_rng(3).integers(0, 256, (3, 64, 64, 3), np.uint8)
    path = tmp_path / "clip.avi"
    write_clip(path, frames)
    content = bytearray(path.read_bytes())
    at = [i for i in range(len(content)) if content[i : i + 4] == b"MAGY"][-2]
    content[at + 20 : at + 60] = bytes(40)
    path.write_bytes(content)
    clip = open_clip(path)
    np.testing.assert_array_equal(clip.read([0, 2]), frames[[0, 2]])
    for box in (None, Box(0, 0, 8, 8)):
        with pytest.raises(DatasetError, match="frame 1 is damaged: "):
            clip.read([0, 1], box)


def test_other_video_is_no_clip(tmp_path: Path) -> None:
    with av.open(tmp_path / "clip.avi", "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "bgr0"
        container.mux(stream.encode(av.VideoFrame(32, 32, "bgr0")))
        container.mux(stream.encode(None))
    with pytest.raises(DatasetError, match="holds no magicyuv video"):
        open_clip(tmp_path / "clip.avi")


def test_a_header_that_promises_too_much_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_clip(path, np.zeros((2, 16, 16, 3), np.uint8))
    whole = path.read_bytes()
    count = whole.index(b"strh") + 8 + 32  # frames of the stream
    width = whole.index(b"MAGY\x20\0\0\0", whole.index(b"movi")) + 16  # of the first frame
    for at in (count, width):
        path.write_bytes(whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :])
        with pytest.raises(DatasetError, match="clip.avi: "):
            open_clip(path)
