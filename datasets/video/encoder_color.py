"""RGB pictures as frames for an encoder: the inverse of `picture.ToRGB`."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from ..errors import DatasetError
from .color import LUMA_WEIGHTS, MATRICES, PRIMARIES, TRANSFERS, Pixels

RGB_FORMS = ("rgb24", "bgr24", "bgr0", "gbrp", "gbrp10le", "gbrp12le", "gbrp14le", "gbrp16le")
GBR = 0  # the code point of "no matrix: these are green, blue and red"
UNSAID = 2


@dataclass(frozen=True)
class Look:
    """How the numbers of a video stand for colours, and its pixels for a shape.

    matrix: a key of `LUMA_WEIGHTS`; full: luma from 0, not from 16 of 255.
    primaries, transfer: code points of ITU-T H.273.
    """

    matrix: str = "bt709"
    full: bool = False
    primaries: int = 1
    transfer: int = 1
    aspect: Fraction = Fraction(1)


def look_of(facts: dict[str, object]) -> Look:
    """The look of a video, from `Video.facts`: what enlarges it should keep.

    RGB and grey sources, and pictures, become BT.709 of limited range.
    """
    matrix = str(facts["matrix"])
    aspect = Fraction(str(facts["sample_aspect_ratio"] or 1))
    if facts["rotation"] in (90, 270):
        aspect = 1 / aspect
    if matrix not in LUMA_WEIGHTS:
        return Look(aspect=aspect)
    codes = [
        {name: code for code, name in names.items()}.get(str(facts[key]), UNSAID)
        for key, names in (("primaries", PRIMARIES), ("transfer", TRANSFERS))
    ]
    return Look(matrix, facts["range"] == "full", codes[0], codes[1], aspect)


class ToFrame:
    """Turns RGB pictures into frames of one pixel format, by the definition of its matrix.

    form: planar YUV of 4:4:4, 4:2:2 or 4:2:0, grey, or RGB, of 8 to 16 bits.

    Chroma is the mean of the pixels around its place, which is level with every second column
    (MPEG's "left"; every decoder's guess). Rounded to the nearest level, without dither.
    Raises DatasetError if the format is of another kind.
    """

    def __init__(self, form: str, look: Look) -> None:
        self.form, self.look = form, look
        self.rgb = form in RGB_FORMS
        try:
            self.format = VideoFormat(form, 16, 16)
        except ValueError:
            raise DatasetError(f"--pixel-format {form}: no such format") from None
        planar = form.startswith(("yuv4", "yuvj4", "gray"))
        self.spacing = 16 // self.format.chroma_width(16), 16 // self.format.chroma_height(16)
        alpha = any(part.is_alpha for part in self.format.components)
        if not (self.rgb or planar) or alpha or form.endswith("be") or "f" in form.lstrip("yuvj"):
            raise DatasetError(
                f"--pixel-format {form}: cannot be written; take yuv420p, yuv422p, yuv444p, gray, "
                "one of these with 10le or 12le, or gbrp"
            )
        if self.spacing not in ((1, 1), (2, 1), (2, 2)):
            raise DatasetError(f"--pixel-format {form}: its chroma is too coarse; take yuv420p")
        self.bits = self.format.components[0].bits
        self.full = self.rgb or look.full or form.startswith("yuvj")

    def __call__(self, picture: Pixels) -> VideoFrame:
        """picture: (H, W, 3), uint8 or floats in [0, 1]."""
        if self.rgb:
            frame = self._packed(picture)
        else:
            frame = VideoFrame(picture.shape[1], picture.shape[0], self.form)
            for plane, values in zip(frame.planes, self._planes(picture), strict=True):
                self._fill(plane, values)
        frame.colorspace = self.matrix
        frame.color_range = 2 if self.full else 1
        frame.color_primaries, frame.color_trc = self.look.primaries, self.look.transfer
        return frame

    @property
    def matrix(self) -> int:
        """The code point of the matrix."""
        if self.rgb:
            return GBR
        codes = {name: code for code, (name, _) in sorted(MATRICES.items(), reverse=True)}
        return 6 if self.look.matrix == "bt601" else codes[self.look.matrix]

    def _packed(self, picture: Pixels) -> VideoFrame:
        if self.form.startswith("gbrp"):
            frame = VideoFrame(picture.shape[1], picture.shape[0], self.form)
            for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
                self._fill(plane, unit(picture[..., channel]) * (2**self.bits - 1))
            return frame
        if picture.dtype != np.uint8:
            picture = np.rint(unit(picture) * 255).astype(np.uint8)
        eight: Any = np.ascontiguousarray(picture)
        made = VideoFrame.from_ndarray(eight, format="rgb24")
        return made if self.form == "rgb24" else made.reformat(format=self.form)

    def _planes(self, picture: Pixels) -> list[NDArray[np.float32]]:
        kr, kb = (np.float32(weight) for weight in LUMA_WEIGHTS[self.look.matrix])
        red, green, blue = (unit(picture[..., channel]) for channel in range(3))
        luma = kr * red + (1 - kr - kb) * green + kb * blue
        whole, unit_ = np.float32(2**self.bits - 1), np.float32(2 ** (self.bits - 8))
        base, span = (0, whole) if self.full else (16 * unit_, 219 * unit_)
        planes = [luma * span + base]
        if self.form.startswith("gray"):
            return planes
        span = whole if self.full else 224 * unit_
        for colour, weight in ((blue, kb), (red, kr)):
            chroma = (colour - luma) * (span / (2 - 2 * weight)) + 128 * unit_
            planes.append(coarser(chroma, *self.spacing))
        return planes

    def _fill(self, plane: VideoPlane, values: NDArray[np.float32]) -> None:
        kind = "<u2" if self.bits > 8 else "u1"
        rows = np.frombuffer(memoryview(plane), kind).reshape(plane.height, -1)
        most = np.float32(2**self.bits - 1)
        rows[:, : values.shape[1]] = np.rint(np.clip(values, 0, most))


def unit(values: Pixels) -> NDArray[np.float32]:
    """As floats in [0, 1]."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) * np.float32(1 / 255)
    return np.asarray(values, np.float32)


def coarser(chroma: NDArray[np.float32], across: int, down: int) -> NDArray[np.float32]:
    """Chroma for every second column, level with it, and every two rows, between them.

    The filters are low passes and exact inverses of linear interpolation: what was decoded from
    4:2:0 gives its samples back, and no generation of coding blurs colours further. Plain means
    lost up to 4 levels on saturated edges.
    """
    made: Any = chroma
    if across == 2:
        width = made.shape[1]
        count = -(-width // 2)
        wide = np.pad(made, ((0, 0), (2, 3)), "edge")
        far, near, here = (
            wide[:, i : i + 2 * count : 2] + wide[:, 4 - i : 4 - i + 2 * count : 2]
            for i in (0, 1, 2)
        )
        made = (3 * here + 2 * near - far) / 8
    if down == 2:
        height = made.shape[0]
        count = -(-height // 2)
        tall = np.pad(made, ((1, 2 + height % 2), (0, 0)), "edge")
        far, near = (
            tall[i : i + 2 * count : 2] + tall[3 - i : 3 - i + 2 * count : 2] for i in (0, 1)
        )
        made = (3 * near - far) / 4
    return np.asarray(made, np.float32)
