"""The style of all figures, and of each method in them: colour, marker and line."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from stvt.core.formatting import plain

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from PIL.ImageFont import FreeTypeFont

# Okabe and Ito's eight, which colour-blind readers tell apart, with a grey for their yellow, which
# is too faint on white.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#6E6E6E",
)
MARKERS = "osD^vPX<>*h"
# Lengths of ink and gap, in widths of the line; nothing is a solid line.
DASHES: tuple[tuple[int, ...], ...] = ((), (5, 2), (1, 2), (6, 2, 1, 2), (2, 1), (9, 3))
HIGHLIGHT = "#D55E00"

# Chosen so that methods which are often compared differ in colour (tests/reports has the lists).
# fmt: off
NUMBERS = {
    "nearest": 6, "bilinear": 3, "bicubic": 1, "lanczos": 4, "repeat": 4, "blend": 0, "flow": 1,
    "stvun": 6, "stvun-s": 0, "stvun-m": 5, "stvun-wo-efst": 3, "stvun-wo-d": 1, "stvun-w-af": 5,
    "edvr": 2, "edvr-m": 5, "edvr-s": 7, "basicvsr": 0, "dain": 7, "rife": 5, "fisr": 2,
    "zsm": 3, "rstt-s": 5, "rstt-m": 2, "rstt-l": 0,
}
# fmt: on

TEXT_WIDTH = 7.0  # inches: both columns of a paper
COLUMN_WIDTH = 3.35  # inches: one column, 8.5 cm
DOTS = 300  # of a PNG, an inch

FONT = "DejaVu Sans"  # comes with matplotlib
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": [FONT, "Verdana", "Helvetica", "Arial"],  # the others for readers of SVG
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
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
    "savefig.dpi": DOTS,
    "pdf.fonttype": 42,  # text as text, its font embedded
    "svg.hashsalt": "stvt",
    "svg.fonttype": "none",  # text as text
}


FORMATS = ("png", "pdf", "svg")
# Files that hold no time of making and no version: equal runs give equal bytes.
METADATA: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
    "svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True)
class MethodStyle:
    """The colour, marker and line of a method."""

    colour: str
    marker: str
    dash: tuple[int, ...]

    def line(self, label: str = "", width: float = 1.0, marker: bool = True) -> Line2D:
        """An empty line in this style, for a plot or a legend."""
        from matplotlib.lines import Line2D

        return Line2D(
            [],
            [],
            color=self.colour,
            linestyle=(0, self.dash) if self.dash else "-",
            linewidth=width,
            marker=self.marker if marker else "",
            markersize=3,
            label=label,
        )


def method_colour(method: str) -> str:
    """The colour of a method by its name alone, the same in every run.

    Its number is the sum of its parts', the second of a cascade three times, so that cascades
    with a part in common differ, and so do a+b and b+a.

    >>> method_colour("edvr+dain") != method_colour("dain+edvr")
    True
    """
    parts = method.split("+")
    numbers = [NUMBERS.get(part, crc32(part.encode())) for part in parts]
    return COLOURS[sum((2 * k + 1) * n for k, n in enumerate(numbers)) % len(COLOURS)]


def method_styles(methods: Sequence[str]) -> dict[str, MethodStyle]:
    """The style of each method of a run: methods of one colour differ in marker, the first six in
    line, too.

    >>> styles = method_styles([str(n) for n in range(500)]).values()
    >>> len({(style.colour, style.marker) for style in styles})
    500
    """
    styles: dict[str, MethodStyle] = {}
    uses: Counter[str] = Counter()
    for method in methods:
        colour = method_colour(method)
        mine = [style.marker for style in styles.values() if style.colour == colour]
        start = COLOURS.index(colour)
        free = [m for m in MARKERS[start:] + MARKERS[:start] if m not in mine]
        # Where all markers are used, a number is one.
        marker = min(free, key=uses.__getitem__, default=f"${len(mine)}$")
        uses[marker] += 1
        styles[method] = MethodStyle(colour, marker, DASHES[len(mine) % len(DASHES)])
    return styles


@contextmanager
def figure_style() -> Iterator[None]:
    """matplotlib's settings for our figures, whatever the user's are, put back at the end."""
    from matplotlib import style

    settings: list[Any] = ["default", STYLE]
    with style.context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # drawn as a box
        yield


def save(figure: Figure, file: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Writes FILE.png and so on, and returns their paths."""
    files = [file.with_name(f"{file.name}.{format}") for format in formats]
    for path, format in zip(files, formats, strict=True):
        figure.savefig(path, format=format, metadata=METADATA[format])
    return files


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """The ticks of a logarithmic axis over values from low to high, in plain digits."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,)))
    axis.set_major_formatter("{x:.3g}")
    axis.set_minor_formatter(NullFormatter())


def legend_below(figure: Figure, lines: Sequence[Line2D], handle: float = 2.2) -> None:
    """A legend below all panels, for which the figure grows; its layout must be constrained.

    handle: the length of a line in it, in widths of a letter.
    """
    width, height = figure.get_size_inches()
    labels = [wrapped(str(line.get_label()), width - 0.5, 7) for line in lines]
    widest = max((text_width(row, 7) for label in labels for row in label), default=0)
    columns = int(width / (widest + 0.1 * handle + 0.17))
    columns = max(1, min(len(lines), columns))
    down = math.ceil(len(lines) / columns) * max(map(len, labels), default=1)
    figure.set_size_inches(width, height + 0.15 * down)
    figure.legend(
        lines,
        # matplotlib drops labels that begin with an underscore.
        [f" {text}" if (text := "\n".join(label)).startswith("_") else text for label in labels],
        loc="outside lower center",
        ncols=math.ceil(len(lines) / math.ceil(len(lines) / columns)),
        handlelength=handle,
        columnspacing=1.2,
        handletextpad=0.5,
        borderaxespad=0,
    )


def font_file() -> str:
    """matplotlib's own font, so that a picture looks the same on every machine."""
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")


@cache
def _font() -> FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(font_file(), 72)


def text_width(text: str, points: float) -> float:
    """The width in inches of a line of text."""
    return _font().getlength(text) / 72 * points / 72


def wrapped(text: str, width: float, points: float) -> list[str]:
    """The text in lines of at most `width` inches, broken behind + - _ / , and spaces where it can be.

    >>> wrapped("bicubic+flow", 0.6, 7)
    ['bicubic+', 'flow']
    """
    lines = [""]
    for piece in re.findall(r"[^-+_/, ]*[-+_/, ]*", plain(text)):
        if lines[-1] and text_width(lines[-1] + piece.rstrip(), points) > width:
            lines.append("")
        for letter in piece:
            if lines[-1] and text_width(lines[-1] + letter.rstrip(), points) > width:
                lines.append("")
            lines[-1] += letter
    return [line.rstrip() for line in lines]
