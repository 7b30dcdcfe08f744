"""Files in, files out: counts, times, parts, folders, names."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.filter import Graph
from av.video.format import VideoFormat

from stvt.core.errors import UsageError
from stvt.datasets.frames import frame_files, read_frame
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps
from stvt.upsampling.frames import upsample
from stvt.upsampling.sources import Part

from .clips import Frame, carry_out, job_of, scenery, video

Clip = Callable[..., list[Frame]]


@pytest.mark.parametrize(
    ("factor", "hold", "outputs"), [(2, True, 12), (3, True, 18), (4, False, 21)]
)
def test_n_frames_give_exactly_as_many_as_is_said(
    tmp_path: Path, factor: int, hold: bool, outputs: int
) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6))
    made = carry_out(job_of(source, tmp_path / "out.mp4", factor=factor, hold=hold))
    got = list(open_video(tmp_path / "out.mp4"))
    assert len(got) == made.outputs == outputs
    when = read_timestamps(tmp_path / "out.mp4", 0)
    assert when.rate == 10 * factor and when.seconds == Fraction(outputs, 10 * factor)
    assert got[0].shape == (64, 96, 3)
    if hold:  # the last frame is shown as long as every other
        np.testing.assert_array_equal(got[-1], got[-factor])


def test_at_scale_and_time_one_nothing_changes(tmp_path: Path) -> None:
    frames = scenery(1, 5)
    source = video(tmp_path / "in.mp4", frames)
    carry_out(job_of(source, tmp_path / "out.mp4", method=None, factor=1), scale=1)
    for got, frame in zip(open_video(tmp_path / "out.mp4"), frames, strict=True):
        np.testing.assert_array_equal(got, frame)
    assert read_timestamps(tmp_path / "out.mp4", 0).rate == 10


def test_uneven_times_are_placed_by_time_stamp(tmp_path: Path) -> None:
    """Brightness equals time: whatever is interpolated right is right by its own time."""
    stamps = [0, 10, 20, 33, 45, 80, 90, 100]
    frames = [np.full((16, 16, 3), 2 * stamp + 20, np.uint8) for stamp in stamps]
    source = video(tmp_path / "in.mp4", frames, stamps)
    made = carry_out(job_of(source, tmp_path / "out.mp4", cuts=False))
    when = read_timestamps(tmp_path / "out.mp4", 0)
    assert (when.rate, when.constant_rate, made.outputs) == (Fraction(20), True, 22)
    for k, got in enumerate(open_video(tmp_path / "out.mp4")):
        assert abs(float(got.mean()) - min(2 * 5 * k + 20, 220)) < 1.2, k


def test_a_part_of_uneven_times_ends_where_it_should(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 5), [0, 10, 60, 70, 80])
    made = carry_out(job_of(source, tmp_path / "out.mp4", part=Part(end=Fraction(2, 5))))
    assert (made.frames, made.outputs) == (2, 8)


def test_m4v_holds_what_mp4_does(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 4))
    carry_out(job_of(source, tmp_path / "out.m4v", codec="ffv1"))
    assert len(list(open_video(tmp_path / "out.m4v"))) == 8


def test_a_name_may_hold_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg reads a relative "12:30.mp4" as of the protocol "12"."""
    source = video(tmp_path / "in.mp4", scenery(1, 4))
    monkeypatch.chdir(tmp_path)
    carry_out(job_of(source, Path("12:30.mp4")))
    assert len(list(open_video(tmp_path / "12:30.mp4"))) == 8


def test_folders_of_frames_go_in_and_out(
    tmp_path: Path, moving_square: Clip, write_clip: Callable[..., Path]
) -> None:
    folder = write_clip(tmp_path / "in", moving_square(frames=4))
    carry_out(job_of(folder, tmp_path / "out"))
    files = frame_files(tmp_path / "out")
    assert [file.name for file in files] == [f"{k:08d}.png" for k in range(8)]
    assert read_frame(files[0]).shape == (48, 64, 3)
    with pytest.raises(UsageError, match="give --fps"):
        carry_out(job_of(folder, tmp_path / "out.mp4"))
    carry_out(job_of(folder, tmp_path / "out.mp4", fps=Fraction(25)))
    assert read_timestamps(tmp_path / "out.mp4", 0).rate == 50


