"""`stvt upsample`: counts, times, cuts, resuming, company; on clips made here, by methods without weights."""

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from stvt.baselines.errors import MethodError
from stvt.baselines.method import Settings, WindowMethod
from stvt.cli import upsample as upsample_command
from stvt.core.errors import UsageError
from stvt.datasets.errors import DatasetError
from stvt.datasets.frames import frame_files, read_frame
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps
from stvt.upsampling.frames import upsample
from stvt.upsampling.job import UpsampleJob, UpsampleResult
from stvt.upsampling.sequence import Placement, Upsampling, even_times
from stvt.upsampling.sources import Part, VideoSource
from stvt.upsampling.video import upsample_file

Frame = NDArray[np.uint8]
Clip = Callable[..., list[Frame]]


def scenery(seed: int, frames: int) -> list[Frame]:
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), np.uint8)
    picture = cv2.resize(coarse, (48, 32), interpolation=cv2.INTER_CUBIC)
    return [np.asarray(np.roll(picture, t, 1), np.uint8) for t in range(frames)]


def video(
    path: Path,
    frames: Sequence[Frame],
    stamps: Iterable[int] | None = None,
    sound: float = 0,
    voice: str = "aac",
    aspect: int = 1,
) -> Path:
    """Frames coded without loss at 10 a second, or at stamps of hundredths of a second.

    sound: seconds of it, by the encoder `voice`. aspect: of a pixel.
    """
    with av.open(str(path), "w") as output:
        output.metadata["title"] = "a title"
        stream = output.add_stream("libx264rgb", rate=10, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = (
            frames[0].shape[1],
            frames[0].shape[0],
            "rgb24",
        )
        stream.codec_context.time_base = Fraction(1, 100)
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        hertz = 44100 if voice == "aac" else 48000
        noise: Any = output.add_stream(voice, rate=hertz) if sound else None
        for frame, stamp in zip(frames, stamps or range(0, 10 * len(frames), 10), strict=True):
            coded = av.VideoFrame.from_ndarray(frame, format="rgb24")
            coded.pts, coded.time_base = stamp, Fraction(1, 100)
            output.mux(stream.encode(coded))
        output.mux(stream.encode())
        if noise is not None:
            for k in range(round(sound * hertz / 1024)):
                piece = av.AudioFrame.from_ndarray(
                    np.zeros((2, 1024), np.float32), format="fltp", layout="stereo"
                )
                piece.sample_rate, piece.pts = hertz, 1024 * k
                output.mux(noise.encode(piece))
            output.mux(noise.encode())
    return path


def carry_out(wish: UpsampleJob, scale: int = 2) -> UpsampleResult:
    settings = Settings(scale=scale, phase=(scale - 1) / 2)
    return upsample_file(wish, settings, lambda *_: None, lambda _: None)


def wish(source: Path, output: Path, **more: object) -> UpsampleJob:
    plain = UpsampleJob(source, output, method="bicubic+blend", lossless=output.suffix == ".mp4")
    return replace(plain, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("factor", "hold", "outputs"), [(2, True, 12), (3, True, 18), (4, False, 21)]
)
def test_n_frames_give_exactly_as_many_as_is_said(
    tmp_path: Path, factor: int, hold: bool, outputs: int
) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6))
    made = carry_out(wish(source, tmp_path / "out.mp4", factor=factor, hold=hold))
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
    carry_out(wish(source, tmp_path / "out.mp4", method=None, factor=1), scale=1)
    for got, frame in zip(open_video(tmp_path / "out.mp4"), frames, strict=True):
        np.testing.assert_array_equal(got, frame)
    assert read_timestamps(tmp_path / "out.mp4", 0).rate == 10


@pytest.mark.parametrize("method", ["bicubic+blend", "blend+bicubic", "bicubic+flow"])
def test_no_frame_is_made_across_a_cut(method: str) -> None:
    clip = np.stack(scenery(1, 6) + scenery(2, 6))
    got = upsample(clip, method, scale=2, times=[0.5])
    assert len(got) == 23
    np.testing.assert_array_equal(got[11], got[10])
    alone = upsample(clip[:6], method, scale=2, times=[0.5])
    np.testing.assert_array_equal(got[:11], alone)
    np.testing.assert_array_equal(got[12:], upsample(clip[6:], method, scale=2, times=[0.5]))


