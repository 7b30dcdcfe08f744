"""Clips for the tests of upsampling, and a way to carry a job out."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stvt.baselines.method import Settings
from stvt.upsampling.job import UpsampleJob, UpsampleResult
from stvt.upsampling.video import upsample_file

Frame = NDArray[np.uint8]


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


def carry_out(job: UpsampleJob, scale: int = 2) -> UpsampleResult:
    settings = Settings(scale=scale, phase=(scale - 1) / 2)
    return upsample_file(job, settings, lambda *_: None, lambda _: None)


def job_of(source: Path, output: Path, **more: object) -> UpsampleJob:
    plain = UpsampleJob(source, output, method="bicubic+blend", lossless=output.suffix == ".mp4")
    return replace(plain, **more)  # type: ignore[arg-type]
