"""Inspection of a prepared set: a page of its frames, their motion and a table of all scenes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from stvt import datasets
from stvt.core.errors import UsageError
from stvt.core.files import write_text
from stvt.core.progress import Progress
from stvt.datasets import Frame, TrainingClip
from stvt.reports import SceneOverview, inspect_page, motion_figure


@dataclass(frozen=True)
class Inspection:
    """table: a row a scene, of all scenes; shown: how many of them are on the page.

    low: a line for each kind of low-resolution frames, which degradation they are.
    left_out: a line for each scene that frames made elsewhere do not match, or do not have.
    """

    table: list[dict[str, str]]
    shown: int
    motion: Path
    page: Path
    low: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Scene:
    """A scene of either kind of set; motion is known of training clips."""

    name: str
    frames: int
    height: int
    width: int
    rate: Fraction | None
    more: dict[str, str]
    motion: tuple[float, float] | None
    read: Callable[[int], Frame]


def inspect(
    name: str,
    root: Path,
    out: Path,
    most: int = 24,
    low: Path | None = None,
    progress: Progress = lambda done, total, what: None,
) -> Inspection:
    """Writes `inspect.html`, and `motion.png`, which it holds, into `out`.

    name: of a test set or training set under `root`. most: scenes that are shown, spread evenly
          over all of them; the table has all.
    low:  a folder of low-resolution frames of a test set's scenes, SCENE/*.png, made elsewhere.
    Raises DatasetError if there is no such set, or a frame of it cannot be read.
    """
    lines: dict[str, str] = {}
    left_out: tuple[str, ...] = ()
    if datasets.is_training(root / name):
        if low is not None:
            raise UsageError(f"--low is of a test set's scenes; {name} is a training set")
        scenes, about = _training(name, root)
    else:
        scenes, about = _test(name, root)
        lines, left_out = _low_resolution(name, root, low)
        about |= lines
    step = max(len(scenes) / most, 1)
    chosen = {int(n * step) for n in range(min(most, len(scenes)))}
    motions: dict[int, tuple[float, float] | None] = {}
    shown: list[SceneOverview] = []
    lengths: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []
    for place, scene in enumerate(scenes):
        motions[place] = scene.motion
        if place in chosen:
            progress(len(shown), len(chosen), scene.name)
            view = datasets.preview(scene.frames, scene.read)
            motions[place] = scene.motion or view.motion()
            lengths.append(view.lengths)
            facts = _facts(scene, motions[place])
            middle = max(scene.frames - 1, 0) // 2
            shown.append(SceneOverview(scene.name, facts, view.frames, view.flow, middle))
            progress(len(shown), len(chosen), scene.name)
    about = {"scenes": f"{len(scenes)}", "frames": f"{sum(s.frames for s in scenes):,}", **about}
    note = "" if len(shown) == len(scenes) else f"{len(shown)} of {len(scenes)} scenes are shown."
    table = [{"scene": one.name, **_facts(one, motions[place])} for place, one in enumerate(scenes)]
    columns = dict.fromkeys(name for row in table for name in row)
    table = [{name: row.get(name, "") for name in columns} for row in table]
    out.mkdir(parents=True, exist_ok=True)
    known = [motion for motion in motions.values() if motion is not None]
    all_lengths = np.concatenate(lengths) if lengths else np.zeros(0, np.float32)
    (motion_file,) = motion_figure(all_lengths, known, out / "motion")
    page = out / "inspect.html"
    write_text(page, inspect_page(name, about, shown, table, motion_file, note), sync=False)
    kinds = tuple(f"{what} are {match}" for what, match in lines.items())
    return Inspection(table, len(shown), motion_file, page, kinds, left_out)


def _training(name: str, root: Path) -> tuple[list[_Scene], dict[str, str]]:
    clips = datasets.load_training(name, root).clips
    scenes = []
    for clip in clips:
        known = "median" in clip.motion and "p95" in clip.motion

        def read(number: int, clip: TrainingClip = clip) -> Frame:
            (frame,) = clip.open().read([number])
            return np.asarray(frame, np.uint8)

        scenes.append(
            _Scene(
                clip.name,
                clip.frames,
                clip.height,
                clip.width,
                clip.rate,
                {"video": clip.video, "split": clip.split},
                (clip.motion["median"], clip.motion["p95"]) if known else None,
                read,
            )
        )
    splits = [f"{sum(c.split == s for c in clips)} {s}" for s in ("train", "validation")]
    return scenes, {"kind": "training set", "clips": ", ".join(splits)}


def _test(name: str, root: Path) -> tuple[list[_Scene], dict[str, str]]:
    prepared = datasets.load(name, root)
    scenes = []
    for scene in prepared.scenes.values():

        def read(number: int, scene: datasets.PreparedScene = scene) -> Frame:
            return datasets.read_frame(scene.gt_path(number))

        scenes.append(
            _Scene(scene.name, scene.frames, scene.height, scene.width, scene.fps, {}, None, read)
        )
    return scenes, {"kind": "test set", "low resolution": ", ".join(sorted(prepared.degradations))}


def _low_resolution(
    name: str, root: Path, low: Path | None
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Which degradation the low-resolution frames of a test set are, by the middle one of each scene.

    low: a folder of others; the second result is a line for each scene whose frames it has not.
    Raises DatasetError if that holds no frames of any scene.
    """
    prepared = datasets.load(name, root)
    pairs: dict[str, list[tuple[Frame, Frame]]] = {}
    left_out: list[str] = []
    for scene in prepared.scenes.values():
        middle = scene.frames // 2
        gt = datasets.read_frame(scene.gt_path(middle))
        for label in scene.record.lr:
            pairs.setdefault(f"{label} frames", []).append(
                (gt, datasets.read_frame(scene.lr_path(middle, label)))
            )
        if low is not None:
            folder = low / scene.name
            files = datasets.frame_files(folder) if folder.is_dir() else []
            if len(files) == scene.frames:
                pairs.setdefault(f"frames in {low}", []).append(
                    (gt, datasets.read_frame(files[middle]))
                )
            else:
                has = f"{len(files)} frames" if files else "no frames"
                left_out.append(f"{folder} has {has}, {scene.name} has {scene.frames}")
    if low is not None and f"frames in {low}" not in pairs:
        raise datasets.DatasetError(
            f"{low}: holds the low-resolution frames of no scene: {left_out[0]}"
        )
    kinds = {
        what: str(datasets.match_degradation(some) or "of a size that is no half, third or fourth")
        for what, some in pairs.items()
    }
    return kinds, tuple(left_out)


def _facts(scene: _Scene, motion: tuple[float, float] | None) -> dict[str, str]:
    """Facts of a scene, for the table and beside its pictures; nothing of what is unknown."""
    rate = scene.rate
    facts = {
        "frames": str(scene.frames),
        "size": f"{scene.width}x{scene.height}",
        "fps": "" if rate is None else f"{float(rate):.5g}",
        "seconds": "" if rate is None else f"{float(scene.frames / rate):.2f}",
        "median motion": "" if motion is None else f"{motion[0]:.2f} px",
        "95 % below": "" if motion is None else f"{motion[1]:.2f} px",
        **scene.more,
    }
    return {name: text for name, text in facts.items() if text}
