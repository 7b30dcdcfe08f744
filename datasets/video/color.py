"""Colour of decoded video frames: their specification, conversion to RGB, and orientation."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.float32]

# Code points of ITU-T H.273. FFmpeg uses them as they are.
MATRICES = {
    1: ("bt709", Colorspace.ITU709),
    4: ("fcc", Colorspace.FCC),
    5: ("bt601", Colorspace.ITU601),
    6: ("bt601", Colorspace.ITU601),
    7: ("smpte240m", Colorspace.SMPTE240M),
    9: ("bt2020", Colorspace.BT2020),
}
# The shares of red and blue in luma, by the standards.
LUMA_WEIGHTS = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.3, 0.11),
    "bt601": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020": (0.2627, 0.0593),
}
UNTAGGED = (0, 2, 3)
UNREAD_MATRICES = {8: "ycgco", 10: "bt2020-cl", 11: "smpte2085", 14: "ictcp"}
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020"}
PRIMARIES |= {11: "dci-p3", 12: "display-p3"}
TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear"}
TRANSFERS |= {13: "srgb", 14: "bt2020-10", 15: "bt2020-12", 16: "pq", 18: "hlg"}

# Lines from which untagged video is taken for high definition.
HIGH_DEFINITION = 720

# Without these flags swscale takes short cuts: the nearest chroma sample, and sums off by a level or two.
ACCURATE = (
    Interpolation.BILINEAR
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)


def _unknown_side_data(kind: Any, number: object) -> Any:
    """A member of PyAV's list of kinds of side data for one that only a newer FFmpeg knows."""
    member = object.__new__(kind)
    member._value_, member._name_ = number, f"UNKNOWN_{number}"
    return member


# PyAV makes its list of all side data of a frame, and one unknown kind would cost the frame.
Type._missing_ = classmethod(_unknown_side_data)  # type: ignore[assignment,method-assign]


@dataclass(frozen=True)
class ColorSpec:
    """How the numbers of a frame stand for colours: `kind` is "yuv", "grey" or "rgb"."""

    kind: str
    bits: int  # of one number
    every_pixel: bool  # has its own colour: RGB, or YUV with chroma as fine as luma
    matrix: str  # "rgb" and "grey" have none of their own and say so
    range: str  # "limited" or "full"
    matrix_guessed: bool
    range_guessed: bool
    alpha: bool
    notes: tuple[str, ...]


def color_spec(frame: VideoFrame, before: ColorSpec | None = None) -> ColorSpec:
    """How the numbers of `frame` stand for colours, by its tags, and where they are silent by the usual guess.

    Untagged YUV is BT.709 from 720 stored lines up and BT.601 below; an untagged range is limited
    for YUV and full for RGB and grey, which is what FFmpeg and players take too.

    before: of the first frame, whose guess holds where those of others would differ.
    """
    form, notes = frame.format, []
    bits = 8 if form.has_palette else max(part.bits for part in form.components)
    alpha = form.has_palette or any(part.is_alpha for part in form.components)
    if form.is_rgb or form.has_palette:
        return ColorSpec("rgb", bits, True, "rgb", "full", False, False, alpha, ())
    colours = [part for part in form.components if not part.is_alpha]
    kind = "yuv" if len(colours) > 1 else "grey"

    tagged = frame.color_range in (ColorRange.MPEG, ColorRange.JPEG)
    if form.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG:
        range_, tagged = "full", True
    elif tagged or kind == "yuv":
        range_ = "limited"
    else:
        range_ = "full"
    if kind == "grey":
        return ColorSpec(kind, bits, False, "grey", range_, False, not tagged, alpha, ())

    matrix, _ = MATRICES.get(frame.colorspace, ("", None))
    guessed = not matrix
    if guessed:
        matrix = "bt709" if frame.height >= HIGH_DEFINITION else "bt601"
        if before is not None and before.matrix in LUMA_WEIGHTS:
            matrix = before.matrix
        name = matrix.upper().replace("BT", "BT.")
        if frame.colorspace in UNTAGGED:
            notes.append(f"colour matrix not tagged: taken as {name} for its {frame.height} lines")
        else:
            coded = UNREAD_MATRICES.get(frame.colorspace, f"number {frame.colorspace}")
            notes.append(f"colour matrix {coded} cannot be read: taken as {name}, colours are off")
    every_pixel = _chroma_spacing(frame) == (1, 1)
    return ColorSpec(
        kind, bits, every_pixel, matrix, range_, guessed, not tagged, alpha, tuple(notes)
    )