class Window(WindowMethod):
    """Tells which frames each window held, by their first pixel."""

    name, scale, before, after = "window", 1, 2, 2

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        self.seen.append([round(float(one[0, 0, 0]) * 255) for one in window])
        return window[2:3].expand(1 + len(times), -1, -1, -1)


def numbered(count: int, cut: int) -> list[tuple[Fraction, Frame]]:
    frames = [*scenery(3, cut), *scenery(4, count - cut)]
    for number, frame in enumerate(frames):
        frame[0, 0] = number
    return [(Fraction(number), frame) for number, frame in enumerate(frames)]


def test_windows_end_at_a_cut_and_repeat_the_end_frame() -> None:
    method = Window()
    upsampling = Upsampling(method, Placement((0.5,)))
    made = list(upsampling.outputs(numbered(12, 6), lambda: Fraction(1)))
    assert len(made) == 24 and upsampling.cuts == [6]
    assert method.seen[0] == [0, 0, 0, 1, 2] and method.seen[5] == [3, 4, 5, 5, 5]
    assert method.seen[6] == [6, 6, 6, 7, 8]


def test_what_is_done_is_skipped_without_computing_it() -> None:
    method = Window()
    rest = list(
        Upsampling(method, Placement((0.5,))).outputs(numbered(12, 6), lambda: Fraction(1), 19)
    )
    assert len(rest) == 5 and len(method.seen) == 3


def test_uneven_times_are_placed_by_time_stamp(tmp_path: Path) -> None:
    """Brightness equals time: whatever is interpolated right is right by its own time."""
    stamps = [0, 10, 20, 33, 45, 80, 90, 100]
    frames = [np.full((16, 16, 3), 2 * stamp + 20, np.uint8) for stamp in stamps]
    source = video(tmp_path / "in.mp4", frames, stamps)
    made = carry_out(wish(source, tmp_path / "out.mp4", cuts=False))
    when = read_timestamps(tmp_path / "out.mp4", 0)
    assert (when.rate, when.constant_rate, made.outputs) == (Fraction(20), True, 22)
    for k, got in enumerate(open_video(tmp_path / "out.mp4")):
        assert abs(float(got.mean()) - min(2 * 5 * k + 20, 220)) < 1.2, k


def test_a_part_of_uneven_times_ends_where_it_should(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 5), [0, 10, 60, 70, 80])
    made = carry_out(wish(source, tmp_path / "out.mp4", part=Part(end=Fraction(2, 5))))
    assert (made.frames, made.outputs) == (2, 8)


def test_a_gap_holds_its_outputs_and_a_frame_that_is_nearly_in_place_is_shown_as_it_is() -> None:
    placement = Placement(even_times(64), Fraction(1, 20))
    assert placement.outputs(Fraction(1, 1000), Fraction(1, 10), Fraction(0)) == [0, 32]
    assert placement.outputs(Fraction(1, 100), Fraction(3, 100), Fraction(0)) == []
    assert Placement(even_times(3)).outputs(Fraction(0), Fraction(1), Fraction(0)) == [0, 1, 2]


def test_an_interrupted_run_goes_on_and_ends_in_the_same_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stvt.datasets.video.encoder.PIECE_FRAMES", 5)
    source = video(tmp_path / "in.mp4", scenery(1, 12))
    carry_out(wish(source, tmp_path / "whole.mp4"))
    wanted = wish(source, tmp_path / "out.mp4")

    def stop(done: int, total: int | None, what: str) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upsample_file(wanted, Settings(scale=2, phase=0.5), stop, lambda _: None)
    assert not wanted.output.exists() and wanted.parts.is_dir()
    with pytest.raises(UsageError, match="go on with --resume"):
        carry_out(wanted)
    with pytest.raises(UsageError, match="other options"):
        carry_out(replace(wanted, resume=True, factor=3))
    made = carry_out(replace(wanted, resume=True))
    assert made.outputs == 24 and not wanted.parts.exists()
    # Not byte by byte: the encoder may choose otherwise within the quality that was asked for.
    whole = open_video(tmp_path / "whole.mp4")
    for got, frame in zip(open_video(wanted.output), whole, strict=True):
        assert np.abs(got.astype(float) - frame).mean() < 1
    with pytest.raises(UsageError, match="is there already"):
        carry_out(wanted)


def test_a_frame_that_fails_is_named_and_what_was_done_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: object, window: Tensor, times: Sequence[float]) -> Tensor:
        if float(window[0].mean()) > 0.5:
            raise MethodError("cannot")
        return window[:1].expand(1 + len(times), -1, -1, -1)

    monkeypatch.setattr("stvt.baselines.classical.temporal.Blend.__call__", fails)
    frames = [np.full((16, 16, 3), 20 * k, np.uint8) for k in range(10)]
    source = video(tmp_path / "in.mp4", frames)
    wanted = wish(source, tmp_path / "out.mp4", method="blend", cuts=False)
    with pytest.raises(UsageError, match=r"frame [789]: cannot; what was done is kept"):
        carry_out(wanted, scale=1)
    assert not wanted.output.exists() and len(list((wanted.parts / "pieces").iterdir())) == 1


def test_a_method_that_breaks_says_at_which_frame() -> None:
    class Breaks(Window):
        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            if len(self.seen) == 3:
                raise ValueError("a bug")
            return super().__call__(window, times)

    with pytest.raises(ValueError, match="a bug") as caught:
        list(Upsampling(Breaks(), Placement((0.5,))).outputs(numbered(12, 6), lambda: Fraction(1)))
    assert caught.value.__notes__ == ["stvt upsample: frame 5 was the last that window was given"]


def test_sound_and_title_come_along_unless_motion_is_slowed(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 12), sound=1.2)
    carry_out(wish(source, tmp_path / "out.mp4"))
    slowed = carry_out(wish(source, tmp_path / "slow.mp4", slow=True))
    part = wish(source, tmp_path / "part.mp4", part=Part(Fraction(2, 10), Fraction(8, 10)))
    assert carry_out(part).outputs == 12
    sounds, seconds = [], []
    for name in ("in", "out", "slow", "part"):
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            assert container.metadata["title"] == "a title"
            packets = [p for p in container.demux(audio=0) if p.size] if name != "slow" else []
            sounds.append(len(packets))
            seconds.append(float(read_timestamps(tmp_path / f"{name}.mp4", 0).seconds))
    assert sounds[0] == sounds[1] > 40 and sounds[2] == 0 and 20 < sounds[3] < 30
    assert seconds == pytest.approx([1.2, 1.2, 2.4, 0.6])
    assert any("left out" in note for note in slowed.notes)


def test_sound_that_outlasts_the_picture_is_kept_as_far_as_was_asked_for(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6), sound=3)
    for end, seconds in ((None, 3.0), (Fraction(2), 2.0), (Fraction(2, 5), 0.4)):
        carry_out(wish(source, tmp_path / "out.mp4", part=Part(end=end), overwrite=True))
        with av.open(str(tmp_path / "out.mp4")) as container:
            packets = [packet for packet in container.demux(audio=0) if packet.size]
        assert len(packets) * 1024 / 44100 == pytest.approx(seconds, abs=0.06)


@pytest.mark.parametrize("known", [True, False])
def test_sound_that_the_container_refuses_is_left_out_and_the_picture_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    source = video(tmp_path / "in.mkv", scenery(1, 6), sound=0.6, voice="libopus")
    if not known:  # what no table foresees is found out when all frames are made
        monkeypatch.setattr("stvt.datasets.video.mux.REFUSED", {})
    made = carry_out(wish(source, tmp_path / "out.mov"))
    assert len(list(open_video(tmp_path / "out.mov"))) == 12
    assert any("sound" in note and "left out" in note for note in made.notes)
    assert len(made.notes) == 1


def test_m4v_holds_what_mp4_does(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 4))
    carry_out(wish(source, tmp_path / "out.m4v", codec="ffv1"))
    assert len(list(open_video(tmp_path / "out.m4v"))) == 8


