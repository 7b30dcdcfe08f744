"""`inspect.html`: the scenes of a data set at a glance, their motion, a table of all."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..figures.flow import wheel
from ..figures.motion import SceneOverview, flow_caption, thumbnail
from .templates import data_uri, render_html

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 480, 360  # pixels, at most, of a picture
QUALITY = 82  # of WebP: the pictures are for looking


@dataclass(frozen=True)
class _Picture:
    src: str
    width: int
    height: int


def inspect_page(
    title: str,
    about: Mapping[str, str],
    scenes: Sequence[SceneOverview],
    table: Sequence[Mapping[str, str]],
    motion: Path,
    note: str = "",
) -> str:
    """The page as text, of one file: it asks for nothing from outside and runs no script.

    about: facts on the set. table: a row a scene, all with the same columns.
    motion: the PNG file of the histograms. note: on what is not shown.
    """
    from PIL import Image

    return render_html(
        "inspect.html.j2",
        title=title,
        about=about,
        scenes=[
            {"name": scene.name, "facts": scene.facts, "pictures": _pictures(scene)}
            for scene in scenes
        ],
        table=table,
        motion=data_uri(motion.read_bytes(), "png"),
        note=note,
        wheel=_picture(Image.fromarray(wheel(112))),
    )


def _pictures(scene: SceneOverview) -> list[tuple[str, _Picture]]:
    pictures = [(f"frame {number}", picture) for number, picture in scene.pictures]
    coloured = scene.coloured()
    if coloured is not None:
        pictures.append((flow_caption(scene), coloured))
    return [(words, _picture(thumbnail(frame, WIDTH, HEIGHT))) for words, frame in pictures]


def _picture(image: Image) -> _Picture:
    file = io.BytesIO()
    image.save(file, "webp", quality=QUALITY)
    return _Picture(data_uri(file.getvalue(), "webp"), image.width, image.height)
