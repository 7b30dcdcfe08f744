"""`--fps`: outputs of any rate, each at its own time between the frames of the source."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stvt.core.errors import UsageError
from stvt.datasets.frames import frame_files
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps
from stvt.upsampling.sources import Part

from .clips import Frame, carry_out, job_of, scenery, video

Clip = Callable[..., list[Frame]]


def ramp(stamps: Sequence[int]) -> list[Frame]:
    """Brightness equals time: whatever is interpolated right is right by its own time."""
    return [np.full((16, 16, 3), 20 + 2 * stamp, np.uint8) for stamp in stamps]


def frames_of_ffmpeg(source: Path, fps: Fraction) -> int:
    """How many frames FFmpeg's filter `fps` gives."""
    with av.open(str(source)) as container:
        graph = av.filter.Graph()
        stream = container.streams.video[0]
        graph.link_nodes(
            graph.add_buffer(template=stream),
            graph.add("fps", str(fps)),
            graph.add("buffersink"),
        ).configure()
        count = 0
        for frame in [*container.decode(stream), None]:
            graph.push(frame)
            while True:
                try:
                    graph.pull()
                except (av.BlockingIOError, av.EOFError):
                    break
                count += 1
    return count


@pytest.mark.parametrize("fps", ["60", "25", "60000/1001", "24000/1001", "12.5", "11"])
def test_each_output_lies_at_its_own_time(tmp_path: Path, fps: str) -> None:
    source = video(tmp_path / "in.mp4", ramp(range(0, 100, 10)))
    rate = Fraction(fps)
    job = job_of(source, tmp_path / "out.mp4", fps=rate, method="blend", cuts=False)
    made = carry_out(job, scale=1)
    when = read_timestamps(job.output, 0)
    assert made.rate == when.rate == rate and when.constant_rate
    assert made.outputs == frames_of_ffmpeg(source, rate) == math.floor(rate + Fraction(1, 2))
    for k, got in enumerate(open_video(job.output)):
        # Half a level of rounding, and 1/128 of the 20 levels between two frames.
        assert abs(float(got.mean()) - min(20 + 200 * k / rate, 200)) < 0.7, k


def test_a_time_that_falls_on_a_frame_shows_that_frame(tmp_path: Path) -> None:
    frames = scenery(1, 10)
    source = video(tmp_path / "in.mp4", frames)
    carry_out(job_of(source, tmp_path / "out.mp4", fps=Fraction(25), method="blend"), scale=1)
    got = list(open_video(tmp_path / "out.mp4"))
    for k in range(0, 10, 2):
        np.testing.assert_array_equal(got[5 * k // 2], frames[k])
    assert np.abs(got[1].astype(int) - frames[0]).max() > 1


def test_a_lower_rate_leaves_frames_out_and_says_so(tmp_path: Path) -> None:
    frames = scenery(1, 10)
    source = video(tmp_path / "in.mp4", frames)
    for fps in (5, 10):  # without new frames, so that no temporal method is needed
        job = job_of(source, tmp_path / f"{fps}.mp4", fps=Fraction(fps), method="bicubic")
        made = carry_out(job)
        assert made.outputs == fps == frames_of_ffmpeg(source, Fraction(fps))
        assert any("some are left out" in note for note in made.notes) == (fps == 5)
    slow = job_of(source, tmp_path / "1.mp4", fps=Fraction(1, 2), method="blend")
    assert carry_out(slow, scale=1).outputs == 1


@pytest.mark.parametrize("fps", ["60", "7"])
def test_a_video_of_one_frame_shows_it_as_long_as_it_did(tmp_path: Path, fps: str) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 1))
    made = carry_out(job_of(source, tmp_path / "out.mp4", fps=Fraction(fps)))
    # FFmpeg's filter gives one frame less to a last one of which no packet follows.
    assert made.outputs == len(list(open_video(tmp_path / "out.mp4"))) > 0
    assert abs(Fraction(made.outputs) / Fraction(fps) - Fraction(1, 25)) < Fraction(1, 8)


@pytest.mark.parametrize("fps", ["30", "4"])
def test_uneven_times_become_even(tmp_path: Path, fps: str) -> None:
    stamps = [0, 10, 20, 33, 45, 80, 90, 100]
    source = video(tmp_path / "in.mp4", ramp(stamps), stamps)
    rate = Fraction(fps)
    job = job_of(source, tmp_path / "out.mp4", fps=rate, method="blend", cuts=False)
    made = carry_out(job, scale=1)
    assert made.outputs == frames_of_ffmpeg(source, rate)
    for k, got in enumerate(open_video(job.output)):
        assert abs(float(got.mean()) - min(20 + 200 * k / rate, 220)) < 1.5, k


