"""Two hundred variants of codec, container, rate, depth and orientation; ffmpeg and ffprobe judge.

Frame count, duration, pixels within a level, and the sound's offset, of what is read and of what
`stvt upsample` makes of it.
"""

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.cli.main import main
from stvt.datasets.video.reader import open_video
from stvt.datasets.video.timestamps import read_timestamps

COUNT = 12  # frames of each
WIDE, HIGH = 96, 64
RATES = ("25", "30000/1001", "12.5", "60", "24000/1001", "100/7")
EXACT = "flags=bilinear+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"
X265 = "-x265-params log-level=error"

# Container, sound, video encoder, pixel formats, further options.
KINDS = [
    ("mp4", "aac", "libx264", "yuv420p yuv444p yuv420p10le", "-preset ultrafast"),
    ("mp4", "aac", "libx264", "yuv420p", "-bf 3"),
    ("mp4", "aac", "libx265", "yuv420p yuv420p10le", X265 + " -preset ultrafast"),
    ("mp4", "aac", "mpeg4", "yuv420p", "-bf 2"),
    ("mp4", "aac", "libvpx-vp9", "yuv420p", "-deadline realtime -cpu-used 8"),
    ("mov", "pcm_s16le", "prores_ks", "yuv422p10le", ""),
    ("mov", "pcm_s16le", "png", "rgb24", ""),
    ("mov", "aac", "mjpeg", "yuvj422p", ""),
    ("mkv", "libopus", "libx264", "yuv420p yuv444p10le", "-bf 2"),
    ("mkv", "flac", "ffv1", "yuv420p yuv422p10le gray bgr0 gbrp12le", ""),
    ("mkv", "aac", "mpeg2video", "yuv420p", "-bf 2"),
    ("webm", "libopus", "libvpx", "yuv420p", "-deadline realtime -cpu-used 8"),
    ("webm", "libopus", "libvpx-vp9", "yuv420p yuv444p", "-deadline realtime -cpu-used 8"),
    ("avi", "pcm_s16le", "mpeg4", "yuv420p", ""),
    ("avi", "pcm_s16le", "huffyuv", "yuv422p rgb24", ""),
    ("ts", "aac", "libx264", "yuv420p", "-bf 2"),
    ("ts", "mp2", "mpeg2video", "yuv420p", ""),
    ("flv", "aac", "flv", "yuv420p", ""),
    ("nut", "pcm_s16le", "ffv1", "yuv444p16le gray10le", ""),
]


class Variant(NamedTuple):
    container: str
    sound: str
    encoder: str
    pixel_format: str
    options: str
    rate: str
    turn: int = 0

    def __str__(self) -> str:
        rate = self.rate.replace("/", "-")
        return f"{self.container}-{self.encoder}-{self.pixel_format}-{rate}-{self.turn}"


def variants() -> list[Variant]:
    every = []
    for container, sound, encoder, formats, options in KINDS:
        for form in formats.split():
            for rate in RATES:
                if "mpeg2" in encoder and rate in ("12.5", "100/7"):
                    continue  # which it cannot say
                turns = (0, 90) if encoder in ("libx264", "prores_ks") else (0,)
                turns = turns if container in ("mp4", "mov") else (0,)
                every += [
                    Variant(container, sound, encoder, form, options, rate, turn) for turn in turns
                ]
    return every


def make(path: Path, variant: Variant) -> None:
    seconds = COUNT / Fraction(variant.rate)
    picture = f"testsrc2=s={WIDE}x{HIGH}:r={variant.rate}"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi"]
    command += ["-i", "sine=440:r=48000", "-frames:v", str(COUNT), "-t", f"{float(seconds):.6f}"]
    # Where chroma is coarse it is one colour: where its samples lie is tested elsewhere.
    even = ",lutyuv=u=(maxval+1)*0.45:v=(maxval+1)*0.54" if "yuv" in variant.pixel_format else ""
    form = f"scale=out_color_matrix=bt709:{EXACT},format={variant.pixel_format}"
    command += ["-vf", form + ("" if "444" in form else even)]
    command += ["-colorspace", "bt709", "-c:v", variant.encoder, "-c:a", variant.sound]
    command += ["-threads", "1", "-q:v", "3"] if variant.encoder == "mjpeg" else ["-threads", "1"]
    command += ["-fps_mode", "passthrough"]
    if variant.turn:
        command += ["-metadata:s:v", f"rotate={variant.turn}"]
    command += [*variant.options.split(), str(path)]
    subprocess.run(command, check=True, capture_output=True)


def ffmpeg_frames(path: Path, height: int, width: int) -> NDArray[np.uint8]:
    """All frames of a file, as ffmpeg shows them."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-fps_mode", "passthrough", "-an"]
    command += ["-vf", f"scale={EXACT},format=rgb24", "-f", "rawvideo", "-"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


def first_stamps(path: Path) -> tuple[Fraction, Fraction]:
    """The least time stamp of the picture and of the sound, by ffprobe."""
    command = ["ffprobe", "-v", "error", "-show_entries", "packet=codec_type,pts_time"]
    text = subprocess.run([*command, "-of", "json", str(path)], check=True, capture_output=True)
    packets = json.loads(text.stdout)["packets"]
    picture, sound = (
        min(
            Fraction(packet["pts_time"])
            for packet in packets
            if packet["codec_type"] == kind and "pts_time" in packet
        )
        for kind in ("video", "audio")
    )
    return picture, sound


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no ffmpeg to compare with")
@pytest.mark.parametrize("variant", variants(), ids=str)
def test_a_variant_is_read_and_upsampled_as_ffmpeg_does(
    tmp_path: Path, variant: Variant, capfd: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / f"in.{variant.container}", tmp_path / "out.mkv"
    make(source, variant)
    rate = Fraction(variant.rate)
    video = open_video(source)
    when = video.timestamps
    assert when.constant_rate and when.frames == COUNT
    assert abs(when.rate / rate - 1) < 1e-3 and abs(when.seconds - COUNT / rate) < 2e-3

    read = np.stack(list(video))
    shown = ffmpeg_frames(source, video.height, video.width)
    assert read.shape == shown.shape == (COUNT, video.height, video.width, 3)
    assert np.abs(read.astype(int) - shown).max() <= 1

    words = ["upsample", str(source), str(output), "--method", "bicubic+blend", "--scale", "1"]
    assert main([*words, "--codec", "ffv1", "--no-cuts"]) == 0
    printed = "".join(capfd.readouterr())
    assert "Traceback" not in printed and "left out" not in printed
    made = read_timestamps(output, 0)
    assert made.frames == 2 * COUNT and made.rate == 2 * when.rate
    result = np.stack(list(open_video(output)))[::2]
    assert np.abs(result.astype(int) - read).max() <= 1
    picture, sound = first_stamps(source)
    picture_after, sound_after = first_stamps(output)
    assert abs((sound_after - picture_after) - (sound - picture)) < Fraction(20, 1000)
