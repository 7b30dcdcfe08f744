"""Colour of an output video: its VUI, and the conversion of RGB pictures into an encoder's frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from stvt.core.errors import UsageError
from stvt.datasets import LUMA_WEIGHTS, MATRICES, PRIMARIES, TRANSFERS, Pixels

RGB_FORMATS = ("rgb24", "bgr24", "bgr0", "gbrp", "gbrp10le", "gbrp12le", "gbrp14le", "gbrp16le")
GBR = 0  # the code point of "no matrix: these are green, blue and red"
UNSPECIFIED = 2


@dataclass(frozen=True)
class VUI:
    """Video usability information (H.264 annex E): how numbers stand for colours, pixels for a shape.

    matrix: a key of `LUMA_WEIGHTS`; full: luma from 0, not from 16 of 255.
    primaries, transfer: code points of ITU-T H.273.
    """

    matrix: str = "bt709"
    full: bool = False
    primaries: int = 1
    transfer: int = 1
    aspect: Fraction = Fraction(1)


def source_vui(facts: dict[str, object]) -> VUI:
    """The VUI of a video, from `Video.facts`, as its enlarged output keeps it.

    RGB and grey sources, and pictures, become BT.709 of limited range.
    """
    matrix = str(facts["matrix"])
    aspect = Fraction(str(facts["sample_aspect_ratio"] or 1))
    if facts["rotation"] in (90, 270):
        aspect = 1 / aspect
    if matrix not in LUMA_WEIGHTS:
        return VUI(aspect=aspect)
    codes = [
        {name: code for code, name in names.items()}.get(str(facts[key]), UNSPECIFIED)
        for key, names in (("primaries", PRIMARIES), ("transfer", TRANSFERS))
    ]
    return VUI(matrix, facts["range"] == "full", codes[0], codes[1], aspect)


class ToFrame:
    """Converts RGB pictures into frames of one pixel format, by the definition of its matrix.

    pixel_format: planar YUV of 4:4:4, 4:2:2 or 4:2:0, grey, or RGB, of 8 to 16 bits.

    Chroma lies level with every second column (MPEG's "left"; every decoder's guess). Rounded to the nearest level, without dither.
    Raises UsageError if the format is of another kind.
    """

    def __init__(self, pixel_format: str, vui: VUI) -> None:
        self.pixel_format, self.vui = pixel_format, vui
        self.is_rgb = pixel_format in RGB_FORMATS
        try:
            self.format = VideoFormat(pixel_format, 16, 16)
        except ValueError:
            raise UsageError(f"--pixel-format {pixel_format}: no such format") from None
        planar = pixel_format.startswith(("yuv4", "yuvj4", "gray"))
        self.spacing = 16 // self.format.chroma_width(16), 16 // self.format.chroma_height(16)
        alpha = any(part.is_alpha for part in self.format.components)
        if (
            not (self.is_rgb or planar)
            or alpha
            or pixel_format.endswith("be")
            or "f" in pixel_format.lstrip("yuvj")
        ):
            raise UsageError(
                f"--pixel-format {pixel_format}: cannot be written; take yuv420p, yuv422p, yuv444p, gray, "
                "one of these with 10le or 12le, or gbrp"
            )
        if self.spacing not in ((1, 1), (2, 1), (2, 2)):
            raise UsageError(
                f"--pixel-format {pixel_format}: its chroma is too coarse; take yuv420p"
            )
        self.bits = self.format.components[0].bits
        self.full = self.is_rgb or vui.full or pixel_format.startswith("yuvj")

    def __call__(self, picture: Pixels) -> VideoFrame:
        """picture: (H, W, 3), uint8 or floats in [0, 1]."""
        if self.is_rgb:
            frame = self._rgb_frame(picture)
        else:
            frame = VideoFrame(picture.shape[1], picture.shape[0], self.pixel_format)
            for plane, values in zip(frame.planes, self._yuv_planes(picture), strict=True):
                self._fill(plane, values)
        frame.colorspace = self.matrix
        frame.color_range = 2 if self.full else 1
        frame.color_primaries, frame.color_trc = self.vui.primaries, self.vui.transfer
        return frame

    @property
    def matrix(self) -> int:
        """The code point of the matrix."""
        if self.is_rgb:
            return GBR
        codes = {name: code for code, (name, _) in sorted(MATRICES.items(), reverse=True)}
        return 6 if self.vui.matrix == "bt601" else codes[self.vui.matrix]

    def _rgb_frame(self, picture: Pixels) -> VideoFrame:
        if self.pixel_format.startswith("gbrp"):
            frame = VideoFrame(picture.shape[1], picture.shape[0], self.pixel_format)
            for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
                self._fill(plane, to_float(picture[..., channel]) * (2**self.bits - 1))
            return frame
        if picture.dtype != np.uint8:
            picture = np.rint(to_float(picture) * 255).astype(np.uint8)
        eight: Any = np.ascontiguousarray(picture)
        output = VideoFrame.from_ndarray(eight, format="rgb24")
        return output if self.pixel_format == "rgb24" else output.reformat(format=self.pixel_format)

    def _yuv_planes(self, picture: Pixels) -> list[NDArray[np.float32]]:
        kr, kb = (np.float32(weight) for weight in LUMA_WEIGHTS[self.vui.matrix])
        red, green, blue = (to_float(picture[..., channel]) for channel in range(3))
        luma = kr * red + (1 - kr - kb) * green + kb * blue
        whole, scale = np.float32(2**self.bits - 1), np.float32(2 ** (self.bits - 8))
        base, span = (0, whole) if self.full else (16 * scale, 219 * scale)
        planes = [luma * span + base]
        if self.pixel_format.startswith("gray"):
            return planes
        span = whole if self.full else 224 * scale
        for colour, weight in ((blue, kb), (red, kr)):
            chroma = (colour - luma) * (span / (2 - 2 * weight)) + 128 * scale
            planes.append(downsample_chroma(chroma, *self.spacing))
        return planes

    def _fill(self, plane: VideoPlane, values: NDArray[np.float32]) -> None:
        kind = "<u2" if self.bits > 8 else "u1"
        rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
        most = np.float32(2**self.bits - 1)
        np.rint(np.clip(values, 0, most), out=rows[:, : values.shape[1]], casting="unsafe")


def to_float(values: Pixels) -> NDArray[np.float32]:
    """Samples as floats in [0, 1]."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) * np.float32(1 / 255)
    return np.asarray(values, np.float32)


def downsample_chroma(chroma: NDArray[np.float32], across: int, down: int) -> NDArray[np.float32]:
    """Chroma of half the resolution: for every second column, level with it, and every two rows, between them.

    The filters are low passes and exact inverses of linear interpolation: what was decoded from
    4:2:0 gives its samples back, and no generation of coding blurs colours further. Plain means
    lost up to 4 levels on saturated edges.
    """
    output: Any = chroma
    if down == 2:  # first, for rows are next to each other in memory
        height = output.shape[0]
        count = -(-height // 2)
        tall = np.pad(output, ((1, 2 + height % 2), (0, 0)), "edge")
        far, near = (
            tall[i : i + 2 * count : 2] + tall[3 - i : 3 - i + 2 * count : 2] for i in (0, 1)
        )
        output = (3 * near - far) / 4
    if across == 2:
        width = output.shape[1]
        count = -(-width // 2)
        wide = np.pad(output, ((0, 0), (2, 3)), "edge")
        far, near, here = (
            wide[:, i : i + 2 * count : 2] + wide[:, 4 - i : 4 - i + 2 * count : 2]
            for i in (0, 1, 2)
        )
        output = (3 * here + 2 * near - far) / 8
    return np.asarray(output, np.float32)
