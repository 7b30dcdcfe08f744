"""A picture of a scene: the true frame, and an enlarged crop of it, the input and every method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stvt.core.formatting import plain

from ..errors import ReportError
from ..run_info import FrameFiles
from .style import HIGHLIGHT, method_styles, save_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    Frame = NDArray[np.uint8]

WIDTH = 2100  # pixels: 7 inches, both columns of a paper, at 300 dots an inch
GAP = 14
TEXT = 29  # pixels of a font: 7 points when printed 7 inches wide
LINE = 36
BAR = 8


@dataclass(frozen=True)
class Tile:
    """One enlarged crop with two lines of text and, for a method, its colour."""

    image: Frame | None
    name: str
    line: str
    colour: str | None = None


@dataclass(frozen=True)
class Crop:
    """A rectangle of the true frame, in its pixels."""

    x: int
    y: int
    width: int
    height: int

    def of(self, frame: Frame) -> Frame:
        return frame[self.y : self.y + self.height, self.x : self.x + self.width]

    def check(self, frame: Frame) -> None:
        height, width = frame.shape[:2]
        right, below = self.x + self.width, self.y + self.height
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise ReportError(f"a crop of {self.width}x{self.height} at {self.x},{self.y} is none")
        if right > width or below > height:
            raise ReportError(
                f"the crop ends at {right},{below}, outside of the frame of {width}x{height}"
            )


def scene_picture(
    files: FrameFiles,
    title: str,
    file: Path,
    methods: Sequence[str],
    untrained: frozenset[str],
    psnr: Mapping[str, float],
    crop: Crop | None = None,
    formats: Sequence[str] = ("png",),
) -> list[str]:
    """Writes the picture of one scene and returns what could not be shown, a sentence each.

    title:   stands below the true frame.
    methods: all of the run, which decide the colours.
    psnr:    of this frame, by method.
    crop:    what is enlarged; where the methods err most if None.
    formats: also pdf and svg, beside `file`; the pixels stay as they are in them.
    Raises ReportError if `crop` is not inside the frame.
    No file is written where the truth cannot be read.
    """
    gt = read(files.gt)
    if gt is None:
        return [f"{files.gt}: the true frame cannot be read, so the scene has no picture"]
    missing = []
    frames: dict[str, Frame | None] = {}
    for method in [m for m in methods if m in files.methods]:
        frames[method] = read(files.methods[method])
        output = frames[method]
        if output is None or output.shape != gt.shape:
            frames[method] = None
            missing.append(f"{files.methods[method]}: no frame of the truth's size to show")
    small = read(files.input) if files.input else None
    rows, width = _layout(len(frames) + 1 + (small is not None), gt.shape)
    if crop is None:
        crop, zoom = _choose(gt, frames, untrained, small, width)
    else:
        crop.check(gt)
        zoom = max(1, min(width // crop.width, round(0.75 * width / crop.height)))
    style = method_styles(methods)
    tiles = [Tile(_enlarged(crop.of(gt), zoom), "truth", "")]
    if small is not None:
        scale = max(1, round(gt.shape[1] / small.shape[1]))
        large = small.repeat(scale, axis=0).repeat(scale, axis=1)
        shape = (crop.height, crop.width, 3)
        cut = crop.of(large)
        tiles.append(
            Tile(
                _enlarged(cut, zoom) if cut.shape == shape else None,
                "input",
                f"x{scale} nearest",
            )
        )
    for method, frame in frames.items():
        tiles.append(
            Tile(
                None if frame is None else _enlarged(crop.of(frame), zoom),
                plain(method),
                "untrained" if method in untrained else decibels_of_frame(psnr.get(method)),
                style[method].colour,
            )
        )
    picture = _compose(gt, plain(title), crop, tiles, rows, zoom)
    if "png" in formats:
        picture.save(file, compress_level=3)
    save_pixels(np.asarray(picture), file.with_suffix(""), [f for f in formats if f != "png"])
    return missing


def read(file: Any) -> Frame | None:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as image:  # no others' plug-ins
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError):
        return None


def decibels_of_frame(value: float | None) -> str:
    """A frame's PSNR as it stands beside a crop of the frame."""
    if value is None or math.isnan(value):
        return "not scored"
    return "identical" if math.isinf(value) else f"frame {value:.2f} dB"


