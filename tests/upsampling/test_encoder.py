"""Video out: the colours, times, and company that came in. Read back with `open_video` and PyAV."""

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.core.errors import UsageError
from stvt.datasets.video.color import LUMA_WEIGHTS, ToRGB, color_spec
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps
from stvt.upsampling.color import VUI, ToFrame, downsample_chroma
from stvt.upsampling.encoder import EncoderSettings, SegmentWriter, encoder_settings, list_segments
from stvt.upsampling.mux import mux_segments

from .clips import carry_out, job_of

Frame = NDArray[np.uint8]
RATE = Fraction(60000, 1001)
COLOURS = [(r, g, b) for r in (0, 128, 255) for g in (0, 77, 255) for b in (0, 200, 255)]


def patches() -> Frame:
    picture = np.zeros((16, 8 * len(COLOURS), 3), np.uint8)
    for i, colour in enumerate(COLOURS):
        picture[:, 8 * i : 8 * i + 8] = colour
    return picture


def soft(frames: int, height: int = 32, width: int = 48) -> list[Frame]:
    coarse = np.random.default_rng(0).integers(40, 216, (4, 6, 3), np.uint8)
    picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return [np.asarray(np.roll(picture, 2 * t, 1), np.uint8) for t in range(frames)]


def written(
    output: Path,
    frames: list[Frame],
    form: EncoderSettings,
    vui: VUI | None = None,
    rate: Fraction = RATE,
) -> Path:
    vui = vui or VUI()
    sink = SegmentWriter(output.with_name(f"{output.name}.parts"), form, vui, rate)
    for frame in frames:
        sink.write(frame)
    sink.close()
    mux_segments(sink, output)
    return output


@pytest.mark.parametrize("form", ["yuv420p", "yuv444p", "yuv422p10le", "yuv420p12le", "gbrp10le"])
@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", LUMA_WEIGHTS)
def test_colours_survive_every_matrix_range_and_depth(matrix: str, full: bool, form: str) -> None:
    frame = ToFrame(form, VUI(matrix, full))(patches())
    found = color_spec(frame)
    assert found.kind == "rgb" or (found.matrix, found.range) == (
        matrix,
        "full" if full else "limited",
    )
    for deep in (False, True):
        got = ToRGB(found, deep)(frame).astype(float) * (255 if deep else 1)
        # The middle of each patch: between two patches chroma is interpolated.
        assert np.abs(got - patches())[:, 3::8].max() <= 2


def test_ten_bits_stay_ten() -> None:
    ramp = np.tile(np.linspace(0, 1, 1024, dtype=np.float32)[None, :, None], (4, 1, 3))
    frame = ToFrame("yuv444p10le", VUI())(ramp)
    got = ToRGB(color_spec(frame), deep=True)(frame)
    assert np.abs(got - ramp).max() < 1 / 876  # luma has 876 steps


@pytest.mark.parametrize(("height", "width"), [(10, 12), (11, 13), (2, 2), (1, 1)])
def test_what_was_interpolated_from_coarse_chroma_gives_it_back(height: int, width: int) -> None:
    """Reading 4:2:0 and writing it again changes nothing, away from the edges."""
    rows, columns = -(-height // 2), -(-width // 2)
    chroma = np.random.default_rng(1).random((rows, columns), np.float32)
    across = np.clip(np.arange(width) / 2, 0, columns - 1)
    down = np.clip((np.arange(height) - 0.5) / 2, 0, rows - 1)
    x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
    fine = cv2.remap(chroma, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    again = downsample_chroma(np.asarray(fine, np.float32), 2, 2)
    assert again.shape == chroma.shape
    np.testing.assert_allclose(again[1:-1, 1:-1], chroma[1:-1, 1:-1], atol=0.03)


@pytest.mark.parametrize(
    ("name", "options", "form"),
    [
        ("a.mp4", {}, "yuv420p"),
        ("a.mkv", {"bits": 10}, "yuv420p10le"),
        ("a.webm", {}, "yuv420p"),
        ("a.mkv", {"codec": "ffv1"}, "bgr0"),
        ("a.mp4", {"lossless": True}, "gbrp"),
        ("a.mov", {"codec": "hevc", "crf": 12.0}, "yuv420p"),
    ],
)
def test_frames_are_shown_at_exact_times_and_tagged(
    tmp_path: Path, name: str, options: dict[str, object], form: str
) -> None:
    frames = soft(12, 64, 96)
    chosen = encoder_settings(tmp_path / name, **options)  # type: ignore[arg-type]
    video = open_video(written(tmp_path / name, frames, chosen))
    got = list(video)
    error = np.mean([np.abs(a.astype(float) - b).mean() for a, b in zip(frames, got, strict=True)])
    assert error == 0 if form in ("bgr0", "gbrp") else error < 4
    assert video.facts["pix_fmt"] == form and not video.facts["matrix_guessed"]
    when = read_timestamps(tmp_path / name, 0)
    assert (when.rate, when.constant_rate, when.frames, when.start) == (RATE, True, 12, Fraction(0))


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("a.mov", "prores", None),
        ("a.mkv", "mpeg2video", None),
        ("a.nut", "ffv1", "yuv420p"),
        ("a.mkv", "ffv1", "yuv420p"),
        ("a.mp4", "h264", None),
    ],
)
def test_a_full_range_source_keeps_its_levels_where_the_codec_cannot_say_full(
    tmp_path: Path, name: str, codec: str, form: str | None
) -> None:
    frames = [np.full((64, 96, 3), level, np.uint8) for level in (20, 240)]
    source = tmp_path / "in.mp4"
    written(source, frames, encoder_settings(source, pixel_format="yuv444p"), VUI(full=True))
    job = job_of(source, tmp_path / name, codec=codec, pixel_format=form, lossless=False)
    carry_out(job, scale=1)
    got = list(open_video(tmp_path / name))
    assert [got[0].mean(), got[-1].mean()] == pytest.approx([20, 240], abs=2)


