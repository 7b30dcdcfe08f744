"""A scene as mp4: truth, input and methods side by side, at real speed and slowed down."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stvt.core.files import atomic_write
from stvt.core.formatting import plain
from stvt.core.safe_names import scene_name

from ..run_info import ClipFiles
from .sheet import read
from .style import font_file, method_styles

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

    Frame = NDArray[np.uint8]

UNKNOWN = 24  # frames a second of a scene whose speed nobody recorded
SLOWER = 8  # slow motion is this much slower
SHORTEST = 3.0  # seconds at real speed; a shorter scene is repeated
LABEL = 30  # pixels of height
GAP = 6
WIDEST = 1920


def scene_videos(
    clip: ClipFiles, dataset: str, scene: str, methods: Sequence[str], folder: Path
) -> list[Path]:
    """Writes `folder`/video-<data set>-<scene>.mp4 and slow-<...>.mp4, and returns their paths.

    Frames that any view lacks are left out. No file where no frame is left.
    """
    views = clip.views(methods)
    common = sorted(set.intersection(*(set(view) for view in views.values())))
    colours = {method: style.colour for method, style in method_styles(methods).items()}
    pictures = list(_pictures(views, common, colours, f"{plain(dataset)}, {plain(scene)}"))
    if not pictures:
        return []
    step = min((b - a for a, b in pairwise(common)), default=1)
    speed = Fraction(clip.fps or UNKNOWN).limit_denominator(1001) / step
    times = max(1, math.ceil(SHORTEST * speed / len(pictures)))
    folder.mkdir(parents=True, exist_ok=True)
    stem = scene_name(dataset, scene)
    # In front: a scene may be called x-slow.
    files = [folder / f"video-{stem}.mp4", folder / f"slow-{stem}.mp4"]
    _encode(files[0], pictures * times, speed)
    _encode(files[1], pictures, speed / SLOWER)
    return files


def _pictures(
    views: Mapping[str, Mapping[int, Path]],
    frames: Sequence[int],
    colours: Mapping[str, str],
    title: str,
) -> Iterator[Frame]:
    """The composed frames, all of one even size."""
    from PIL import Image, ImageDraw, ImageFont

    if not frames:
        return
    gt = read(views["truth"][frames[0]])
    if gt is None:
        return
    height, width = gt.shape[:2]
    columns = _columns(len(views), height, width)
    zoom = min(1.0, (WIDEST / columns - GAP) / width) if columns * width > WIDEST else 1.0
    if columns * width < 900:  # small frames are shown larger, in whole pixels
        zoom = float(max(1, 900 // (columns * width)))
    width, height = max(2, round(width * zoom)), max(2, round(height * zoom))
    pitch = (width + GAP, height + LABEL + GAP)
    size = (columns * pitch[0] - GAP, math.ceil(len(views) / columns) * pitch[1] + LABEL)
    font = ImageFont.truetype(font_file(), 17)
    for frame in frames:
        canvas = Image.new("RGB", (size[0] + size[0] % 2, size[1] + size[1] % 2), "#101418")
        draw = ImageDraw.Draw(canvas)
        for place, (name, files) in enumerate(views.items()):
            x, y = (place % columns) * pitch[0], (place // columns) * pitch[1]
            draw.rectangle([x, y + 5, x + 6, y + LABEL - 5], fill=colours.get(name, "#FFFFFF"))
            _centred(draw, font, plain(name), x + 10, y + 4, width - 10, "white")
            picture = read(files[frame])
            if picture is not None:
                canvas.paste(_resized(picture, width, height), (x, y + LABEL))
        below = f"{title}, frame {frame}"
        _centred(draw, font, below, 0, size[1] - LABEL + 4, size[0], "#B8C0C8")
        yield np.asarray(canvas)


def _centred(
    draw: Any, font: FreeTypeFont, text: str, x: int, y: int, width: int, fill: str
) -> None:
    """Writes one line in the middle of `width` pixels, its middle left out where it is longer."""
    short, length = text, len(text)
    while font.getlength(short) > width and length > 2:
        length -= 1
        short = f"{text[: (length + 1) // 2]}…{text[len(text) - length // 2 :]}"
    draw.text((x + (width - font.getlength(short)) // 2, y), short, fill=fill, font=font)


def _resized(frame: Frame, width: int, height: int) -> Image:
    from PIL import Image

    kind = Image.Resampling.NEAREST if frame.shape[1] < width else Image.Resampling.LANCZOS
    return Image.fromarray(frame).resize((width, height), kind)


def _columns(views: int, height: int, width: int) -> int:
    """As many columns as make the whole nearest to 16:9."""

    def off(columns: int) -> float:
        lines = math.ceil(views / columns)
        return abs(math.log(columns * width / (lines * (height + LABEL)) / (16 / 9)))

    return min(range(1, views + 1), key=off)


def _encode(file: Path, pictures: Sequence[Frame], speed: Fraction) -> None:
    import av

    height, width = pictures[0].shape[:2]
    options = {"crf": "17", "preset": "veryfast", "threads": "1"}
    with (
        atomic_write(file, sync=False) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"fflags": "+bitexact"}) as container,
    ):
        stream = container.add_stream("libx264", rate=speed, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
