"""VMAF (Li et al., Netflix) by an ffmpeg with libvmaf: the extra `vmaf`.

Both sequences go through one pipe, a restored frame above the true one, as y4m in Y'CbCr of BT.601,
studio range, 8 bits; the filter takes them apart. So no frame is written to disk, and no two pipes
can wait for each other. A model that reads luma alone is given as few other samples as the size
allows.
"""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import MetricError
from .metric import LoadNetwork
from .preprocess import LUMA_OFFSET, LUMA_WEIGHTS, Frame
from .sequence import Scores, SequenceMeasure

# Y'CbCr of BT.601: each channel's weights of R, G, B, and its offset. Halves are rounded up, on every
# machine: their luma lies 9e-4 from the next value, and float32 is less than 1e-4 off.
CHROMA = np.array([[-37.797, -74.203, 112, 128 * 255], [112, -93.786, -18.214, 128 * 255]]) / 255
LUMA = np.append(LUMA_WEIGHTS[0], LUMA_OFFSET + 1e-4)
YCBCR = np.vstack([LUMA, CHROMA]).astype(np.float32)
LONGER_SIDE = 216  # of frames for version 1, at least
NEARNESS = 0.01  # of the score of `test_pattern`
FRAME = np.frombuffer(b"FRAME\n", np.uint8)


@dataclass(frozen=True)
class Model:
    """A model in libvmaf.

    version: its name there. sha256: how that of its JSON begins, in the wheel of imageio-ffmpeg 0.8.1.
    probe:   what it gives for `test_pattern`. colour: whether it reads Cb and Cr.
    """

    version: str
    sha256: str
    probe: float
    summary: str
    colour: bool = False


MODELS = {
    "vmaf": Model("vmaf_v0.6.1", "5950d61f", 64.397, "VMAF v0.6.1, 0 to 100"),
    "vmaf-neg": Model("vmaf_v0.6.1neg", "1fcda193", 58.821, "VMAF v0.6.1, no enhancement gain"),
    "vmaf-v1": Model(
        "vmaf_v1.0.16_3d0h", "e4cf8c14", 13.7078, "VMAF v1, seen from 3 heights", colour=True
    ),
    "vmaf-v1-hfr": Model(
        "vmaf_v1.0.16_hfr_3d0h", "dcfdfab1", 12.4332, "VMAF v1 of high frame rates", colour=True
    ),
}


class Vmaf(SequenceMeasure):
    """VMAF of each frame, 0 to 100; higher is better. The first frame counts as one without motion."""

    smallest = 32

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.model = name, MODELS[name]
        self.process: subprocess.Popen[bytes] | None = None
        self.buffer: NDArray[np.uint8] = np.empty(0, np.uint8)

    def add_pair(self, restored: Frame, truth: Frame) -> None:
        height, width = truth.shape[:2]
        if self.process is None:
            self._start(height, width)
        weights = YCBCR if self.model.colour else YCBCR[:1]
        samples = self.buffer[len(FRAME) :][: len(weights) * 2 * height * width]
        planes = samples.reshape(len(weights), 2, height, width)
        for place, frame in enumerate((restored, truth)):
            values = cv2.transform(frame.astype(np.float32), weights)
            channels = cv2.split(values) if self.model.colour else [values]
            for plane, channel in zip(planes, channels, strict=True):
                cv2.convertScaleAbs(channel, dst=plane[place])
        self._write(self.buffer.tobytes())

    def _start(self, height: int, width: int) -> None:
        if self.model.colour and max(height, width) < LONGER_SIDE:
            raise MetricError(
                f"{self.name}: a frame of {width}x{height} is too small, one side must be "
                f"{LONGER_SIDE} or more; leave this metric out"
            )
        ends = f"n_threads={cv2.getNumThreads()}:log_fmt=csv:log_path=/dev/stdout"
        graph = (
            f"[0:v]split[a][b];[a]crop={width}:{height}:0:0[restored];"
            f"[b]crop={width}:{height}:0:{height}[truth];"
            f"[restored][truth]libvmaf=model=version={self.model.version}:{ends}"
        )
        words = ["-nostdin", "-loglevel", "error", "-f", "yuv4mpegpipe", "-i", "pipe:0"]
        try:
            self.process = subprocess.Popen(
                [ffmpeg(), *words, "-lavfi", graph, "-f", "null", "-"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise MetricError(f"{self.name}: {ffmpeg()} does not start: {error}") from error
        halves = not self.model.colour and height % 2 == width % 2 == 0
        layout, samples = ("420jpeg", 3) if halves else ("444", 6)
        self.buffer = np.full(len(FRAME) + samples * height * width, 128, np.uint8)
        self.buffer[: len(FRAME)] = FRAME
        self._write(f"YUV4MPEG2 W{width} H{2 * height} F25:1 Ip A1:1 C{layout}\n".encode())

    def _write(self, data: bytes) -> None:
        process = self.process
        assert process and process.stdin
        try:
            process.stdin.write(data)
        except OSError as error:
            raise MetricError(f"{self.name}: {self._said(process.communicate()[1])}") from error

    def result(self) -> Scores:
        if self.process is None:
            return []
        log, errors = self.process.communicate()
        rows = csv.DictReader(log.decode(errors="replace").splitlines())
        try:
            return [float(row["vmaf"]) for row in rows]
        except (KeyError, TypeError, ValueError):
            raise MetricError(f"{self.name}: {self._said(errors)}") from None

    def _said(self, errors: bytes) -> str:
        lines = errors.decode(errors="replace").strip().splitlines()
        return f"{Path(ffmpeg()).name} ended: {lines[0] if lines else 'it does not say why'}"

    def close(self) -> None:
        if self.process:
            self.process.kill()
            self.process.communicate()


@cache
def ffmpeg() -> str:
    """An ffmpeg: that of the extra, or the one that IMAGEIO_FFMPEG_EXE names.

    Raises MetricError where there is none.
    """
    try:
        from imageio_ffmpeg import get_ffmpeg_exe  # type: ignore[attr-defined]

        return str(get_ffmpeg_exe())  # type: ignore[no-untyped-call]
    except ImportError as error:
        raise MetricError(
            f"VMAF needs the extra `vmaf`: pip install 'stvt[vmaf]' ({error})"
        ) from error
    except RuntimeError as error:
        raise MetricError(f"VMAF: {error}") from error


def open_vmaf(name: str, device: str, load: LoadNetwork) -> Callable[[], SequenceMeasure]:
    """Begins sequences of a model of `MODELS`, once the ffmpeg here gave what it must for `test_pattern`.

    Raises MetricError, one line, if it did not: it has no libvmaf, or another model.
    """
    measure = Vmaf(name)
    with closing(measure):
        for pair in test_pattern():
            measure.add(*pair)
        (_, last) = np.array(measure.result())
    if abs(last - measure.model.probe) > NEARNESS:
        raise MetricError(
            f"{name}: {ffmpeg()} gives {last:.4f} for a test pattern, not {measure.model.probe}: "
            f"its {measure.model.version} is another; unset IMAGEIO_FFMPEG_EXE to take that of "
            "pip install 'stvt[vmaf]'"
        )
    return partial(Vmaf, name)


def test_pattern() -> Iterator[tuple[Frame, Frame]]:
    """Two pairs of frames (144, 224, 3), the same on every machine."""
    y, x = np.mgrid[:144, :224]
    for t in range(2):
        plane = (x + 3 * t) * y // 48
        truth = np.stack([plane, plane + x, 255 - y], 2).clip(0, 255).astype(np.uint8)
        yield truth // 32 * 32 + 16, truth