def test_segments_are_joined_without_a_seam_and_a_killed_one_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stvt.upsampling.encoder.SEGMENT_FRAMES", 5)
    frames, form = soft(13), encoder_settings(tmp_path / "a.mp4")
    first = SegmentWriter(tmp_path / "parts", form, VUI(), RATE)
    for frame in frames[:7]:
        first.write(frame)
    del first  # as if killed: two frames of the second segment are lost
    again = SegmentWriter(tmp_path / "parts", form, VUI(), RATE)
    assert again.done == 5
    for frame in frames[5:]:
        again.write(frame)
    again.close()
    assert [count for _, count, _ in list_segments(tmp_path / "parts")] == [5, 5, 3]
    mux_segments(again, tmp_path / "a.mp4")
    whole = list(open_video(tmp_path / "a.mp4"))
    assert len(whole) == 13
    assert all(np.abs(a.astype(float) - b).mean() < 6 for a, b in zip(whole, frames, strict=True))
    assert read_timestamps(tmp_path / "a.mp4", 0).rate == RATE


def test_odd_sizes_are_made_even_for_codecs_that_need_it(tmp_path: Path) -> None:
    frames = soft(2, 31, 45)
    for name, size in (("a.mp4", (32, 46)), ("a.webm", (31, 45))):
        video = open_video(written(tmp_path / name, frames, encoder_settings(tmp_path / name)))
        assert (video.height, video.width) == size and len(list(video)) == 2


def test_the_sample_aspect_ratio_is_kept(tmp_path: Path) -> None:
    vui = VUI(aspect=Fraction(8, 7))
    path = written(tmp_path / "a.mp4", soft(2), encoder_settings(tmp_path / "a.mp4"), vui)
    assert open_video(path).facts["sample_aspect_ratio"] == "8/7"


def test_pictures_too_small_for_hevc_are_refused_before_its_encoder_crashes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="take h264"):
        written(tmp_path / "a.mp4", soft(1), encoder_settings(tmp_path / "a.mp4", codec="hevc"))


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("a.gif", {}, "no kind of video"),
        ("a.webm", {"codec": "h264"}, "cannot hold h264"),
        ("a.mp4", {"codec": "nonsense"}, "no such encoder"),
        ("a.mp4", {"codec": "aac"}, "encodes no video"),
        ("a.mp4", {"pixel_format": "nv12"}, "cannot be written"),
        ("a.mp4", {"pixel_format": "yuv410p"}, "h264 takes"),
        ("a.mkv", {"codec": "ffv1", "crf": 3.0}, "no such setting"),
        ("a.mp4", {"codec": "av1", "lossless": True}, "cannot be"),
    ],
)
def test_what_does_not_go_together_is_one_line(
    tmp_path: Path, name: str, options: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        encoder_settings(tmp_path / name, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are listed there")
def test_no_encoder_leaves_a_real_time_thread_behind(tmp_path: Path) -> None:
    """SVT-AV1 makes all threads real-time ones where root runs it, and so starves the machine."""
    writer = SegmentWriter(
        tmp_path, encoder_settings(tmp_path / "out.mkv", codec="av1"), VUI(), RATE
    )
    for picture in soft(3, 64, 64):
        writer.write(picture)
        threads = [int(thread.name) for thread in Path("/proc/self/task").iterdir()]
        assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
    writer.close()
