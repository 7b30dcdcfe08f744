"""Lossless videos of a moving plane, and settings under which short clips of them are accepted."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from stvt.datasets.build.training_video import Settings

Frames = NDArray[np.uint8]


SETTINGS = Settings(min_rate="24", clip_frames=24, min_frames=12, min_side=32)


def film(frames: int = 30, seed: int = 0, step: float = 1.5, side: int = 96) -> Frames:
    """A textured plane going by, (frames, side, side, 3)."""
    random = np.random.default_rng(seed)
    rough = random.integers(0, 255, (24, 40, 3), np.uint8)
    plane = cv2.resize(rough, (side * 4, side * 2), interpolation=cv2.INTER_CUBIC)
    views = []
    for k in range(frames):
        move = np.array([[1, 0, -step * k], [0, 1, 0]], np.float32)
        views.append(cv2.warpAffine(plane, move, (side, side), borderMode=cv2.BORDER_REFLECT))
    return np.stack(views).astype(np.uint8)


def write_video(
    path: Path, frames: Frames, rate: int = 60, stamps: Sequence[int] = (), captured: str = ""
) -> Path:
    """The frames as a lossless video.

    stamps:   in units of a frame's time, where they are uneven.
    captured: the rate as filmed, as phones write it into mp4.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"movflags": "use_metadata_tags"} if captured else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update({"com.android.capture.fps": captured} if captured else {})
        stream: Any = container.add_stream("ffv1", rate=rate)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "bgr0"
        stream.codec_context.time_base = Fraction(1, rate)
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = (stamps[k] if stamps else k), Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
