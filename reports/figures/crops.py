"""The paper's Fig. 5: a true frame with a rectangle on it, and the enlarged crop of every method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stvt.core.formatting import plain

from ..errors import ReportError
from ..run_info import FrameFiles
from .sheet import BAR, GAP, LINE, POINTS, Sheet, Tile, TileGrid, read
from .style import (
    COLUMN_WIDTH,
    DOTS,
    HIGHLIGHT,
    TEXT_WIDTH,
    figure_style,
    method_styles,
    text_width,
    wrapped,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

MOST_COLUMNS = 24  # of a strip; more are too small to see
PAGE_HEIGHT = 9.2  # inches
FRAME_HEIGHT = 1.8  # inches, at most, above a strip
SHAPE = 0.75  # height of a crop that was not given, over its width
PSNR_NOTE = "PSNR of the whole frame in dB"


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
    """Draws the true frame, and beside it the crop of the truth, the input and each method.

    title:   stands below the true frame.
    methods: all of the run, which decide the colours.
    psnr:    of this frame, by method.
    crop:    what is enlarged; where the methods err most if None.
    formats: "png", "pdf", "svg", each beside `file`.
    Returns what could not be shown, a sentence each; no file is written where the truth cannot be
    read. Raises ReportError if `crop` is not inside the frame.
    """
    gt = read(files.gt)
    if gt is None:
        return [f"{files.gt}: the true frame cannot be read, so the scene has no picture"]
    missing = []
    frames: dict[str, Frame | None] = {}
    for method in [m for m in methods if m in files.methods]:
        output = read(files.methods[method])
        if output is None or output.shape != gt.shape:
            output = None
            missing.append(f"{files.methods[method]}: no frame of the truth's size to show")
        frames[method] = output
    small = read(files.input) if files.input else None
    scale = max(1, round(gt.shape[1] / small.shape[1])) if small is not None else 1
    aspect = gt.shape[0] / gt.shape[1]
    columns, width = _layout(len(frames) + 1 + (small is not None), aspect)
    dots = width * DOTS
    if crop is None:
        zoom = max(1, round(dots / max(32, gt.shape[1] / 6)))
        judged = {m: f for m, f in frames.items() if m not in untrained} or frames
        outputs = [frame for frame in judged.values() if frame is not None]
        crop = _worst_crop(gt, outputs, min(int(dots / zoom), gt.shape[1]), scale)
    else:
        crop.check(gt)
    zoom = min(dots / crop.width, SHAPE * dots / crop.height)
    zoom = math.floor(zoom) if zoom >= 1 else zoom  # whole, so that all pixels are of one size
    tiles = [Tile(crop.of(gt), "truth")]
    if small is not None:
        large = crop.of(small.repeat(scale, axis=0).repeat(scale, axis=1))
        whole = large.shape[:2] == (crop.height, crop.width)
        tiles.append(Tile(large if whole else None, "input", f"x{scale} nearest"))
    style = method_styles(methods)
    for method, frame in frames.items():
        note = "untrained" if method in untrained else _decibels(psnr.get(method))
        image = None if frame is None else crop.of(frame)
        tiles.append(Tile(image, method, note, style[method].colour))
    size = (crop.width * zoom / DOTS, crop.height * zoom / DOTS)
    grid = TileGrid(tiles, columns, *size)
    left = min(TEXT_WIDTH - grid.width - GAP, grid.height / aspect)
    words = wrapped(f"{title}; {PSNR_NOTE}" if psnr else title, left, POINTS)
    bottom = max(grid.height, left * aspect + BAR + len(words) * LINE)
    with figure_style():
        sheet = Sheet(left + GAP + grid.width, bottom + 0.02)
        _whole_frame(sheet, gt, [crop], 0, 0, left)
        sheet.text("\n".join(words), left / 2, left * aspect + BAR + 0.01)
        grid.draw(sheet, left + GAP, 0)
        sheet.save(file.with_suffix(""), formats)
    return missing


def strip_figure(
    frames: Sequence[FrameFiles],
    crops: Sequence[Crop],
    title: str,
    file: Path,
    methods: Sequence[str],
    psnr: Sequence[Mapping[str, float]],
) -> list[Path]:
    """The first true frame with the crops as boxes, and below a column a frame and crop, a row for
    the truth and each method; no higher than a page.

    psnr: of each of the frames, by method.
    Raises ReportError for a crop outside of the frame, a true frame that cannot be read, and
    too many columns.
    """
    places = [(n, number, crop) for number, crop in enumerate(crops) for n in range(len(frames))]
    if len(places) > MOST_COLUMNS:
        raise ReportError(
            f"{title}: {len(places)} frames and crops side by side; at most {MOST_COLUMNS}"
        )
    truths = []
    for one in frames:
        gt = read(one.gt)
        if gt is None:
            raise ReportError(f"{one.gt}: the true frame cannot be read")
        for crop in crops:
            crop.check(gt)
        truths.append(gt)
    rows = ["truth", *(m for m in methods if any(m in one.methods for one in frames))]
    shape = max(crop.height / crop.width for crop in crops)
    style = method_styles(methods)
    tiles = []
    for row in rows:
        for n, _, crop in places:
            frame = truths[n] if row == "truth" else read(frames[n].methods.get(row))
            shown = frame is not None and frame.shape == truths[n].shape
            tiles.append(
                Tile(
                    _padded(crop.of(frame), shape) if frame is not None and shown else None,
                    note="" if row == "truth" else _decibels(psnr[n].get(row)),
                    colour=None if row == "truth" else style[row].colour,
                )
            )
    names = min(1.1, max(text_width(plain(row), POINTS) for row in rows)) + 2 * GAP
    heads = [
        ", ".join(
            [f"crop {number + 1}"] * (len(crops) > 1)
            + [f"frame {frames[n].frame}"] * (len(frames) > 1 or len(crops) == 1)
        )
        for n, number, _ in places
    ]
    aspect = truths[0].shape[0] / truths[0].shape[1]
    most = (PAGE_HEIGHT - FRAME_HEIGHT - 4 * LINE) / len(rows) - BAR - LINE - GAP
    cell = min(1.6, (TEXT_WIDTH - names) / len(places) - GAP, most / shape)
    grid = TileGrid(tiles, len(places), cell, cell * shape, rows, names, heads)
    width = max(grid.width, COLUMN_WIDTH)
    frame_width = min(width, FRAME_HEIGHT / aspect)
    words = wrapped(f"{title}; {PSNR_NOTE}" if any(psnr) else title, width, POINTS)
    top = frame_width * aspect + BAR + len(words) * LINE + 0.06
    with figure_style():
        sheet = Sheet(width, top + grid.height + 0.02)
        _whole_frame(sheet, truths[0], crops, (width - frame_width) / 2, 0, frame_width)
        sheet.text("\n".join(words), width / 2, frame_width * aspect + BAR + 0.01)
        grid.draw(sheet, (width - grid.width) / 2, top)
        return sheet.save(file)


def _padded(image: Frame, shape: float) -> Frame:
    """With white below, so that it is `shape` times as high as wide: crops of several shapes."""
    white = max(0, round(image.shape[1] * shape) - image.shape[0])
    return np.pad(image, ((0, white), (0, 0), (0, 0)), constant_values=255)


def _whole_frame(
    sheet: Sheet, frame: Frame, crops: Sequence[Crop], x: float, y: float, width: float
) -> None:
    """The frame with a rectangle a crop, numbered where there are several."""
    inch = width / frame.shape[1]
    sheet.picture(frame, x, y, width, frame.shape[0] * inch)
    for number, crop in enumerate(crops, start=1):
        left, top = x + crop.x * inch, y + crop.y * inch
        for colour, line in (("white", 2.2), (HIGHLIGHT, 1.2)):
            look = {"fill": False, "edgecolor": colour, "linewidth": line}
            sheet.box(left, top, crop.width * inch, crop.height * inch, **look)
        if len(crops) > 1:
            label = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
            sheet.text(str(number), left, top, color=HIGHLIGHT, va="bottom", bbox=label)


def _decibels(value: float | None) -> str:
    """The PSNR of the whole frame, below a crop of it."""
    if value is None or math.isnan(value):
        return "not scored"
    return "identical" if math.isinf(value) else f"{value:.2f}"


def _layout(tiles: int, aspect: float) -> tuple[int, float]:
    """How many tiles stand in a row beside the frame, and the width of each in inches: the frame is
    as high as all rows, and both fill the width."""
    rows = max(1, round(math.sqrt(tiles / 2.5)))
    columns = math.ceil(tiles / rows)
    text = rows * (BAR + 2 * LINE + GAP) - GAP
    width = ((TEXT_WIDTH - columns * GAP) * aspect - text) / (SHAPE * rows + columns * aspect)
    return columns, min(max(width, 0.2), 0.75 * TEXT_WIDTH / columns - GAP)


def _worst_crop(gt: Frame, outputs: Sequence[Frame], width: int, step: int) -> Crop:
    """The crop of that width in which the outputs err most; without any, the one with most detail.

    Its corner is a multiple of `step`, so that the input's pixels are whole.
    """
    height = min(max(1, round(width * SHAPE)), gt.shape[0])
    gray_gt = gt.astype(np.float32).mean(axis=2)
    error = sum((np.abs(one.astype(np.float32).mean(axis=2) - gray_gt) for one in outputs), 0)
    if not outputs:
        error = np.abs(np.gradient(gray_gt)).sum(axis=0)
    total = np.zeros((gt.shape[0] + 1, gt.shape[1] + 1))
    total[1:, 1:] = np.asarray(error).cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    sums = total[height:] - total[:-height]
    sums = (sums[:, width:] - sums[:, :-width])[::step, ::step]
    y, x = np.unravel_index(int(sums.argmax()), sums.shape)
    return Crop(int(x) * step, int(y) * step, width, height)
