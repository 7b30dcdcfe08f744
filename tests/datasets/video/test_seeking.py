"""Reading from the middle of a video: the frames that reading from its beginning gives, and no others."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.video import reader as video_module
from stvt.datasets.video.reader import Video, open_video
from stvt.datasets.video.timestamps import SeekPoint, read_timestamps

EVEN = [10 * k for k in range(24)]
UNEVEN = [10 * k + 4 * (k % 3) + 25 * (k > 9) for k in range(24)]


def clip(path: Path, stamps: Sequence[int]) -> Path:
    """Frames of a bright square on its way, at stamps of hundredths of a second, from 2 s on."""
    with av.open(str(path), "w") as output:
        options = {"qp": "20", "g": "6", "bf": "2", "sc_threshold": "0"}
        stream: Any = output.add_stream("libx264", rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 100)
        for number, stamp in enumerate(stamps):
            picture = np.full((48, 64, 3), 5 * number, np.uint8)
            picture[10:20, 2 * number : 2 * number + 9] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = 200 + stamp, Fraction(1, 100)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def taken(video: Video, entry: SeekPoint | None, most: int | None = None) -> list[Any]:
    return [(stamp, picture.tobytes()) for stamp, picture in islice(video.timed(True, entry), most)]


@pytest.mark.parametrize("stamps", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_every_frame_can_be_reached_from_its_key_frame(
    tmp_path: Path, name: str, stamps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clip(tmp_path / name, stamps)
    when, video = read_timestamps(path, 0), open_video(path)
    assert when.constant_rate == (stamps is EVEN) and len(when.keys) >= 4
    whole = taken(video, None)
    decoded = 0
    plain = video_module._decode

    def counting(*told: Any) -> Any:
        nonlocal decoded
        for frame in plain(*told):
            decoded += 1
            yield frame

    monkeypatch.setattr(video_module, "_decode", counting)
    for number in range(1, 24):
        decoded = 0
        entry = when.seek_point(Fraction(stamps[number] - stamps[0], 100))
        if entry is None:
            assert when.ticks[number] < when.keys[1]
            continue
        assert (entry.number, entry.tick) == (number, when.ticks[number])
        assert taken(video, entry) == whole[number:]
        assert decoded <= 24 - number + 11  # no more than two key frames away
        assert not video.facts["partial"] and not any("promises" in n for n in video.notes)


def test_between_two_frames_the_later_one_counts_and_after_the_last_there_is_none(
    tmp_path: Path,
) -> None:
    for stamps in (EVEN, UNEVEN):
        when = read_timestamps(clip(tmp_path / "a.mp4", stamps), 0)
        for seconds in (Fraction(121, 100), Fraction(149, 100)):
            entry = when.seek_point(seconds)
            assert entry is not None
            past = [(tick - when.ticks[0]) * when.tick for tick in when.ticks]
            assert past[entry.number - 1] < seconds <= past[entry.number]
        assert when.seek_point(Fraction(0)) is None and when.seek_point(Fraction(30)) is None


@pytest.mark.parametrize("wrong", [{"key": -1}, {"tick": 1}], ids=["no such key", "no such frame"])
def test_an_entry_that_does_not_lead_to_its_frame_is_not_believed(
    tmp_path: Path, wrong: dict[str, int]
) -> None:
    path = clip(tmp_path / "a.mp4", EVEN)
    when, video = read_timestamps(path, 0), open_video(path)
    entry = when.seek_point(Fraction(15, 10))
    assert entry is not None
    changed = {name: getattr(entry, name) + more for name, more in wrong.items()}
    whole = taken(video, None)
    assert taken(video, replace(entry, **changed)) == whole[15 + ("tick" in wrong) :]


@pytest.mark.parametrize("codec", ["gif", "apng"])
def test_pictures_painted_over_each_other_have_no_entry(tmp_path: Path, codec: str) -> None:
    path = tmp_path / f"a.{codec}"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=10)
        stream.width, stream.height = 16, 16
        stream.pix_fmt = "rgb8" if codec == "gif" else "rgb24"
        for number in range(6):
            picture: NDArray[np.uint8] = np.full((16, 16, 3), 40 * number, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    assert read_timestamps(path, 0).seek_point(Fraction(3, 10)) is None


# Edit lists, starts that are not 0, no index, 4:4:4 whose decoder must know the encoder.
@pytest.mark.parametrize(
    ("name", "enters"),
    [
        ("discard_first_keyframe.mp4", True),
        ("edit_list_preroll.mp4", False),
        ("non_zero_start.mp4", False),
        ("friday_bw.mp4", True),
        ("flower.webm", True),
        ("bbb_176x144_h263.3gp", True),
        ("park_joy_480x270_50fps.y4m", True),
        ("unordered_pts.avi", False),
        ("sample_960x400.avi", True),
        ("animated.gif", False),
        pytest.param("cockatoo_444.mp4", True, marks=pytest.mark.slow),
        pytest.param("london_60fps_dup_320x240.mp4", True, marks=pytest.mark.slow),
    ],
)
def test_real_files_give_the_same_frames_from_wherever_they_are_entered(
    shared: Path, name: str, enters: bool
) -> None:
    path = shared / "data" / "clips" / name
    video = open_video(path)
    when = read_timestamps(path, int(str(video.facts["stream"])))
    entry = when.seek_point(when.seconds * Fraction(9, 10))
    assert (entry is not None) == enters
    if entry is not None:
        whole = taken(video, None, entry.number + 3)
        assert taken(video, entry, 3) == whole[entry.number :]