def test_what_is_lost_or_added_is_said(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 2), aspect=2)
    for name, codec, says in (
        ("out.mkv", "ffv1", "aspect ratio 2 is lost: .mkv keeps none for ffv1"),
        ("out.mkv", None, ""),
        ("out.mp4", None, ""),
    ):
        odd = wish(source, tmp_path / name, codec=codec, lossless=False, overwrite=True)
        made = carry_out(replace(odd, part=Part(crop=(31, 21, 0, 0))), scale=1)
        assert any(says in note for note in made.notes) and ("lost" in str(made.notes)) == bool(
            says
        )
        assert any("31x21 is odd" in note for note in made.notes) == (codec is None)


def told(path: Path, says: dict[str, str]) -> Path:
    """A video that says so of itself, and that its picture is French."""
    plain = video(path.with_name("plain.mp4"), scenery(1, 4))
    with av.open(str(plain)) as before, av.open(str(path), "w") as source:
        source.metadata.update(says)
        stream = source.add_stream_from_template(before.streams.video[0], opaque=True)
        stream.metadata["language"] = "fra"
        for packet in before.demux(video=0):
            if packet.size:
                packet.stream = stream
                source.mux(packet)
    return path


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv"])
def test_what_a_phone_wrote_comes_along(tmp_path: Path, name: str) -> None:
    said = {"title": "a title", "com.android.version": "10", "location": "+48.3896+011.0470/"}
    source = told(tmp_path / "in.mkv", said)
    made = carry_out(wish(source, tmp_path / name, lossless=False))
    with av.open(str(tmp_path / name)) as container:
        kept = {key.lower(): value for key, value in container.metadata.items()}
        assert said.items() <= kept.items()
        assert container.streams.video[0].metadata["language"] == "fra"
    assert not any("metadata" in note for note in made.notes)


def test_metadata_that_the_container_does_not_know_is_named(tmp_path: Path) -> None:
    source = told(tmp_path / "in.mkv", {"title": "a title", "mood": "blue"})
    made = carry_out(wish(source, tmp_path / "out.mp4"))
    assert any(
        re.search(r"metadata left out: mood; \.mkv", note, re.IGNORECASE) for note in made.notes
    )


