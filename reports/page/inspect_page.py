"""A page on a data set: its scenes at a glance, their motion, a table of all."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..figures.flow import wheel
from ..figures.motion import SceneLook, flow_caption, thumbnail
from ..tables.escape import markup
from .html_style import STYLE

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 480, 360  # pixels, at most, of a picture
QUALITY = 82  # of WebP: the pictures are for looking
OWN_STYLE = """
.scene{border-top:1px solid var(--line);padding:12px 0}
.scene h3{font-size:1rem;margin:0 0 2px;overflow-wrap:anywhere}
.row{display:grid;gap:10px;grid-template-columns:repeat(4,minmax(0,1fr));align-items:start}
.row figure{margin:6px 0 0}
.row img{display:block;max-width:100%;max-height:340px;width:auto;height:auto;border-radius:6px;
background:var(--tint)}
.row figcaption{font-size:12px;color:var(--soft);padding-top:3px}
.key{display:flex;align-items:center;gap:10px}
.key img{width:56px;height:56px;background:#fff;border-radius:99px}
@media (max-width:640px){.row{grid-template-columns:repeat(2,minmax(0,1fr))}}
@media (prefers-color-scheme:dark){:root{color-scheme:dark;--page:#121519;--card:#1b1f25;
--ink:#e7eaee;--soft:#9ba6b2;--line:#353c45;--accent:#74b4ff;--on:#10141a;--warn:#ffb27a;
--tint:#262c34}}
"""


def inspect_page(
    title: str,
    about: Mapping[str, str],
    scenes: Sequence[SceneLook],
    table: Sequence[Mapping[str, str]],
    motion: Path,
    note: str = "",
) -> str:
    """The page as text, of one file: it asks for nothing from outside and runs no script.

    about: facts on the set. table: a row a scene, all with the same columns.
    motion: the PNG file of the histograms. note: on what is not shown.
    """
    style = STYLE + OWN_STYLE
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src 'sha256-{digest}'"
    )
    facts = " · ".join(f"{markup(name)} <b>{markup(said)}</b>" for name, said in about.items())
    picture = base64.b64encode(motion.read_bytes()).decode()
    histogram = (
        f'<div class="paper"><img src="data:image/png;base64,{picture}" alt="Histograms of motion">'
        "</div>"
    )
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{markup(title)}</title>\n<style>{style}</style>\n</head>",
            f"<body>\n<header><h1>{markup(title)}</h1><p>{facts}</p></header>\n<main>",
            f"<section><h2>Scenes</h2>\n{_key(note)}{''.join(map(_scene, scenes))}</section>",
            f"<section><h2>Motion</h2>\n{histogram}</section>",
            f"<section><h2>All scenes</h2>\n{_table(table)}</section>",
            "</main>\n</body>\n</html>\n",
        ]
    )


def _key(note: str) -> str:
    from PIL import Image

    said = (
        "Colours of motion: the hue is the direction, as on this wheel, and white is still. "
        "Pictures are small lossy copies."
    )
    return (
        f'<div class="key">{_image(Image.fromarray(wheel(112)), "direction of motion")}'
        f'<p class="note">{said} {markup(note)}</p></div>'
    )


def _scene(scene: SceneLook) -> str:
    shown = [
        _figure(thumbnail(picture, WIDTH, HEIGHT), f"frame {number}")
        for number, picture in scene.pictures
    ]
    coloured = scene.coloured()
    if coloured is not None:
        shown.append(_figure(thumbnail(coloured, WIDTH, HEIGHT), flow_caption(scene)))
    facts = " · ".join(f"{markup(name)} {markup(said)}" for name, said in scene.facts.items())
    return (
        f'<div class="scene"><h3>{markup(scene.name)}</h3><p class="note">{facts}</p>'
        f'<div class="row">{"".join(shown)}</div></div>'
    )


def _figure(picture: Image, said: str) -> str:
    return f"<figure>{_image(picture, said)}<figcaption>{markup(said)}</figcaption></figure>"


def _image(picture: Image, said: str) -> str:
    file = io.BytesIO()
    picture.save(file, "webp", quality=QUALITY)
    data = base64.b64encode(file.getvalue()).decode()
    return (
        f'<img src="data:image/webp;base64,{data}" alt="{markup(said)}" '
        f'width="{picture.width}" height="{picture.height}">'
    )


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    if not rows:
        return '<p class="note">There are none.</p>'
    head = "".join(f'<th scope="col">{markup(name)}</th>' for name in rows[0])
    body = []
    for row in rows:
        first, *others = row.values()
        cells = "".join(f"<td>{markup(said)}</td>" for said in others)
        body.append(f'<tr><th scope="row">{markup(first)}</th>{cells}</tr>')
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )
