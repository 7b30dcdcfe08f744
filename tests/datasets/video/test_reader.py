"""Video in: right frames, or one clear line."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from PIL import Image

from stvt.datasets.errors import DatasetError
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps
from tests.builders.coded_videos import greys, noise, put, said, write


def test_variable_frame_rate_gives_every_frame_once_and_says_the_gaps(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", greys(5), times=[0, 1, 2, 5, 6])
    video = open_video(path)
    assert [frame[0, 0, 0] for frame in video] == [0, 20, 40, 60, 80]
    assert video.facts["variable_frame_rate"] is True
    assert video.facts["gap_seconds"] == [0.1, 0.1, 0.3]
    assert "variable frame rate (gaps of 0.1000 to 0.3000 s, median 0.1000)" in said(video)


@pytest.mark.parametrize(
    ("shifts", "constant"),
    [([0, 9, 0, 0, 9, 0, 0, 9], True), ([0, 0, 0, 200, 200, 200, 200, 200], False)],
)
def test_one_file_has_one_rate_and_is_constant_for_every_reader_or_for_none(
    tmp_path: Path, shifts: list[int], constant: bool
) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=10)
        assert isinstance(stream, VideoStream)
        put(stream, greys(1)[0])
        stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for k, (frame, shift) in enumerate(zip(greys(8), shifts, strict=True)):
            frame.pts, frame.time_base = 100 * k + shift, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    video, stamps = open_video(path), read_timestamps(path, 0)
    list(video)
    assert (stamps.rate, stamps.constant_rate) == (Fraction(10), constant)
    assert video.fps == stamps.rate and video.facts["fps"] == "10"
    assert video.facts["variable_frame_rate"] is not constant
    assert ("variable frame rate" in said(video)) is not constant


def test_a_steady_clip_has_nothing_to_note(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "with space.mkv", greys(7)))
    assert (video.width, video.height, video.fps) == (32, 32, Fraction(10))
    assert len(list(video)) == 7
    assert video.notes == [] and video.facts["variable_frame_rate"] is False
    assert video.facts["frames_decoded"] == 7 and video.facts["partial"] is False


def test_frames_come_in_display_order_though_coded_in_another(tmp_path: Path) -> None:
    frames = [frame.reformat(format="yuv444p") for frame in greys(12)]
    video = open_video(write(tmp_path / "a.mp4", frames, "libx264"))
    levels = [int(frame.mean()) for frame in video]
    assert len(levels) == 12 and levels == sorted(levels)


def test_a_first_time_stamp_that_is_not_zero_is_said(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "a.mkv", greys(3), times=[25, 26, 27]))
    assert len(list(video)) == 3
    assert video.facts["first_pts_seconds"] == 2.5
    assert "the first time stamp is 2.500 s" in said(video)


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as output:
        cover, film = output.add_stream("png", rate=1), output.add_stream("libx264", rate=10)
        assert isinstance(cover, VideoStream) and isinstance(film, VideoStream)
        picture, frames = greys(1, 200, "rgb24")[0], noise(3)
        put(cover, picture, lambda s: setattr(s, "disposition", av.stream.Disposition.attached_pic))
        put(film, frames[0])
        output.mux(cover.encode(picture) + cover.encode())
        for i, frame in enumerate(frames):
            frame.pts, frame.time_base = i, Fraction(1, 10)
            output.mux(film.encode(frame))
        output.mux(film.encode())
    video = open_video(path)
    assert (video.width, len(list(video))) == (64, 3)
    assert "a cover picture is left out" in said(video)


def two_streams(path: Path, default: int | None) -> Path:
    """A file of a small stream and a large one, `default` marked as such."""
    with av.open(str(path), "w", options={"default_mode": "passthrough"}) as output:
        for index, size in enumerate((16, 48)):
            stream = output.add_stream("ffv1", rate=10)
            assert isinstance(stream, VideoStream)
            put(stream, greys(1, size)[0])
            if index == default:
                stream.disposition = av.stream.Disposition.default
        for time in range(3):
            for stream, size in zip(output.streams.video, (16, 48), strict=True):
                frame = greys(1, size)[0]
                frame.pts, frame.time_base = time, Fraction(1, 10)
                output.mux(stream.encode(frame))
        for stream in output.streams.video:
            output.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("default", "asked", "width"), [(0, None, 16), (1, None, 48), (None, None, 48), (1, 0, 16)]
)
def test_of_several_streams_the_default_is_read_or_the_largest_or_the_one_asked_for(
    tmp_path: Path, default: int | None, asked: int | None, width: int
) -> None:
    video = open_video(two_streams(tmp_path / "a.mkv", default), stream=asked)
    assert (video.width, len(list(video))) == (width, 3)
    assert f"stream {video.facts['stream']} of the video streams 0, 1 is read" in said(video)


def test_a_stream_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="stream 7 is no video; its video streams: 0, 1"):
        open_video(two_streams(tmp_path / "a.mkv", 0), stream=7)


def test_a_cut_file_gives_its_frames_and_says_partial(tmp_path: Path) -> None:
    whole = write(tmp_path / "w.mp4", noise(30), "libx264", movflags="faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    video = open_video(cut)
    count = len(list(video))
    assert 3 < count < 27 and video.facts["partial"] is True
    assert video.facts["frames_decoded"] == count and video.facts["frames_expected"] == 30
    assert f"partial: {count} of 30 frames decoded: " in said(video)


def test_a_cut_file_without_frame_count_is_known_by_its_duration(tmp_path: Path) -> None:
    whole = write(tmp_path / "w.mkv", noise(30))
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    video = open_video(cut)
    count = len(list(video))
    assert 3 < count < 27 and video.facts["partial"] is True
    assert f"partial: {count} frames decoded: the file ends at" in said(video)


def test_frames_of_another_size_are_scaled_to_the_first_ones_and_it_is_said(tmp_path: Path) -> None:
    parts = [
        write(tmp_path / f"{n}.mjpeg", noise(3, "yuvj420p", n), "mjpeg").read_bytes()
        for n in (64, 32)
    ]
    (tmp_path / "both.mjpeg").write_bytes(b"".join(parts))
    video = open_video(tmp_path / "both.mjpeg")
    assert [frame.shape for frame in video] == [(64, 64, 3)] * 6
    assert "size changes (to 32x32): 3 of 6 frames are scaled to the first one's" in said(video)
    assert video.facts["partial"] is False and video.facts["frames_scaled"] == 3


def test_a_video_can_be_read_again_and_with_more_threads(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", noise(4), times=[1, 2, 3, 9])
    video = open_video(path)
    first, notes = list(video), list(video.notes)
    again, threaded = list(video), list(open_video(path, threads=2))
    assert video.notes == notes
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, threaded)


def test_facts_can_be_written_as_json(tmp_path: Path) -> None:
    video = open_video(write(tmp_path / "a.mkv", noise(2)))
    list(video)
    assert json.loads(json.dumps(video.facts)) == video.facts


def test_a_name_may_begin_with_a_dash_or_look_like_a_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = write(tmp_path / "a.mkv", greys(2)).read_bytes()
    monkeypatch.chdir(tmp_path)
    for name in ("-i.mkv", "http:x.mkv", "a%03d b.mkv"):
        Path(name).write_bytes(whole)
        assert len(list(open_video(name))) == 2


def no_file(path: Path) -> None:
    pass


def still(path: Path) -> None:
    Image.new("RGB", (8, 8)).save(path, "PNG")


def no_index(path: Path) -> None:
    whole = write(path.with_name("w.mp4"), noise(5), "libx264").read_bytes()
    path.write_bytes(whole[: whole.index(b"moov") - 4])


def no_decoder(path: Path) -> None:
    whole = write(path.with_name("w.mp4"), noise(2), "libx264").read_bytes()
    path.write_bytes(whole.replace(b"avc1", b"zzz9"))


def undecodable(path: Path) -> None:
    whole = write(path.with_name("w.mp4"), noise(2), "libx264").read_bytes()
    start = whole.index(b"mdat") + 4
    path.write_bytes(
        whole[:start]
        + b"\xff" * (whole.index(b"moov") - 4 - start)
        + whole[whole.index(b"moov") - 4 :]
    )


def sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="wav") as output:
        stream = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        output.mux(stream.encode(sound))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (no_file, "cannot be read: No such file or directory"),
        (Path.mkdir, "is a folder"),
        (Path.touch, r"is empty \(0 bytes\)"),
        (lambda path: path.write_text("This is no video.\n"), "is not a video"),
        (still, "still picture, not a video"),
        (no_index, r"its index \(moov\) is missing"),
        (no_decoder, "no decoder"),
        (undecodable, "no frame of its h264 video can be decoded"),
        (sound_only, "has no video stream"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_gives_no_frame_ends_in_one_line_with_the_file_and_the_reason(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    make: Callable[[Path], object],
    reason: str,
) -> None:
    path = tmp_path / "bad.mp4"
    make(path)
    capfd.readouterr()
    with pytest.raises(DatasetError, match=reason) as caught:
        open_video(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert capfd.readouterr() == ("", "")