def test_a_name_may_hold_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg reads a relative "12:30.mp4" as of the protocol "12"."""
    source = video(tmp_path / "in.mp4", scenery(1, 4))
    monkeypatch.chdir(tmp_path)
    carry_out(wish(source, Path("12:30.mp4")))
    assert len(list(open_video(tmp_path / "12:30.mp4"))) == 8


def test_folders_of_frames_go_in_and_out(
    tmp_path: Path, moving_square: Clip, write_clip: Callable[..., Path]
) -> None:
    folder = write_clip(tmp_path / "in", moving_square(frames=4))
    carry_out(wish(folder, tmp_path / "out"))
    files = frame_files(tmp_path / "out")
    assert [file.name for file in files] == [f"{k:08d}.png" for k in range(8)]
    assert read_frame(files[0]).shape == (48, 64, 3)
    with pytest.raises(UsageError, match="give --fps"):
        carry_out(wish(folder, tmp_path / "out.mp4"))
    carry_out(wish(folder, tmp_path / "out.mp4", fps=Fraction(25)))
    assert read_timestamps(tmp_path / "out.mp4", 0).rate == 50


def test_crop_and_preview(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 4))
    carry_out(wish(source, tmp_path / "crop.mp4", part=Part(crop=(20, 10, 4, 6))))
    carry_out(wish(source, tmp_path / "preview.mp4", preview=True, method="nearest+blend"))
    crop, preview = open_video(tmp_path / "crop.mp4"), open_video(tmp_path / "preview.mp4")
    assert (crop.width, crop.height, preview.width, preview.height) == (40, 20, 192, 64)
    last = list(preview)[-3]
    assert np.abs(last[:, :96].astype(int) - last[:, 96:]).mean() > 1
    with pytest.raises(UsageError, match="is 48x32"):
        carry_out(wish(source, tmp_path / "x.mp4", part=Part(crop=(48, 32, 1, 0))))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"output": Path("nowhere/out.mp4")}, "no such folder"),
        ({"output": Path("out.docx")}, "no kind of video"),
        ({"source": Path("none.mp4")}, "no such file"),
        ({"method": "bicubic"}, "makes no new frames"),
        ({"method": "nonsense"}, "no method is called"),
        ({"part": Part(start=Fraction(60))}, "nothing comes after"),
        ({"fps": Fraction(3)}, "is for folders"),
        ({"codec": "nonsense"}, "no such encoder"),
        ({"output": Path("out.mov"), "codec": "av1"}, "cannot hold av1"),
        ({"output": Path("out.mov"), "codec": "vp9"}, "cannot hold vp9"),
        ({"output": Path("out.mkv"), "codec": "gif"}, "cannot hold gif; take h264"),
        ({"output": Path("-")}, "so it needs a file"),
        ({"output": Path("pipe:1.mp4")}, "so it needs a file"),
        ({"output": Path(os.devnull), "overwrite": True}, "is neither a file nor a folder"),
        ({"source": Path(os.devnull)}, "must be a file or folder"),
        ({"output": Path("/proc/out.mp4")}, "nothing can be written there"),
        ({"output": Path("frames"), "lossless": True}, "--lossless: frames will be a folder"),
        ({"lossless": False, "crf": -5.0}, "--crf -5: h264 takes 0 .* to 51"),
        ({"lossless": False, "crf": float("nan")}, "--crf nan"),
        ({"method": "mine=frames:."}, "are for `stvt evaluate` alone"),
        ({"output": Path("out.mkv"), "codec": "mjpeg", "lossless": False}, "^mjpeg refuses [^;]*$"),
    ],
)
def test_every_wrong_wish_is_one_line(tmp_path: Path, more: dict[str, object], says: str) -> None:
    if more.get("output") == Path("/proc/out.mp4") and not Path("/proc/version").exists():
        pytest.skip("no folder that even root cannot write to")
    source = video(tmp_path / "in.mp4", scenery(1, 2))
    wanted = replace(wish(source, tmp_path / "out.mp4"), **more)  # type: ignore[arg-type]
    with pytest.raises((UsageError, MethodError, DatasetError), match=says) as caught:
        carry_out(wanted)
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


def test_the_default_method_needs_no_weights_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STVT_HOME", str(tmp_path))
    clip = np.stack(scenery(1, 3))
    np.testing.assert_array_equal(upsample(clip, scale=2), upsample(clip, "bicubic+flow", scale=2))


def test_tensors_and_arrays_give_the_same() -> None:
    clip = np.stack(scenery(1, 3))
    tensor = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255
    made = upsample(tensor, "bicubic+blend", scale=3, times=[0.25, 0.5])
    assert made.shape == (7, 3, 96, 144)
    rounded = (made * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    whole = upsample(clip, "bicubic+blend", scale=3, times=[0.25, 0.5])
    assert np.abs(rounded.astype(int) - whole).max() <= 1
    with pytest.raises(ValueError, match="rise"):
        upsample(clip, times=[0.5, 0.25])


def test_what_is_returned_is_of_the_kind_that_was_given() -> None:
    clip = np.stack(scenery(1, 3))
    whole = upsample(clip, "bicubic+blend", scale=2)
    floats = upsample(clip / 255, "bicubic+blend", scale=2)
    assert floats.dtype == np.float32 and floats.shape == whole.shape == (5, 64, 96, 3)
    assert np.abs(floats * 255 - whole).max() <= 0.51
    tensor = upsample(torch.from_numpy(clip).permute(0, 3, 1, 2), "bicubic+blend", scale=2)
    assert tensor.dtype == torch.uint8
    np.testing.assert_array_equal(tensor.permute(0, 2, 3, 1).numpy(), whole)
    wrong: Any
    for wrong, says in (
        (clip.astype(np.float32), "in [0, 1], not from"),
        (clip[..., :2], "(H, W, 3)"),
        (clip.astype(np.int64), "not int64"),
        (torch.from_numpy(clip), "(n, 3, h, w)"),
    ):
        with pytest.raises(ValueError, match=re.escape(says)):
            upsample(wrong, "bicubic+blend")


KILLED = """
import os, signal, sys
from pathlib import Path
from stvt.baselines.method import Settings
from stvt.datasets.video import encoder
from stvt.upsampling import video
from stvt.upsampling.job import UpsampleJob

