"""Optical flow as colours: the hue is the direction, the strength of the colour the speed."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .sheet import GAP, LINE, Sheet
from .style import COLUMN_WIDTH, figure_style

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flow = NDArray[np.float32]

_HUES = np.array([colorsys.hsv_to_rgb(n / 360, 1, 1) for n in range(361)], np.float32)


def flow_colours(flow: Flow, fastest: float | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) of a flow (2, H, W) in pixels, x to the right and y down: white where it is still.

    fastest: the speed of the full colour, that of the fastest pixel if None; faster is darker.
    Right is red, down is yellow-green, left cyan and up violet.
    """
    x, y = np.nan_to_num(flow.astype(np.float32))
    speed = np.hypot(x, y)
    most = fastest or float(speed.max()) or 1.0
    hue = np.degrees(np.arctan2(y, x)) % 360
    low = hue.astype(int)
    part = (hue - low)[..., None]
    colour = _HUES[low] * (1 - part) + _HUES[np.minimum(low + 1, 360)] * part
    strength = (speed / most)[..., None]
    mixed = np.where(strength <= 1, 1 - strength * (1 - colour), colour * 0.75)
    return np.asarray((mixed * 255).round(), np.uint8)


def wheel(size: int = 151) -> NDArray[np.uint8]:
    """The key: what colour each motion has, white outside of the circle."""
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j].astype(np.float32)
    picture = flow_colours(np.stack([x, y]), 1.0)
    picture[np.hypot(x, y) > 1] = 255
    return picture


def flow_figure(flow: Flow, file: Path, fastest: float | None = None) -> list[Path]:
    """The colours of a flow with their key, as FILE.png and so on."""
    most = fastest or float(np.hypot(*np.nan_to_num(flow)).max())
    key = 0.6
    width = COLUMN_WIDTH - key - GAP
    height = width * flow.shape[-2] / flow.shape[-1]
    with figure_style():
        sheet = Sheet(COLUMN_WIDTH, max(height, key + LINE))
        sheet.picture(flow_colours(flow, fastest), 0, 0, width, height)
        sheet.picture(wheel(), width + GAP, LINE, key, key)
        sheet.text(f"{most:.3g} px", width + GAP + key / 2, 0)
        return sheet.save(file)
