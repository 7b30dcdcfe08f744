"""Every input of `shared/cases/video` gives what its README expects; kinds have tests of their own.

tests/datasets/video/test_cases.py, tests/datasets/sources and tests/upsampling make small inputs of
each kind, for where the folder is not.
"""

import csv
import shlex
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.datasets.frames import read_frame
from stvt.datasets.video.probe import as_fraction
from stvt.datasets.video.reader import open_video

UP = "upsample {case}/%s {out}/o.%s --overwrite --method bicubic+blend --scale 1"
RAW, PREPARE = UP + " --codec ffv1", "prepare set1 --root {out} --source {case}/%s"
TRAINING = PREPARE + " --training --min-rate 10 --min-frames 8"
FRAMES = "{} frames at {} fps ({} s)"

# The folder, the command, its exit code, what it says.
COMMANDS: list[tuple[str, str, int, str]] = [
    ("avif_animated", UP % ("in.avif", "mp4"), 0, FRAMES.format(20, 50, "0.400")),
    ("backslash_zip", PREPARE % "in.zip", 0, "1 scenes prepared"),
    ("dark_cut", RAW % ("in.mkv", "mkv"), 0, "from 12, 1 cut"),
    ("exif_mjpeg", UP % ("in.mov", "mp4"), 0, "from 6"),
    ("exif_mjpeg", PREPARE % "in.mov", 0, "1 scenes prepared"),
    ("icc_profile_lost", UP % ("in", "mkv") + " --fps 25", 0, "converted to sRGB"),
    ("interlaced_training", TRAINING % "in.mp4", 2, "refused: in: interlaced: 50 frames"),
    ("jfif_frames", PREPARE % "in", 0, "1 scenes prepared"),
    ("jfif_frames", UP % ("in", "mkv") + " --fps 25", 0, "from 4"),
    ("joined_ts_sound_lost", UP % ("in.ts", "mp4"), 0, FRAMES.format(300, 50, "6.000")),
    ("joined_ts_sound_lost", UP % ("in.ts", "mkv"), 0, FRAMES.format(300, 50, "6.000")),
    ("last_frame_lost", UP % ("in.gif", "mp4"), 0, FRAMES.format(50, 20, "2.500")),
    ("last_frame_lost", UP % ("in_apng.png", "mp4"), 0, FRAMES.format(50, 20, "2.500")),
    ("last_frame_lost", UP % ("in.mp4", "mp4"), 0, FRAMES.format(180, 60, "3.000")),
    ("latin1_metadata", UP % ("in.avi", "mp4"), 0, "from 10"),
    ("latin1_metadata", PREPARE % "folder", 0, "2 scenes prepared"),
    ("latin1_metadata", TRAINING % "folder", 2, "of 2 videos"),
    ("mkv_fonts", UP % ("in.mkv", "mkv"), 0, "from 10"),
    ("mkv_pixel_crop", UP % ("in.mkv", "mkv"), 0, "cropped by 0, 12, 0 and 12 pixels"),
    ("mkv_pixel_crop", PREPARE % "in.mkv", 0, "1 scenes prepared"),
    ("nested_zip", PREPARE % "in.zip", 2, "it holds inner.zip: unpack that"),
    ("nested_zip", PREPARE % "in2.zip", 0, "it holds inner.zip: unpack that"),
    ("non_utf8_names", PREPARE % "in", 0, "1 scenes prepared"),
    ("on_twos", RAW % ("in.mkv", "mkv"), 0, "12 frames repeat the one before"),
    ("one_bad_packet", UP % ("in.mov", "mp4"), 0, FRAMES.format(200, 50, "4.000")),
    ("pgm_16bit", PREPARE % "in", 0, "1 scenes prepared"),
    ("png_16bit_folder", RAW % ("in", "mkv") + " --fps 25", 0, "from 3"),
    ("raw_h264_rate", UP % ("in.h264", "mp4"), 0, FRAMES.format(120, 60, "2.000")),
    ("raw_h264_rate", UP % ("in.hevc", "mp4"), 0, FRAMES.format(120, 60, "2.000")),
    ("raw_h264_rate", UP % ("in.h264", "mp4") + " --start 0.5", 0, FRAMES.format(90, 60, "1.500")),
    ("rgba_png_hidden_colours", PREPARE % "in", 0, "alpha: composited over black"),
    ("rgba_png_hidden_colours", RAW % ("in", "mkv") + " --fps 25", 0, "composited over black"),
    ("short_12_5_fps", UP % ("in.mp4", "mp4"), 0, FRAMES.format(24, 25, "0.960")),
    ("short_12_5_fps", UP % ("in.gif", "mp4"), 0, FRAMES.format(24, 25, "0.960")),
    ("size_change", UP % ("in.ts", "mp4"), 0, FRAMES.format(100, 50, "2.000")),
    ("size_change", UP % ("in.ts", "mp4"), 0, "25 of 50 frames are scaled to the first one's"),
    ("size_change", TRAINING % "in.ts", 2, "picture size: it changes within the video"),
    ("tiff_16bit_planar", PREPARE % "in", 0, "1 scenes prepared"),
    ("tiff_white_is_zero", PREPARE % "in", 0, "1 scenes prepared"),
    ("timestamp_names", PREPARE % "in", 0, "1 scenes prepared"),
    ("videos_ignored", PREPARE % "in", 0, "7 scenes prepared"),
    ("vp9_ivf_rate", UP % ("in.ivf", "mp4"), 0, FRAMES.format(60, 60, "1.000")),
    ("vp9_ivf_rate", UP % ("in.ivf", "mp4") + " --start 0.5", 0, FRAMES.format(30, 60, "0.500")),
    ("webp_animated", UP % ("in.webp", "mp4"), 2, "animated WebP"),
    ("wma_in_mkv", UP % ("in.wmv", "mkv"), 0, "from 25"),
    ("wma_in_mkv", UP % ("in.avi", "mkv"), 0, "from 25"),
    ("wma_in_mkv", UP % ("in.wmv", "mp4"), 0, "left out: mp4 cannot hold it; .mkv may"),
]


def expected_pixels(out: Path, case: str) -> None:
    """What the README of a case says of pixels, sizes, sound or fonts, beyond the lines."""
    columns = {
        "tiff_16bit_planar": [(0, 255, 78), (66, 189, 78), (132, 123, 78), (255, 0, 78)],
        "tiff_white_is_zero": [(255,) * 3, (189,) * 3, (123,) * 3, (0,) * 3],
        "rgba_png_hidden_colours": [(0, 0, 0)] * 4,
    }
    result = next(out.glob("o.*"), None)
    if case in columns and result is None:
        frame = read_frame(next(out.glob("set1/GT/*/00000000.png")))
        assert [tuple(frame[0, column]) for column in (0, 8, 16, 31)] == columns[case]
    if case == "mkv_pixel_crop":
        picture = (
            next(iter(open_video(result)))
            if result
            else read_frame(next(out.glob("set1/GT/*/00000000.png")))
        )
        assert picture.shape == (40, 96, 3) and picture.min() > 100
    if case == "png_16bit_folder":
        assert result and open_video(result).bits == 16
        frames = [picture for _, picture in open_video(result).timed(deep=True)]
        assert len(np.unique(frames[0])) > 60
    if case == "joined_ts_sound_lost":
        assert result
        for flash, beep in zip(flashes(result), beeps(result), strict=True):
            assert abs(flash - beep) < 0.03
    if case == "one_bad_packet":
        assert result and abs(seconds_of_sound(result) - 4) < 0.05
    if case == "mkv_fonts":
        with av.open(str(result)) as container:
            assert len(container.streams.attachments) == 1
    if case == "wma_in_mkv" and result and result.suffix == ".mkv":
        assert abs(seconds_of_sound(result) - 1) < 0.1
    if case == "interlaced_training":
        row = next(csv.DictReader((out / "set1" / "ledger.csv").open()))
        assert (row["outcome"], row["class"]) == ("refused", "interlaced")


@pytest.mark.parametrize(("case", "command", "code", "said"), COMMANDS)
def test_a_case_gives_what_is_expected(
    shared: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    case: str,
    command: str,
    code: int,
    said: str,
) -> None:
    folder = shared / "cases" / "video" / case
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    words = [word.format(case=folder, out=tmp_path) for word in shlex.split(command)]
    assert main(words) == code
    printed = " ".join("".join(capfd.readouterr()).split())
    assert said in printed and "Traceback" not in printed
    expected_pixels(tmp_path, case)


def test_no_case_is_without_a_command(shared: Path) -> None:
    folder = shared / "cases" / "video"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    assert {file.name for file in folder.iterdir() if file.is_dir()} <= {c[0] for c in COMMANDS}


def flashes(path: Path) -> list[float]:
    """When the picture becomes bright, in seconds."""
    times, before = [], False
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            bright = bool(frame.to_ndarray(format="gray").mean() > 120)
            if bright and not before:
                times.append(float(frame.time or 0))
            before = bright
    return times


def beeps(path: Path) -> list[float]:
    """When the sound begins after silence, in seconds."""
    times, until = [], -9.0
    for start, rate, samples in sounds(path):
        loud = np.flatnonzero(np.abs(samples) > 0.2)
        if len(loud):
            if start + loud[0] / rate - until > 0.3:
                times.append(float(start + loud[0] / rate))
            until = float(start + loud[-1] / rate)
    return times


def seconds_of_sound(path: Path) -> float:
    return max((float(start) + len(data) / rate for start, rate, data in sounds(path)), default=0)


def sounds(path: Path) -> list[tuple[Fraction, int, NDArray[np.floating]]]:
    """Time, rate and the samples of one channel of each frame of sound."""
    pieces = []
    resampler: Any = av.AudioResampler("fltp", "mono")
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            start = (frame.pts or 0) * as_fraction(frame.time_base)
            for piece in resampler.resample(frame):
                pieces.append((start, frame.sample_rate, piece.to_ndarray()[0]))
    return pieces
