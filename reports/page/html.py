"""`report.html`: the whole report in one file that needs neither network nor server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.formatting import plain

from ..figures.style import method_styles
from ..formatting import NOTHING, name
from ..protocol import protocol_sentences
from ..run_info import Clips, RunInfo
from ..scores import of_frames
from ..tables.paper_tables import main_table
from ..tables.run_tables import metric_table, scene_table
from ..tables.table import Table
from .scene_data import Key, frames_shown, scene_data, scenes_shown
from .templates import data_uri, render_html

if TYPE_CHECKING:
    from pandas import DataFrame

    from ..averages import Averages

LISTED = 200  # failures and warnings
MANY_SCENES = 12  # whose table is folded
SCRIPT = ("report.js", "player.js", "address.js", "controls.js")


def html_page(rows: DataFrame, means: Averages, clips: Clips, folder: Path) -> str:
    """The page as text; `folder` is where it will lie, with figures/ beside it.

    rows: as `scores.checked` gives them.
    """
    info = means.info
    scenes, capped = scenes_shown(means, clips)
    frames, thinned = frames_shown(scenes, clips)
    style = method_styles(means.methods)
    cost_figure = folder / "figures" / "quality-runtime.svg"
    return render_html(
        "report.html.j2",
        SCRIPT,
        info=info,
        protocol=protocol_sentences(info.protocol),
        methods=means.methods,
        main_table=main_table(means),
        colours={method: style[method].colour for method in means.methods},
        cost_figure=data_uri(cost_figure.read_bytes(), "svg+xml") if cost_figure.exists() else "",
        scenes=scenes,
        moving=bool(frames),
        left_out=f"{capped} {thinned}",
        scene_tables=list(_scene_tables(means, scenes)),
        metric_table=metric_table(info),
        listed=LISTED,
        provenance=list(_provenance(info)),
        data=[
            ("page-data", _page_data(means, scenes)),
            *_scene_data(rows, means, clips, frames, scenes, folder),
        ],
    )


def _page_data(means: Averages, scenes: list[Key]) -> dict[str, Any]:
    """What the script knows of all scenes."""
    style = method_styles(means.methods)
    return {
        "methods": [
            {
                "name": plain(method),
                "colour": style[method].colour,
                "dash": " ".join(map(str, style[method].dash)) or "none",
                "untrained": method in means.untrained,
            }
            for method in means.methods
        ],
        "scenes": list(map(_label, scenes)),
    }


def _label(key: Key) -> str:
    """A scene's name in the player and in addresses."""
    return f"{plain(key[0])}: {plain(key[1])}"


def _scene_data(
    rows: DataFrame,
    means: Averages,
    clips: Clips,
    frames: Mapping[Key, list[int]],
    scenes: list[Key],
    folder: Path,
) -> Iterator[tuple[str, dict[str, Any]]]:
    shown = of_frames(rows[rows["scene"].isin({scene for _, scene in scenes})])
    of_scene = {
        (str(key[0]), str(key[1])): group
        for key, group in shown.groupby(["dataset", "scene"], sort=False)
        if isinstance(key, tuple)
    }
    for place, key in enumerate(scenes):
        clip = clips.get(key[0], {}).get(key[1])
        scene = scene_data(key, of_scene.get(key), means, clip, frames.get(key, []))
        if not (folder / scene["picture"]).is_file():
            scene["picture"] = ""
        scene["failed"] = [
            plain(f"{failure.method} failed: {failure.reason}.")
            for failure in means.info.failures
            if (failure.dataset, failure.scene) == key
        ]
        yield f"scene-data-{place}", scene


def _scene_tables(
    means: Averages, scenes: list[Key]
) -> Iterator[tuple[str, bool, Table, dict[str, str]]]:
    """Of each data set: title, whether it has few scenes, table, scene -> its label in the player."""
    several = len({channel for _, channel in means.columns}) > 1
    for column in means.columns:
        if not means.metrics[column]:
            continue
        dataset, channel = column
        number = len(means.scenes[dataset])
        # In the metric that leads; the remarks stand below the main table already.
        table = scene_table(means, column).choose(["n", means.metrics[column][0]])
        table.remarks = []
        leading = name(means.metrics[column][0])
        of = f", {channel}" if several else ""
        yield (
            f"{dataset}{of}: {leading} of {number} scenes",
            number <= MANY_SCENES,
            table,
            {key[1]: _label(key) for key in scenes if key[0] == dataset},
        )


def _provenance(info: RunInfo) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Everything that is known of the run, a line each; what has many lines has a title."""
    facts = asdict(info)
    for key in ("failures", "warnings", "shown"):
        del facts[key]
    groups = {key: value for key, value in facts.items() if isinstance(value, dict) and value}
    alone = {key: value for key, value in facts.items() if key not in groups}
    yield "", list(_lines(alone))
    for key, value in groups.items():
        yield key, list(_lines(value))


def _lines(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for inner, held in value.items():
            yield from _lines(held, f"{key} · {inner}" if key else str(inner))
    elif isinstance(value, list):
        yield key, ", ".join(map(str, value)) if len(value) <= 400 else f"{len(value)} entries"
    else:
        yield key, NOTHING if value in (None, "", {}) else str(value)
