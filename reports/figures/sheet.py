"""A figure of pictures with captions, laid out in inches from its upper left corner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .style import DOTS, FORMATS, TEXT_WIDTH, save, wrapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

GAP = 0.05  # inches between pictures
LINE = 0.115  # inches from one line of a caption to the next
POINTS = 6.5  # of a caption
BAR = 0.025  # inches: the height of the bar in a method's colour


def read(file: Any) -> Frame | None:
    """The frame of a file, (H, W, 3), None where it cannot be read."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=("PNG", "JPEG", "WEBP")) as image:  # no others' plug-ins
            return np.asarray(image.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError):
        return None


def coloured(values: NDArray[np.floating[Any]], colours: str) -> Frame:
    """Values in [0, 1] by a colour map of matplotlib, (H, W, 3)."""
    from matplotlib import colormaps

    return np.asarray(colormaps[colours](values, bytes=True)[..., :3], np.uint8)


class Sheet:
    """A figure of `width` x `height` inches; within `figure_style` only."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width, self.height = whole_dots(width), whole_dots(height)
        self.figure = Figure(figsize=(self.width, self.height), dpi=DOTS)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set(xlim=(0, self.width), ylim=(self.height, 0), autoscale_on=False)

    def picture(self, image: Frame, x: float, y: float, width: float, height: float) -> None:
        """Every pixel as it is, in PDF and SVG as many as the image has."""
        x, y = whole_dots(x), whole_dots(y)
        extent = (x, x + width, y + height, y)
        self.axes.imshow(image, extent=extent, interpolation="none", aspect="auto")

    def box(self, x: float, y: float, width: float, height: float, **look: Any) -> None:
        from matplotlib.patches import Rectangle

        self.axes.add_patch(Rectangle((x, y), width, height, **look))

    def text(self, text: str, x: float, y: float, **look: Any) -> None:
        look = {"ha": "center", "va": "top", "fontsize": POINTS, "linespacing": 1.15, **look}
        self.axes.text(x, y, text, **look)

    def colour_bar(self, colours: str, top: float, label: str, extend: str = "neither") -> None:
        """The scale from 0 to `top`, at the right edge."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        box = (1 - 0.5 / self.width, 0.1, 0.09 / self.width, 0.8)
        values = ScalarMappable(Normalize(0, top), colours)
        bar = self.figure.colorbar(values, cax=self.figure.add_axes(box), extend=extend)
        bar.set_label(label, fontsize=7, labelpad=1)

    def save(self, file: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
        return save(self.figure, file, formats)


def whole_dots(inches: float) -> float:
    """Rounded, so that enlarged pixels of a PNG are of one size."""
    return round(inches * DOTS) / DOTS


@dataclass(frozen=True)
class Tile:
    """A picture, None where there is none, with its name, a note, and its method's colour."""

    image: Frame | None
    name: str = ""
    note: str = ""
    colour: str | None = None


class TileGrid:
    """Tiles in rows, each `width` x `height` inches, with captions that are never cut.

    names: of the rows, in `left` inches before them. heads: of the columns, above them.
    """

    def __init__(
        self,
        tiles: Sequence[Tile],
        columns: int,
        width: float,
        height: float,
        names: Sequence[str] = (),
        left: float = 0.0,
        heads: Sequence[str] = (),
    ) -> None:
        self.rows = [tiles[k : k + columns] for k in range(0, len(tiles), columns)]
        self.tile, self.left = (width, height), left
        self.names = [wrapped(name, left - GAP, POINTS) for name in names]
        self.heads = [wrapped(head, width, POINTS) for head in heads]
        self.tops, y = [], max(map(len, self.heads), default=0) * LINE + 0.03 * bool(heads)
        for row in self.rows:
            self.tops.append(y)
            lines = max(len(self._caption(tile)) for tile in row)
            y += height + (BAR + lines * LINE if lines else 0) + GAP
        self.width, self.height = left + columns * (width + GAP) - GAP, y - GAP

    def _caption(self, tile: Tile) -> list[str]:
        texts = [text for text in (tile.name, tile.note) if text]
        return [line for text in texts for line in wrapped(text, self.tile[0], POINTS)]

    def draw(self, sheet: Sheet, x: float, y: float) -> None:
        """Puts its upper left corner at (x, y)."""
        width, height = self.tile
        lefts = [whole_dots(x + self.left + k * (width + GAP)) for k in range(len(self.rows[0]))]
        tops = [whole_dots(y + top) for top in self.tops]
        for lines, left in zip(self.heads, lefts, strict=False):
            sheet.text("\n".join(lines), left + width / 2, tops[0] - 0.02, va="bottom")
        for lines, top in zip(self.names, tops, strict=False):
            right = x + self.left - GAP
            sheet.text("\n".join(lines), right, top + height / 2, ha="right", va="center")
        for top, row in zip(tops, self.rows, strict=True):
            for left, tile in zip(lefts, row, strict=False):
                if tile.image is None:
                    sheet.box(left, top, width, height, facecolor="#EEEEEE")
                    sheet.text("no frame", left + width / 2, top + height / 2, va="center")
                else:
                    sheet.picture(tile.image, left, top, width, height)
                if tile.colour:
                    sheet.box(left, top + height, width, BAR, facecolor=tile.colour)
                caption = "\n".join(self._caption(tile))
                sheet.text(caption, left + width / 2, top + height + BAR + 0.01)


def tile_sheet(tiles: Sequence[Tile], shape: float, title: str = "", right: float = 0.0) -> Sheet:
    """Tiles in up to four columns, `shape` times as high as wide, as wide as a page.

    title: above them. right: inches that stay free beside them.
    """
    columns = min(4, len(tiles))
    cell = (TEXT_WIDTH - right + GAP) / columns - GAP
    grid = TileGrid(tiles, columns, cell, cell * shape)
    words = wrapped(title, TEXT_WIDTH, POINTS)
    top = len(words) * LINE + 0.04 if title else 0.0
    sheet = Sheet(TEXT_WIDTH, top + grid.height + 0.02)
    sheet.text("\n".join(words), TEXT_WIDTH / 2, 0.01)
    grid.draw(sheet, 0, top)
    return sheet