def test_crop_and_preview(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 4))
    carry_out(job_of(source, tmp_path / "crop.mp4", part=Part(crop=(20, 10, 4, 6))))
    carry_out(job_of(source, tmp_path / "preview.mp4", preview=True, method="nearest+blend"))
    crop, preview = open_video(tmp_path / "crop.mp4"), open_video(tmp_path / "preview.mp4")
    assert (crop.width, crop.height, preview.width, preview.height) == (40, 20, 192, 64)
    last = list(preview)[-3]
    assert np.abs(last[:, :96].astype(int) - last[:, 96:]).mean() > 1
    with pytest.raises(UsageError, match="is 48x32"):
        carry_out(job_of(source, tmp_path / "x.mp4", part=Part(crop=(48, 32, 1, 0))))


@pytest.mark.parametrize("method", ["bicubic+blend", "bicubic+flow"])
def test_a_part_from_the_middle_is_that_part_of_the_whole(tmp_path: Path, method: str) -> None:
    """The source has key frames on the way, at one of which it is entered."""
    frames = scenery(1, 30)
    with av.open(str(tmp_path / "in.mp4"), "w") as output:
        stream: Any = output.add_stream("libx264rgb", rate=10, options={"qp": "0", "g": "5"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "rgb24"
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    part = Part(Fraction(151, 100), Fraction(22, 10))
    job = job_of(tmp_path / "in.mp4", tmp_path / "out.mp4", method=method, part=part)
    assert carry_out(job).frames == 6
    expected = upsample(np.stack(frames[16:22]), method, scale=2)
    for got, frame in zip(open_video(job.output), expected, strict=False):
        assert np.abs(got.astype(int) - frame).max() <= 1


def test_a_gap_without_frames_is_one_line(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 4), [0, 10, 90, 100])
    part = Part(Fraction(3, 10), Fraction(5, 10))
    with pytest.raises(UsageError, match=r"no frame after 0\.3 s and before 0\.5 s"):
        carry_out(job_of(source, tmp_path / "out.mp4", part=part))
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("codec", "pixel_format", "levels"),
    [("ffv1", "gbrp16le", 65535), ("h264", "yuv420p10le", 1023)],
)
def test_frames_of_sixteen_bits_keep_their_depth(
    tmp_path: Path, codec: str, pixel_format: str, levels: int
) -> None:
    ramp = np.broadcast_to(np.linspace(30000, 30600, 64).astype(np.uint16)[:, None], (48, 64, 3))
    (tmp_path / "in").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "in" / f"{number}.png"), ramp)
    output = tmp_path / "out.mkv"
    carry_out(job_of(tmp_path / "in", output, fps=Fraction(25), codec=codec, crf=None), scale=1)
    result = open_video(output)
    assert result.facts["pix_fmt"] == pixel_format
    for _, picture in result.timed(deep=True):
        assert np.abs(picture - ramp / 65535).max() < 2 / levels
        assert len(np.unique(picture[0, :, 0])) > (60 if levels > 1023 else 6)


@pytest.mark.parametrize("held", [1, 2, 3])
def test_pictures_that_are_held_for_several_frames_are_said(tmp_path: Path, held: int) -> None:
    frames = [frame for frame in scenery(1, 12) for _ in range(held)]
    result = carry_out(job_of(video(tmp_path / "in.mp4", frames), tmp_path / "out.mp4"), scale=1)
    said = [note for note in result.notes if "repeat the one before" in note]
    assert len(said) == (held > 1) and result.outputs == 24 * held
    assert all(f"held for {held})" in note for note in said)


@pytest.mark.parametrize("end", [None, Fraction(1, 2)])
def test_interlaced_frames_are_said_of_a_part_too(tmp_path: Path, end: Fraction | None) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as output:
        stream: Any = output.add_stream("mpeg2video", rate=10, options={"flags": "+ildct+ilme"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        fields = Graph()
        fields.link_nodes(
            fields.add_buffer(
                width=48, height=32, format=VideoFormat("yuv420p"), time_base=Fraction(1, 10)
            ),
            fields.add("setfield", "tff"),
            fields.add("buffersink"),
        ).configure()
        for number, frame in enumerate(scenery(1, 10)):
            coded = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format="yuv420p")
            coded.pts = number
            fields.push(coded)
            output.mux(stream.encode(fields.vpull()))
        output.mux(stream.encode())
    result = carry_out(job_of(source, tmp_path / "out.mp4", part=Part(end=end)))
    assert any("are interlaced" in note for note in result.notes)


@pytest.mark.parametrize("end", [None, Fraction(4)])
def test_frames_lost_to_damage_are_said_of_a_part_too(
    shared: Path, tmp_path: Path, end: Fraction | None
) -> None:
    source = shared / "data" / "clips" / "damaged_middle.mp4"
    part = Part(end=end, crop=(32, 32, 0, 0))
    result = carry_out(job_of(source, tmp_path / "out.mp4", part=part, factor=1), scale=1)
    assert any("could not be decoded" in note for note in result.notes)