encoder.PIECE_FRAMES = 5
source, output, last = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def show(done, total, what):
    if done == last:
        die()

if last == 0:
    os.replace = die
if last == -1:
    video.join = die
job = UpsampleJob(source, output, "bicubic+flow", lossless=True, resume=True)
video.upsample_file(job, Settings(scale=2, phase=0.5), show, lambda _: None)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="no SIGKILL")
def test_killed_again_and_again_it_ends_in_the_same_frames(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 12), sound=1.2)
    carry_out(wish(source, tmp_path / "calm.mp4", method="bicubic+flow"))
    output = tmp_path / "out.mp4"
    # Outputs done; 0: all, the last piece without its name; -1: while they are joined.
    for last in (1, 6, 9, 15, 24, 0, -1):
        command = [sys.executable, "-c", KILLED, str(source), str(output), str(last)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        assert not output.exists()
        whole = sum(1 for file in (tmp_path / "out.mp4.parts/pieces").glob("*-*.mkv"))
        assert whole == (last // 5 if last > 0 else 4 - last)
    carry_out(wish(source, output, method="bicubic+flow", resume=True))
    for got, frame in zip(open_video(output), open_video(tmp_path / "calm.mp4"), strict=True):
        np.testing.assert_array_equal(got, frame)
    assert not (tmp_path / "out.mp4.parts").exists()


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    upsample_command.add(parser.add_subparsers())
    return parser.parse_args(["upsample", *words])


def test_the_command_line_carries_it_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 6) + scenery(2, 6))
    words = ["--method", "bicubic+blend", "--scale", "2", "--end", "0:01", "--slow-motion", "3"]
    args = parsed(str(source), str(tmp_path / "out.mkv"), *words)
    assert args.run(args) == 0
    said = capsys.readouterr()
    assert said.out.endswith("out.mkv: 30 frames at 10 fps (3.000 s) from 10, 1 cut\n")
    assert "method: bicubic+blend" in said.err
    for wrong in (["--time", "0"], ["--crop", "0:1:2:3"], ["--end", "soon"], ["--memory", "much"]):
        with pytest.raises(SystemExit):
            parsed(str(source), "out.mp4", *wrong)


@pytest.mark.parametrize(
    ("name", "frames", "facts"),
    [
        ("video_90.mov", 6, {"width": 320, "height": 568, "rotation": 0}),
        ("non_zero_start.mp4", 24, {"sample_aspect_ratio": "224/225"}),
        ("bt601_full_range.mp4", 24, {"matrix": "bt601", "range": "full"}),
        ("h264_10bits.mp4", 24, {"pix_fmt": "yuv420p10le"}),
    ],
)
def test_real_files_keep_their_look(
    shared: Path, tmp_path: Path, name: str, frames: int, facts: dict[str, object]
) -> None:
    source = shared / "data" / "clips" / name
    wanted = wish(source, tmp_path / "out.mp4", method="blend", lossless=False)
    made = carry_out(replace(wanted, part=Part(end=Fraction(2, 5))), scale=1)
    got = open_video(tmp_path / "out.mp4")
    assert made.outputs == len(list(got)) == frames
    assert {name: got.facts[name] for name in facts} == facts


def each(folder: Path) -> Iterator[Path]:
    yield from sorted(file for file in folder.iterdir() if file.suffix != ".md")


def decodable(folder: Path) -> Iterator[VideoSource]:
    """The clips of a folder that can be read; that of the others is said in one line."""
    for file in each(folder):
        try:
            yield VideoSource(file, Part())
        except (UsageError, DatasetError) as error:
            assert "\n" not in str(error) and file.name in str(error)


