"""Figures and videos that are made on demand from a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stvt import datasets
from stvt.core.errors import UsageError
from stvt.evaluation import store as results
from stvt.evaluation import thumbnails as clips
from stvt.evaluation.report import stored

FORMATS = ("png", "pdf", "svg")
_CROP = re.compile(r"(?P<scene>.+):(?P<frame>\d+):(?P<x>\d+),(?P<y>\d+),(?P<w>\d+),(?P<h>\d+)")


@dataclass(frozen=True)
class Chosen:
    """What `--crop` asks for: SCENE:FRAME:X,Y,WIDTH,HEIGHT, the scene alone or DATASET/SCENE."""

    scene: str
    frame: int
    x: int
    y: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Chosen:
        """
        >>> Chosen.parse("calendar:11:40,20,64,48")
        Chosen(scene='calendar', frame=11, x=40, y=20, width=64, height=48)
        """
        found = _CROP.fullmatch(text)
        if not found:
            raise UsageError(f"--crop {text}: not of the form scene:frame:x,y,width,height")
        scene, *numbers = found.groups()
        return cls(scene, *map(int, numbers))


def crop_figures(run: Path, crops: Sequence[str], root: Path = Path("data")) -> list[Path]:
    """The crops, error maps and x-t slices that are asked for, in RUN/report/figures.

    crops: as `Chosen.parse` reads them. Frames other than the one in the middle of a scene need
    `--save-frames` when evaluating, and the prepared set under `root` for their truth.
    Raises UsageError where the run has no such scene or frame, ReportError for a crop outside.
    """
    from stvt.reports import (
        Crop,
        error_figure,
        file_name,
        psnr_of_frame,
        scene_picture,
        slice_figure,
    )

    scores, facts = stored(run)
    folder = run / "report" / "figures"
    moving = clips.find(run, facts, clips.scored(scores))
    methods = list(facts["methods"])
    random = {m for m in methods if "untrained" in str(facts["methods"][m]["weights"]).split("+")}
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for chosen in map(Chosen.parse, crops):
        dataset, scene = _scene(facts, chosen.scene)
        shown = _frame(run, facts, dataset, scene, chosen.frame, root)
        stem = f"{file_name(dataset)}-{file_name(scene)}-{chosen.frame}"
        title = f"{dataset}, {scene}, frame {chosen.frame}"
        crop = Crop(chosen.x, chosen.y, chosen.width, chosen.height)
        corner = f"{crop.x}-{crop.y}-{crop.width}-{crop.height}"
        file = folder / f"crop-{stem}-{corner}.png"
        psnr = psnr_of_frame(scores, dataset, scene, chosen.frame)
        scene_picture(shown, title, file, methods, frozenset(random), psnr, crop, FORMATS)
        files += [file.with_suffix(f".{format}") for format in FORMATS]
        files += error_figure(shown, title, folder / f"errors-{stem}", methods, FORMATS)
        clip = moving.get(dataset, {}).get(scene)
        if clip:
            row = (crop.y + crop.height / 2) / _height(shown["truth"])
            words = f"{dataset}, {scene}, row {round(crop.y + crop.height / 2)} of every frame"
            words += f" (lossy copies, at most {clips.LONGEST} pixels wide)"
            files += slice_figure(clip, words, folder / f"slices-{stem}", methods, row, FORMATS)
    return [file for file in files if file.is_file()]


def videos(run: Path) -> Iterator[Path]:
    """Side-by-side videos of every scene that has moving pictures, in RUN/report/videos.

    They show small lossy copies. Raises UsageError where the run has none.
    """
    from stvt.reports import scene_videos

    scores, facts = stored(run)
    found = clips.find(run, facts, clips.scored(scores))
    if not found:
        raise UsageError(f"{run}: no moving pictures were kept of this run; evaluate it again")
    for dataset, scenes in found.items():
        for scene, clip in scenes.items():
            folder = run / "report" / "videos"
            yield from scene_videos(clip, dataset, scene, list(facts["methods"]), folder)


def _scene(facts: dict[str, Any], name: str) -> tuple[str, str]:
    found = [
        (dataset, scene)
        for dataset, about in facts["datasets"].items()
        for scene in about["scenes"]
        if name in (scene, f"{dataset}/{scene}")
    ]
    if len(found) != 1:
        where = "no scene of the run" if not found else "in several sets; give DATASET/SCENE"
        raise UsageError(f"--crop {name}: {where}")
    return found[0]


def _frame(
    run: Path, facts: dict[str, Any], dataset: str, scene: str, frame: int, root: Path
) -> dict[str, Any]:
    """Lossless files of one frame: those kept for the report, or else those of --save-frames."""
    if facts["shown"].get(dataset, {}).get(scene) == frame:
        folder = run / "pictures" / dataset / scene
        files = {m: results.picture_file(run, dataset, scene, m) for m in facts["methods"]}
        truth, low = folder / "truth.png", folder / "input.png"
    else:
        place = Path(dataset) / scene / f"{frame:08d}.png"
        files = {m: run / "frames" / results.file_name(m) / place for m in facts["methods"]}
        if not any(file.is_file() for file in files.values()):
            middle = facts["shown"].get(dataset, {}).get(scene)
            raise UsageError(
                f"{run}: frame {frame} of '{scene}' was not kept (frame {middle} was); "
                "evaluate with --save-frames into another --out"
            )
        protocol = facts["protocol"]
        prepared = datasets.load(dataset, root).scenes[scene]
        truth = prepared.gt_path(frame)
        step, label = protocol["time_step"], f"{protocol['degradation']}x{protocol['scale']}"
        low = prepared.lr_path(frame // step * step, label)
    methods = {method: file for method, file in files.items() if file.is_file()}
    return {"frame": frame, "truth": truth, "input": low, "methods": methods}


def _height(file: Path) -> int:
    from PIL import Image

    with Image.open(file) as image:
        return image.height
