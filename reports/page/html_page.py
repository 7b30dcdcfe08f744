"""`report.html`: the whole report in one file that needs neither network nor server."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..figures.style import looks
from ..tables.escape import json_in_script, markup, plain
from .html_player import PLAYER
from .html_script import SCRIPT
from .html_style import STYLE
from .html_tables import failure_table, provenance_table, scene_table, summary_table
from .protocol_words import protocol_in_words
from .scene_data import Clips, frames_shown, scene_data, scenes_shown

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..scores import Averages, Facts

DASHES = {"-": "none", "--": "6 4", ":": "2 3", "-.": "7 3 2 3"}  # as SVG says them
LOSSY = (
    "The moving pictures but the input are JPEG, lossy and at most 512 pixels wide or high: good "
    "for looking, not for measuring. Scores and error maps were taken of the frames as the methods "
    "made them."
)


def html_page(rows: DataFrame, means: Averages, facts: Facts, clips: Clips, folder: Path) -> str:
    """The page as text; `folder` is where it will lie, with figures/ beside it.

    rows:  as `scores.checked` gives them. clips: data set -> scene -> its files by frame,
           {"truth": {frame: path}, "input": ..., "methods": {name: {...}}, "errors": {...}}.
    The page asks for nothing from outside, and its policy forbids all but its own script.
    """
    shown, capped = scenes_shown(means, clips)
    frames, thinned = frames_shown(shown, clips)
    places = {key: place for place, key in enumerate(shown)}
    style = looks(means.methods)
    about = {
        "methods": [
            {
                "name": plain(m),
                "colour": style[m].colour,
                "dash": DASHES[style[m].dash],
                "untrained": m in means.untrained,
            }
            for m in means.methods
        ],
        "scenes": [f"{plain(dataset)}: {plain(scene)}" for dataset, scene in shown],
    }
    of_scene = {
        (str(key[0]), str(key[1])): group
        for key, group in rows.groupby(["dataset", "scene"], sort=False)
        if isinstance(key, tuple)
    }
    data = [_data("page-data", about)]
    for key, place in places.items():
        clip = clips.get(key[0], {}).get(key[1], {})
        scene = scene_data(key, of_scene.get(key), means, clip, frames.get(key, []))
        if not (folder / scene["picture"]).is_file():
            scene["picture"] = ""
        data.append(_data(f"scene-data-{place}", scene))
    sections = [
        _section("Quality and cost", summary_table(means, facts) + _cost_figure(folder)),
        _section("Scenes", _player(bool(frames), [capped, thinned])) if shown else "",
        _section("All scenes", _scene_tables(means, places)) if means.columns else "",
        _section("Failures and warnings", failure_table(facts)),
        _section("Provenance", provenance_table(facts)),
    ]
    body = HEAD.format(
        protocol=protocol_in_words(facts.get("protocol") or {}, markup, "<b>{}</b>"),
        trouble=_trouble(means, facts),
        signature=markup(facts.get("signature") or "no signature"),
    )
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_hash(STYLE)}; script-src {_hash(SCRIPT + PLAYER)}"
    )
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>Space-time video upsampling: report</title>\n<style>{STYLE}</style>\n</head>",
            f"<body>\n{body}<main>",
            *[section for section in sections if section],
            "</main>",
            *data,
            f"<script>{SCRIPT}{PLAYER}</script>\n</body>\n</html>\n",
        ]
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _data(id: str, value: object) -> str:
    return f'<script type="application/json" id="{id}">{json_in_script(value)}</script>'


def _section(title: str, inside: str) -> str:
    return f"<section><h2>{title}</h2>\n{inside}</section>" if inside else ""


def _trouble(means: Averages, facts: Facts) -> str:
    lines = []
    if not means.methods:
        lines.append("No method was scored.")
    failed = len(facts.get("failures", ()))
    if failed:
        lines.append(f"{failed} of the run's units failed; see Failures and warnings below.")
    return "".join(f'<p class="trouble">{line}</p>' for line in lines)


def _cost_figure(folder: Path) -> str:
    try:
        data = base64.b64encode((folder / "figures" / "quality-runtime.svg").read_bytes()).decode()
    except OSError:
        return ""
    return (
        '<figure class="paper"><img alt="quality against running time" '
        f'src="data:image/svg+xml;base64,{data}"></figure>'
    )


def _player(moving: bool, left_out: list[str]) -> str:
    notes = [LOSSY if moving else "No moving pictures were kept of this run.", *left_out]
    lines = " ".join(note for note in notes if note)
    return f'{VIEWER}<p class="note">{lines} <span id="lossless"></span></p>'


def _scene_tables(means: Averages, places: dict[tuple[str, str], int]) -> str:
    tables = []
    for column in means.columns:
        if not means.metrics[column]:
            continue
        dataset, channel = column
        of = f", {channel}" if len({c for _, c in means.columns}) > 1 else ""
        title = f"{dataset}{of}: {means.metrics[column][0].upper()} of {len(means.scenes[dataset])}"
        few = "" if len(means.scenes[dataset]) > 12 else " open"
        tables.append(
            f"<details{few}><summary>{markup(title)} scenes</summary>"
            f"{scene_table(means, column, places)}</details>"
        )
    return "\n".join(tables)


HEAD = """\
<header>
<div class="title"><h1>Space-time video upsampling</h1>
<button type="button" id="theme" title="light or dark (d)">Theme</button></div>
{trouble}<p>{protocol}</p>
<p class="note">Signature: <code>{signature}</code></p>
<p class="note">Beside this page: <a href="scores.csv">scores.csv</a>,
<a href="table1.md">table1.md</a>, <a href="table1.tex">table1.tex</a> and
<a href="report.md">report.md</a>.</p>
<noscript><p class="trouble">The player, the curves and the sorting need JavaScript.</p></noscript>
</header>
"""

VIEWER = """\
<div id="viewer" hidden>
<div class="bar">
<label>Scene <select id="scene"></select></label>
<button type="button" id="scene-before" title="previous scene ([)">◂</button>
<button type="button" id="scene-after" title="next scene (])">▸</button>
</div>
<div id="moving">
<div class="bar" id="modes" role="group" aria-label="what to show">
<button type="button" data-mode="frames" aria-pressed="true">Frames</button>
<button type="button" data-mode="errors" aria-pressed="false">Error maps</button>
<button type="button" data-mode="compare" aria-pressed="false">Before / after</button>
<button type="button" data-mode="slices" aria-pressed="false">x-t slices</button>
<button type="button" id="unzoom" title="whole frame (0)">Whole frame</button>
<span id="zoom-word" class="note"></span>
</div>
<div id="views"></div>
<div id="error-bar" class="note" hidden><span>0</span><canvas width="256" height="10"></canvas>
<span id="error-most"></span></div>
<div id="compare" hidden>
<div class="bar"><label>Left <select id="left"></select></label>
<label>Right <select id="right"></select></label></div>
<div class="stage"><canvas id="stage"></canvas><div id="handle"></div></div>
<input type="range" id="split" min="0" max="1000" value="500" aria-label="where left ends">
</div>
<div id="slices" hidden>
<p class="note">One row of pixels of every frame, time going down: still things make straight
lines, flicker makes steps. The row is dashed in the truth below; click there or move the slider.</p>
<label class="bar">Row <input type="range" id="row" min="0" max="1000" value="500"></label>
<div id="truth-row"></div><div id="strips"></div>
</div>
<div class="bar controls">
<button type="button" id="back" title="one frame back (←)">|◂</button>
<button type="button" id="play" title="play or stop (space)">▶</button>
<button type="button" id="on" title="one frame on (→)">▸|</button>
<input type="range" id="at" min="0" value="0" aria-label="frame">
<output id="now"></output>
<label title="frames a second (- and +)">fps <select id="fps"></select></label>
<label><input type="checkbox" id="loop" checked> loop</label>
</div>
</div>
<div id="plots"><label class="bar" id="metric-bar">Frame by frame
<select id="metric"></select></label><div id="curves"></div><p id="reading" class="note"></p></div>
<p class="note keys">Keys: space plays, ← → step, [ ] change the scene, + − the speed, 0 shows the
whole frame, d light or dark. Double click, pinch or
ctrl + wheel enlarges what you point at, in all views; drag moves.</p>
</div>
"""