def test_a_subtitle_that_is_on_when_a_part_begins_is_there(shared: Path, tmp_path: Path) -> None:
    """The second of this file is shown from 4.26 to 8.35 s, after one from 0.21 s."""
    source = shared / "data" / "clips" / "nasa_two_video_streams.mp4"
    part = Part(Fraction(5), Fraction(9), (32, 32, 0, 0))
    carry_out(wish(source, tmp_path / "out.mp4", part=part, factor=1, method=None), scale=1)
    with av.open(str(tmp_path / "out.mp4")) as container:
        packets = [one for one in container.demux(subtitles=0) if one.size > 2]
    shown = [
        (float(one.pts * one.time_base), float(one.duration * one.time_base))
        for one in packets
        if one.pts is not None and one.duration is not None and one.time_base is not None
    ]
    assert shown[0] == pytest.approx((0, 3.35), abs=0.05)
    assert shown[1][0] == pytest.approx(3.35, abs=0.05) and len(shown) == 2


@pytest.mark.slow
def test_every_decodable_clip_goes_through_and_every_other_is_one_line(
    shared: Path, tmp_path: Path
) -> None:
    for source in decodable(shared / "data" / "clips"):
        pixels = source.width * source.height
        scale = 4 if pixels <= 640 * 480 else 2 if pixels <= 1280 * 720 else 1
        end = min(Fraction(1, 5), 2 / source.when.rate)
        wanted = wish(source.path, tmp_path / "out.mp4", lossless=False, overwrite=True)
        wanted = replace(wanted, crf=30.0, part=Part(end=end))
        made = carry_out(wanted, scale)
        when, got = read_timestamps(wanted.output, 0), open_video(wanted.output)
        name = source.path.name
        assert when.frames == made.outputs == len(list(got)), name
        assert when.constant_rate and when.rate == made.rate == 2 * source.when.rate, name
        shown = min(end, source.when.seconds)
        assert abs(when.seconds - shown) < 2 / source.when.rate or made.problems, name
        assert got.facts["rotation"] == 0, name
        sizes = [scale * source.width, scale * source.height]
        assert [got.width, got.height] == [side + side % 2 for side in sizes], name


@pytest.mark.slow
def test_the_colours_of_every_clip_survive_being_coded_again(shared: Path, tmp_path: Path) -> None:
    """Coded without loss in their own kind of chroma, so that only the colours' way is measured."""
    for source in decodable(shared / "data" / "clips"):
        name, form = source.path.name, str(source._video.facts["pix_fmt"])
        known = re.match(r"yuvj?(4[24][024]p)", form)
        coded = f"yuv{known[1]}{'10le' if source.bits > 8 else ''}" if known else None
        wanted = wish(source.path, tmp_path / "out.mp4", method=None, factor=1, overwrite=True)
        wanted = replace(wanted, form=coded, lossless=True, part=Part(end=2 / source.when.rate))
        carry_out(wanted, scale=1)
        (_, before), after = next(source.frames()), next(iter(open_video(wanted.output)))
        before = np.rint(before * 255) if before.dtype != np.uint8 else before
        height, width = before.shape[:2]
        error = np.abs(before.astype(float) - after[:height, :width]).mean()
        # Half of its pixels decode to colours outside of RGB; cut off, 4:2:0 cannot hold them.
        assert error < (1.2 if name == "discard_first_keyframe.mp4" else 1), (name, error)


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
    wanted = wish(tmp_path / "in.mp4", tmp_path / "out.mp4", method=method, part=part)
    assert carry_out(wanted).frames == 6
    expected = upsample(np.stack(frames[16:22]), method, scale=2)
    for got, frame in zip(open_video(wanted.output), expected, strict=False):
        assert np.abs(got.astype(int) - frame).max() <= 1


def test_a_gap_without_frames_is_one_line(tmp_path: Path) -> None:
    source = video(tmp_path / "in.mp4", scenery(1, 4), [0, 10, 90, 100])
    part = Part(Fraction(3, 10), Fraction(5, 10))
    with pytest.raises(UsageError, match=r"no frame after 0\.3 s and before 0\.5 s"):
        carry_out(wish(source, tmp_path / "out.mp4", part=part))
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]
