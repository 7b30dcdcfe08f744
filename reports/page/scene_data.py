"""Data of each scene in report.html: its moving pictures and its scores frame by frame."""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.formatting import plain
from stvt.core.safe_names import scene_name

from ..averages import Averages
from ..formatting import name, of_channel
from ..run_info import ClipFiles, Clips
from ..scores import decimals

if TYPE_CHECKING:
    from pandas import DataFrame

Key = tuple[str, str]  # data set, scene

BUDGET = 16_000_000  # bytes of pictures in one page: base64 makes 21.3 MB of them
FEWEST = 6  # frames of a scene; with fewer the motion is not to be seen
SCENES = 120


def scenes_shown(means: Averages, clips: Clips) -> tuple[list[Key], str]:
    """The scenes that the page can show, those with moving pictures first in each data set.

    Also returns what is left out, in words.
    """
    everything = sum(map(len, means.scenes.values()))
    most = everything if everything <= SCENES else SCENES // len(means.scenes)
    selection: list[Key] = []
    for dataset, scenes in means.scenes.items():
        moving = clips.get(dataset, {})
        selection += [(dataset, s) for s in sorted(scenes, key=lambda s: s not in moving)[:most]]
    left = f"{len(selection)} of {everything} scenes can be chosen here; scores.csv holds all."
    return selection, left if len(selection) < everything else ""


def frames_shown(shown: Sequence[Key], clips: Clips) -> tuple[dict[Key, list[int]], str]:
    """The frames of each scene that fit into the page, and what is left out, in words.

    Every scene gives up frames at its ends before any scene is left out.
    """
    moving = {key: clips[key[0]][key[1]] for key in shown if key[1] in clips.get(key[0], {})}
    cost = {key: frames for key, clip in moving.items() if (frames := _cost(clip))}
    longest = max(map(len, cost.values()), default=0)
    for limit in range(longest, FEWEST - 1, -1):
        picked = {key: _middle([*frames], limit) for key, frames in cost.items()}
        if sum(cost[key][f] for key, frames in picked.items() for f in frames) <= BUDGET:
            cut = limit < longest
            return picked, f"At most {limit} frames a scene are shown here." if cut else ""
    picked, left = {}, BUDGET
    # One scene of each data set, then the next of each, so that no set is left out whole.
    seen: Counter[str] = Counter()
    turns = []
    for key in cost:
        turns.append((seen[key[0]], key))
        seen[key[0]] += 1
    for _, key in sorted(turns, key=lambda turn: turn[0]):
        middle = _middle([*cost[key]], FEWEST)
        size = sum(cost[key][frame] for frame in middle)
        if size <= left:
            picked[key] = middle
            left -= size
    if len(picked) == len(cost):
        return picked, ""
    return picked, (
        f"{FEWEST} frames of each of {len(picked)} scenes are shown; "
        f"{len(cost) - len(picked)} more scenes would make this page too large."
    )


def scene_data(
    key: Key, rows: DataFrame | None, means: Averages, clip: ClipFiles | None, frames: list[int]
) -> dict[str, Any]:
    """One scene as plain values for the page's script.

    rows: its scores. frames: those of its frames to embed, none without a clip.
    """
    dataset, scene = key
    known: set[int] = set()
    new: set[int] = set()
    if rows is not None:
        known = {*map(int, rows["frame"])}
        new = {*map(int, rows.loc[rows["kind"] == "new", "frame"])}
    return {
        "dataset": plain(dataset),
        "scene": plain(scene),
        "frames": frames,
        "known": sorted(known),
        "new": sorted(new),
        "views": list(_views(means, clip, frames)) if clip and frames else [],
        "realSpeed": _speed(clip, frames) if clip else None,
        "errorShown": clip.error_shown if clip and frames else 0,
        "curves": _curves(rows, means) if rows is not None else [],
        "picture": f"figures/{scene_file(dataset, scene)}",
    }


def scene_file(dataset: str, scene: str) -> str:
    """The name of a scene's lossless picture in figures/."""
    return f"scene-{scene_name(dataset, scene)}.png"


def _speed(clip: ClipFiles, frames: Sequence[int]) -> float | None:
    """How many of the frames pass in a second of the real scene, where that is known."""
    step = min((b - a for a, b in pairwise(frames)), default=1)
    return round(clip.fps / step, 3) if clip.fps else None


def _views(means: Averages, clip: ClipFiles, frames: list[int]) -> Iterator[dict[str, Any]]:
    yield {"kind": "truth", "images": _embedded(clip.gt, frames)}
    yield {"kind": "input", "images": _embedded(clip.input, frames)}
    for place, method in enumerate(means.methods):
        if method in clip.methods:
            yield {
                "kind": "method",
                "method": place,
                "images": _embedded(clip.methods[method], frames),
                "errors": _embedded(clip.errors.get(method, {}), frames),
            }


def _embedded(files: Mapping[int, Path], frames: Sequence[int]) -> list[str]:
    """Each frame in base64, nothing where it cannot be read."""
    return [base64.b64encode(_bytes(files.get(frame))).decode() for frame in frames]


def _bytes(file: Path | None) -> bytes:
    try:
        return file.read_bytes() if file else b""
    except OSError:
        return b""


def _curves(rows: DataFrame, means: Averages) -> list[dict[str, Any]]:
    """A curve set a metric; untrained methods have no quality to draw."""
    places = {method: place for place, method in enumerate(means.methods)}
    sets = []
    for key, group in rows.groupby(["metric", "channel"], sort=False):
        metric, channel = map(str, key) if isinstance(key, tuple) else (str(key), "")
        unit = f" ({unit})" if (unit := means.info.metric(metric).unit) else ""
        of = of_channel(channel) if metric in ("psnr", "ssim") else ""
        curves: list[dict[str, Any]] = []
        for method, mine in ((str(m), mine) for m, mine in group.groupby("method", sort=False)):
            if method in places and method not in means.untrained:
                values = [_number(v, decimals(metric) + 1) for v in mine["value"]]
                frames = [*map(int, mine["frame"])]
                curves.append({"method": places[method], "frames": frames, "values": values})
        curves.sort(key=lambda curve: curve["method"])
        if curves:
            label = f"{name(metric)}{of}{unit}"
            sets.append({"label": label, "digits": decimals(metric), "curves": curves})
    return sets


def _number(value: float, digits: int) -> float | str | None:
    if math.isfinite(value):
        return round(float(value), digits)
    return None if math.isnan(value) else "inf"


def _cost(clip: ClipFiles) -> dict[int, int]:
    """The bytes of each frame that all views of the scene have."""
    views = [clip.gt, *clip.methods.values()]
    common = set.intersection(*(set(view) for view in views)) if clip.methods else set()
    views += [clip.input, *clip.errors.values()]
    return {
        frame: sum(view[frame].stat().st_size for view in views if frame in view)
        for frame in sorted(common)
    }


def _middle(frames: list[int], limit: int) -> list[int]:
    first = max(0, (len(frames) - limit) // 2)
    return frames[first : first + limit]