def _layout(tiles: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """How many rows of tiles stand beside the frame, and the width of a tile in pixels.

    The frame is as high as the tiles together and all fill the width. Of the ways to do so, the
    one with the largest tiles and few empty places, the frame about 0.25 to 0.5 of the width.
    """
    aspect = shape[0] / shape[1]
    options = []
    for rows in range(1, tiles + 1):
        columns = math.ceil(tiles / rows)
        text = rows * (BAR + 2 * LINE + GAP) - GAP - 2 * LINE - BAR
        width = ((WIDTH - columns * GAP) * aspect - text) / (0.75 * rows + columns * aspect)
        width = min(max(width, 60.0), (0.75 * WIDTH) / columns - GAP)
        share = 1 - columns * (width + GAP) / WIDTH
        off = max(0.0, 0.25 - share, share - 0.5)
        options.append((width * tiles / (rows * columns) * (1 - off) ** 3, rows, int(width)))
    _, rows, width = max(options)
    return rows, width


def _choose(
    gt: Frame,
    frames: Mapping[str, Frame | None],
    untrained: frozenset[str],
    small: Frame | None,
    width: int,
) -> tuple[Crop, int]:
    """The crop in which the methods err most, and the whole number it is enlarged by.

    Untrained methods have no say, unless there is no other. Without any method: the crop with
    the most detail.
    """
    height, full = gt.shape[:2]
    zoom = max(1, round(width / max(32, full / 6)))
    side = min(width // zoom, full)
    tall = min(side * 3 // 4, height)
    judged = [f for m, f in frames.items() if f is not None and m not in untrained]
    judged = judged or [f for f in frames.values() if f is not None]
    gray_gt = gt.astype(np.float32).mean(axis=2)
    if judged:
        error = np.zeros((height, full), np.float32)
        for frame in judged:
            error += np.abs(frame.astype(np.float32).mean(axis=2) - gray_gt)
    else:
        error = np.abs(np.gradient(gray_gt)).sum(axis=0)
    total = np.zeros((height + 1, full + 1))
    total[1:, 1:] = error.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    sums = total[tall:, side:] - total[:-tall, side:] - total[tall:, :-side] + total[:-tall, :-side]
    # In whole input pixels, so that the input's squares are not cut.
    step = 1 if small is None else max(1, round(full / small.shape[1]))
    sums = sums[::step, ::step]
    y, x = np.unravel_index(int(sums.argmax()), sums.shape)
    return Crop(int(x) * step, int(y) * step, side, tall), zoom


def _enlarged(frame: Frame, zoom: int) -> Frame:
    return frame.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _compose(
    gt: Frame, title: str, crop: Crop, tiles: Sequence[Tile], rows: int, zoom: int
) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    tile = (crop.width * zoom, crop.height * zoom)
    columns = math.ceil(len(tiles) / rows)
    pitch = (tile[0] + GAP, tile[1] + BAR + 2 * LINE + GAP)
    tall = rows * pitch[1] - GAP - 2 * LINE - BAR
    shrink = min((WIDTH - columns * pitch[0]) / gt.shape[1], tall / gt.shape[0])
    size = (max(1, round(gt.shape[1] * shrink)), max(1, round(gt.shape[0] * shrink)))
    height = max(size[1] + BAR + LINE, tall + BAR + 2 * LINE)
    canvas = Image.new("RGB", (size[0] + columns * pitch[0], height), "white")
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.truetype(font_file(), TEXT)
    filter = Image.Resampling.LANCZOS if shrink < 1 else Image.Resampling.BICUBIC
    canvas.paste(Image.fromarray(gt).resize(size, filter), (0, 0))
    centred(draw, font, title, 0, size[1] + BAR, size[0])
    box = [
        round(crop.x * shrink),
        round(crop.y * shrink),
        round((crop.x + crop.width) * shrink) - 1,
        round((crop.y + crop.height) * shrink) - 1,
    ]
    draw.rectangle([box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 2], outline="white", width=11)
    draw.rectangle(box, outline=HIGHLIGHT, width=7)
    for place, entry in enumerate(tiles):
        x = size[0] + GAP + (place % columns) * pitch[0]
        y = (place // columns) * pitch[1]
        if entry.image is None:
            draw.rectangle([x, y, x + tile[0] - 1, y + tile[1] - 1], fill="#EEEEEE")
            centred(draw, font, "no frame", x, y + tile[1] // 2 - TEXT // 2, tile[0])
        else:
            canvas.paste(Image.fromarray(entry.image), (x, y))
        if entry.name == "truth" and entry.colour is None:
            draw.rectangle([x, y, x + tile[0] - 1, y + tile[1] - 1], outline=HIGHLIGHT, width=5)
        if entry.colour:
            draw.rectangle([x, y + tile[1], x + tile[0] - 1, y + tile[1] + BAR], fill=entry.colour)
        below = y + tile[1] + BAR
        centred(draw, font, entry.name, x, below, tile[0])
        centred(draw, font, entry.line, x, below + LINE - 4, tile[0], "#444444")
    return canvas


def centred(
    draw: Any, font: FreeTypeFont, text: str, x: int, y: int, width: int, fill: str = "black"
) -> None:
    """Writes one line in the middle of `width` pixels, its middle left out where it is longer."""
    short, length = text, len(text)
    while font.getlength(short) > width and length > 2:
        length -= 1
        short = f"{text[: (length + 1) // 2]}…{text[len(text) - length // 2 :]}"
    draw.text((x + (width - font.getlength(short)) // 2, y), short, fill=fill, font=font)


def font_file() -> str:
    """matplotlib's own font, so that a picture looks the same on every machine."""
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