def test_sound_stays_in_time_with_the_picture(tmp_path: Path) -> None:
    stamps = range(7, 127, 10)  # the picture begins 70 ms after the sound
    source = video(tmp_path / "in.mkv", scenery(1, 12), stamps, sound=1.2)
    job = job_of(source, tmp_path / "out.mp4", fps=Fraction(60000, 1001))
    carry_out(job)
    carry_out(replace(job, output=tmp_path / "part.mp4", part=Part(Fraction(2, 5), Fraction(1))))
    offsets = []
    for name in ("in.mkv", "out.mp4", "part.mp4"):
        with av.open(str(tmp_path / name)) as container:
            first = {}
            for packet in container.demux():
                if packet.size and packet.pts is not None and packet.time_base:
                    time = packet.pts * packet.time_base
                    first[packet.stream.type] = min(first.get(packet.stream.type, time), time)
        offsets.append(float(first["video"] - first["audio"]))
    assert offsets[0] == pytest.approx(0.07, abs=0.03)  # the encoder's run-up
    assert offsets[1] == pytest.approx(offsets[0], abs=0.002)
    assert abs(offsets[2]) < 1024 / 44100  # it begins with the first whole packet


def test_slow_motion_has_any_rate_too(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", ramp(range(0, 100, 10)))
    job = job_of(source, tmp_path / "out.mp4", fps=Fraction(25), factor=4, slow=True, cuts=False)
    made = carry_out(replace(job, method="blend"), scale=1)
    assert (made.rate, made.outputs) == (25, 100)
    for k, got in enumerate(open_video(job.output)):
        assert abs(float(got.mean()) - min(20 + 2 * k, 200)) < 0.7, k


def test_a_folder_has_a_rate_of_its_own(
    tmp_path: Path, moving_square: Clip, write_clip: Callable[..., Path]
) -> None:
    folder = write_clip(tmp_path / "in", moving_square(frames=4))
    job = job_of(folder, tmp_path / "out", fps=Fraction(60), source_fps=Fraction(24))
    assert carry_out(job).outputs == len(frame_files(job.output)) == 10
    assert carry_out(replace(job, output=tmp_path / "out.mp4", lossless=True)).rate == 60
    # Alone, --fps is the folder's.
    assert carry_out(replace(job, output=tmp_path / "o.mp4", source_fps=None)).rate == 120


def test_a_run_with_a_rate_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stvt.upsampling.encoder.SEGMENT_FRAMES", 5)
    source = video(tmp_path / "in.mp4", scenery(1, 12))
    job = job_of(source, tmp_path / "out.mp4", fps=Fraction(25), method="blend")
    carry_out(replace(job, output=tmp_path / "whole.mp4"), scale=1)
    with monkeypatch.context() as patched:
        patched.setattr("stvt.upsampling.sinks.mux_segments", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            carry_out(job, scale=1)
    last = max((job.parts / "segments").iterdir())
    last.unlink()
    (job.parts / "segments" / "000000010-5.mkv").unlink()
    for other in ({"fps": Fraction(30)}, {"repeats": "compute"}, {"cuts": False}):
        with pytest.raises(UsageError, match="other options"):
            carry_out(replace(job, resume=True, **other), scale=1)  # type: ignore[arg-type]
    assert carry_out(replace(job, resume=True), scale=1).outputs == 30
    whole = open_video(tmp_path / "whole.mp4")
    for got, frame in zip(open_video(job.output), whole, strict=True):
        np.testing.assert_array_equal(got, frame)


@pytest.mark.slow
@pytest.mark.parametrize("fps", ["60", "24000/1001"])
def test_real_clips_have_as_many_frames_as_ffmpeg_gives_and_their_sound_in_time(
    shared: Path, tmp_path: Path, fps: str
) -> None:
    for name in ("flower.webm", "cockatoo_444.mp4", "roadtrip_vp9_10bit.webm", "friday_bw.mp4"):
        source = shared / "data" / "clips" / name
        job = job_of(source, tmp_path / "out.mp4", fps=Fraction(fps), method="blend", crf=30.0)
        job = replace(job, lossless=False, overwrite=True, part=Part(crop=(64, 48, 0, 0)))
        made = carry_out(job, scale=1)
        assert made.outputs == frames_of_ffmpeg(source, Fraction(fps)), name
        starts = []
        for file in (source, job.output):
            with av.open(str(file)) as container:
                streams = [*container.streams.video, *container.streams.audio]
                times = [(s.start_time or 0) * (s.time_base or 0) for s in streams]
            starts.append(float(times[0] - times[-1]))
        assert starts[1] == pytest.approx(starts[0], abs=0.02), name
