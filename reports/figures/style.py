"""The style of all figures, and of each method in them: colour, marker and line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from numpy.typing import NDArray

# Okabe and Ito's eight, which colour-blind readers tell apart, with grey for their yellow, which is too faint on white.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#8C8C8C",
)
MARKERS = "osD^vPX<"
DASHES: tuple[str, ...] = ("-", "--", ":", "-.")
HIGHLIGHT = "#D55E00"

TEXT_WIDTH = 7.0  # inches: both columns of a paper
COLUMN_WIDTH = 3.4  # inches: one column

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.edgecolor": "#555555",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # a $ in a name is a $
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "stvt",
    "svg.fonttype": "path",
}


# Files that hold no time of making and no version: equal runs give equal bytes.
METADATA: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True)
class MethodStyle:
    """How a method is drawn."""

    colour: str
    marker: str
    dash: str


def method_styles(methods: Sequence[str]) -> dict[str, MethodStyle]:
    """The style of each method by its place in the run: colours repeat after 8, styles after 32.

    >>> len(set(method_styles([str(n) for n in range(32)]).values()))
    32
    """
    size = len(COLOURS)
    return {
        method: MethodStyle(
            COLOURS[place % size],
            MARKERS[(place + place // size) % size],
            DASHES[place // size % len(DASHES)],
        )
        for place, method in enumerate(methods)
    }


@contextmanager
def figure_style() -> Iterator[None]:
    """matplotlib's settings for our figures, whatever the user's are, put back at the end."""
    from matplotlib import style

    settings: list[Any] = ["default", STYLE]
    with style.context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # drawn as a box
        yield


def close_together() -> ConstrainedLayoutEngine:
    """A layout for pictures beside each other, with little between them."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0.01, hspace=0.01)


def save(figure: Figure, file: Path, formats: Sequence[str] = ("png", "pdf")) -> list[Path]:
    """Writes FILE.png and so on, and returns their paths."""
    files = [file.with_name(f"{file.name}.{format}") for format in formats]
    for path, format in zip(files, formats, strict=True):
        figure.savefig(path, format=format, metadata=METADATA[format])
    return files


def save_pixels(picture: NDArray[np.uint8], file: Path, formats: Sequence[str]) -> list[Path]:
    """A picture as FILE.pdf and so on, 7 inches wide, every pixel as it is."""
    from matplotlib.figure import Figure

    if not formats:
        return []
    height, width = picture.shape[:2]
    with figure_style():
        figure = Figure(figsize=(TEXT_WIDTH, TEXT_WIDTH * height / width))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.imshow(picture, interpolation="none", aspect="auto")
        return save(figure, file, formats)


def shortened(text: str, length: int) -> str:
    """The text, its middle left out where it is longer than `length`.

    >>> shortened("calendar", 5)
    'ca…ar'
    """
    half = (length - 1) // 2
    return text if len(text) <= length else f"{text[:half]}…{text[-half:]}"