def high_dynamic_range(frame: VideoFrame) -> str | None:
    """The transfer if it is one of high dynamic range: pq, hlg, or dolby vision over either."""
    transfer = {16: "pq", 18: "hlg"}.get(frame.color_trc)
    if "DOVI_METADATA" in frame.side_data:
        return f"dolby vision over {transfer or 'unknown'}"
    return transfer


class ToRGB:
    """Turns frames into uint8 RGB (H, W, 3) arrays, all by one `ColorSpec`; `deep`: into floats.

    swscale does the arithmetic, without its short cuts: chroma is interpolated linearly from where
    the decoder says its samples lie (unsaid: amid the pixels they belong to), more than 8 bits
    are rounded to the nearest level without dither, and every run gives the same bytes. (Its sums
    wrap where a channel would be past twice white, which coded pictures do not reach.)
    Alpha is composited over black. A wide gamut or an HDR transfer stays as coded.
    With `deep` nothing is rounded to 8 bits: float32 in [0, 1], as fine as the source.
    """

    def __init__(self, spec: ColorSpec, deep: bool = False) -> None:
        self.spec, self.deep = spec, deep
        self._reformatter = VideoReformatter()
        self._full = spec.range == "full"
        # Of full-range numbers of more bits swscale takes 1023 to 255.75, not to 255, so pictures
        # come out up to 1.5 levels off; and to 16-bit RGB its sums overflow on pure colours. So
        # it is only trusted to bring them to 16 bits and chroma to every pixel.
        self._wide = deep or (self._full and spec.bits > 8)
        wide = "yuv{}444p16le" if spec.kind == "yuv" else "rgb{}48le"
        if self._wide:
            self._form = wide.format("a" * spec.alpha).replace("rgba48", "rgba64")
        else:
            self._form = "rgba" if spec.alpha else "rgb24"
        self._matrix = {name: code for name, code in MATRICES.values()}.get(spec.matrix)

    def __call__(self, frame: VideoFrame) -> Pixels:
        yuv = self.spec.kind == "yuv"
        converted = self._reformatter.reformat(
            _whole_chroma(frame) if yuv else frame,
            format=self._form,
            src_colorspace=self._matrix,
            dst_colorspace=self._matrix,
            interpolation=ACCURATE,
            src_color_range=ColorRange.JPEG if self._full else ColorRange.MPEG,
            # What stays YUV keeps its range: swscale need not touch the numbers.
            dst_color_range=ColorRange.JPEG
            if self._full or not (yuv and self._wide)
            else ColorRange.MPEG,
            threads=1,
        )
        pixels = converted.to_ndarray(channel_last=True)[: frame.height, : frame.width]
        if self._wide:
            pixels = self._unit(pixels)
        if self.deep:
            colour = pixels[..., :3] * pixels[..., 3:] if self.spec.alpha else pixels
            return np.asarray(colour, np.float32)
        if self._wide:
            pixels = np.rint(pixels * 255).astype(np.uint8)
        if self.spec.alpha:
            colour, alpha = pixels[..., :3].astype(np.uint16), pixels[..., 3:].astype(np.uint16)
            pixels = (colour * alpha + 127) // 255
        return np.asarray(pixels, np.uint8)

    def _unit(self, wide: NDArray[np.generic]) -> NDArray[np.float32]:
        """Numbers brought to 16 bits, as RGB (and alpha) in [0, 1]."""
        bits = min(self.spec.bits, 16)
        shifted = ((1 << bits) - 1) << (16 - bits)
        values = wide.astype(np.float32)
        # Where no pixel has to be made anew swscale fills the low bits, so that 1023 gives 65535,
        # but not those of chroma; elsewhere it shifts, and 1023 gives 65472.
        values /= np.float32(65535 if self.spec.every_pixel else shifted)
        if self.spec.kind == "yuv":
            kr, kb = (np.float32(weight) for weight in LUMA_WEIGHTS[self.spec.matrix])
            span = shifted
            luma = values[..., 0]
            if not self._full:  # the low bits of limited luma are never filled
                luma = (wide[..., 0].astype(np.float32) - (16 << 8)) / np.float32(219 << 8)
                span = 224 << 8
            chroma = (wide[..., 1:3].astype(np.float32) - 32768) / np.float32(span)
            blue, red = chroma[..., 0], chroma[..., 1]
            r, b = luma + (2 - 2 * kr) * red, luma + (2 - 2 * kb) * blue
            values[..., 1] = (luma - kr * r - kb * b) / (1 - kr - kb)
            values[..., 0], values[..., 2] = r, b
        return np.clip(values, 0, 1)


def _whole_chroma(frame: VideoFrame) -> VideoFrame:
    """`frame`, grown to the right and below to a multiple of its chroma's spacing, or itself.

    swscale stretches the 161 chroma samples of a row of 321 pixels over those 321, though they
    span 322: colours would drift by up to half a pixel. The added pixels hold nothing of use.
    """
    across, down = _chroma_spacing(frame)
    width = -(-frame.width // across) * across
    height = -(-frame.height // down) * down
    if (width, height) == (frame.width, frame.height):
        return frame
    # Made by scaling, for that alone hands on where the chroma samples lie; then overwritten.
    grown = VideoReformatter().reformat(
        frame, width, height, interpolation=Interpolation.POINT, threads=1
    )
    for new, old in zip(grown.planes, frame.planes, strict=True):
        to, of = plane_rows(new), plane_rows(old)
        bytes_ = min(to.shape[1], of.shape[1])
        to[: of.shape[0], :bytes_] = of[:, :bytes_]
    return grown


def _chroma_spacing(frame: VideoFrame) -> tuple[int, int]:
    """Pixels across and down for one sample of chroma: (2, 2) in 4:2:0."""
    form = frame.format
    return 1024 // form.chroma_width(1024), 1024 // form.chroma_height(1024)


def plane_rows(plane: VideoPlane) -> NDArray[np.uint8]:
    """The bytes of `plane`, a view of (lines, bytes a line)."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)


@dataclass(frozen=True)
class Orientation:
    """The way from the stored picture to the shown one: mirrored first, then turned clockwise."""

    degrees: int = 0
    mirrored: bool = False
    note: str = ""

    def __call__(self, picture: Pixels) -> Pixels:
        return np.rot90(picture[:, ::-1] if self.mirrored else picture, -self.degrees // 90)


def orientation(frame: VideoFrame) -> Orientation:
    """What the display matrix of `frame` asks for; a turn that is not by right angles is only noted.

    A stored point (x, y) is shown at (a x + c y, b x + d y), x to the right and y down; the matrix
    is nine 32-bit numbers (a, b, u, c, d, v, x, y, w), as in the header of an mp4 track.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(data, SideData):
        return Orientation()
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(memoryview(data)))
    straight = (a == d == 0 and abs(b) == abs(c) > 0) or (b == c == 0 and abs(a) == abs(d) > 0)
    if not straight:
        return Orientation(
            note=f"display matrix ({a}, {b}, {c}, {d}) is no turn by right angles: left out"
        )
    mirrored = a * d - b * c < 0
    # Mirroring left and right leaves the downward axis alone, so where that axis goes tells the turn.
    degrees = round(math.degrees(math.atan2(-c, d))) % 360
    if not (degrees or mirrored):
        return Orientation()
    text = " and ".join(
        ["mirrored"] * mirrored + [f"turned {degrees} degrees clockwise"] * (degrees > 0)
    )
    return Orientation(degrees, mirrored, f"{text}, as its display matrix asks")
