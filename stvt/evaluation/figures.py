"""Figures and videos of a run on demand: crops, error maps, x-t slices, side-by-side videos."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stvt import baselines, datasets
from stvt.baselines import Method, MethodError, Settings, StvunMethod
from stvt.core.errors import UsageError
from stvt.core.images import picture_size
from stvt.core.safe_names import file_name, scene_name
from stvt.device import usable_device
from stvt.evaluation import store, thumbnails
from stvt.evaluation.report import read_run, run_protocol
from stvt.reports import WHOLE_SCENE, Crop, FrameFiles, RunInfo

if TYPE_CHECKING:
    from pandas import DataFrame

FORMATS = ("png", "pdf", "svg")
CONFIDENT = ("stvun-s", "stvun-m", "stvun")  # the methods with confidence scores
_CROP = re.compile(r"(.+?):(\d+)(?:-(\d+))?((?::\d+,\d+,\d+,\d+)+)")


@dataclass(frozen=True)
class CropOption:
    """A `--crop`: SCENE:FRAMES:X,Y,WIDTH,HEIGHT[:X,Y,WIDTH,HEIGHT ...], the scene alone or
    DATASET/SCENE, the frames one or FIRST-LAST."""

    scene: str
    first: int
    last: int
    crops: tuple[Crop, ...]

    @classmethod
    def parse(cls, text: str) -> CropOption:
        """
        >>> CropOption.parse("calendar:11-13:40,20,64,48").crops
        (Crop(x=40, y=20, width=64, height=48),)
        """
        match = _CROP.fullmatch(text)
        if not match:
            raise UsageError(
                f"--crop {text}: not of the form scene:frame:x,y,width,height, with "
                "first-last for several frames, and more of :x,y,width,height for several crops"
            )
        scene, first, last, rest = match.groups()
        crops = tuple(Crop(*map(int, part.split(","))) for part in rest[1:].split(":"))
        option = cls(scene, int(first), int(last or first), crops)
        if option.last < option.first:
            raise UsageError(f"--crop {text}: frames {first}-{last} run backwards")
        return option

    @property
    def frames(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def corners(self) -> str:
        return "-".join(str(number) for crop in self.crops for number in vars(crop).values())


def crop_figures(run: Path, crops: Sequence[str], root: Path = Path("data")) -> list[Path]:
    """The crops, error maps and x-t slices that are asked for, in RUN/report/figures; for several
    frames or crops of a scene one figure of all instead.

    crops: as `CropOption.parse` reads them. Frames other than the one in the middle of a scene need
    `--save-frames` when evaluating, and the prepared set under `root` for their truth. Of a range,
    frames that are not scored are left out.
    Raises UsageError where the run has no such scene or frame, ReportError for a crop outside.
    """
    scores, info = read_run(run)
    (run / "report" / "figures").mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for option in map(CropOption.parse, crops):
        dataset, scene = _scene(info, option.scene)
        rows = scores[(scores.dataset == dataset) & (scores.scene == scene)]
        scored = sorted({*rows.frame} - {WHOLE_SCENE})
        numbers = [n for n in scored if option.first <= n <= option.last]
        if not numbers:
            raise UsageError(
                f"--crop: the run scored no frame {option.frames} of '{scene}'; it scored "
                f"{', '.join(map(str, scored[:12])) or 'none'}{' ...' * (len(scored) > 12)} "
                "(evaluate --frames all scores those in register with the input, too)"
            )
        frames = [_frame(run, info, dataset, scene, n, root) for n in numbers]
        files += _draw(run, scores, info, dataset, scene, option, frames)
    return [file for file in files if file.is_file()]


def _draw(
    run: Path,
    scores: DataFrame,
    info: RunInfo,
    dataset: str,
    scene: str,
    option: CropOption,
    frames: Sequence[FrameFiles],
) -> list[Path]:
    """One figure of several frames or crops; of a single one its crop, errors and x-t slice."""
    from stvt.reports import (
        error_figure,
        psnr_of_frame,
        scene_picture,
        slice_figure,
        strip_figure,
    )

    folder, methods = run / "report" / "figures", list(info.methods)
    untrained = frozenset(m for m in methods if info.methods[m].untrained)
    stem = f"{scene_name(dataset, scene)}-{option.frames}"
    title = f"{dataset}, {scene}, {'frames' if len(frames) > 1 else 'frame'} {option.frames}"
    psnr = [psnr_of_frame(scores, dataset, scene, one.frame) for one in frames]
    if option.first != option.last or len(option.crops) > 1:
        psnr = [{m: one for m, one in of.items() if m not in untrained} for of in psnr]
        file = folder / f"strip-{stem}-{option.corners}"
        return strip_figure(frames, option.crops, title, file, methods, psnr)
    (frame,), (crop,) = frames, option.crops
    file = folder / f"crop-{stem}-{option.corners}.png"
    scene_picture(frame, title, file, methods, untrained, psnr[0], crop, FORMATS)
    files = [file.with_suffix(f".{format}") for format in FORMATS]
    files += error_figure(frame, title, folder / f"errors-{stem}", methods)
    moving = thumbnails.find_clips(run, info, thumbnails.scored_units(scores))
    if clip := moving.get(dataset, {}).get(scene):
        middle = crop.y + crop.height / 2
        words = f"{dataset}, {scene}, row {round(middle)} of every frame"
        words += f" (lossy copies, at most {thumbnails.LONGEST} pixels wide)"
        row = middle / picture_size(frame.gt)[0]
        files += slice_figure(clip, words, folder / f"slices-{stem}-{round(middle)}", methods, row)
    return files


def videos(run: Path) -> Iterator[Path]:
    """Side-by-side videos of every scene that has moving pictures, in RUN/report/videos.

    They show small lossy copies. Raises UsageError where the run has none.
    """
    from stvt.reports import scene_videos

    scores, info = read_run(run)
    clips = thumbnails.find_clips(run, info, thumbnails.scored_units(scores))
    if not clips:
        raise UsageError(f"{run}: no moving pictures were kept of this run; evaluate it again")
    for dataset, scenes in clips.items():
        for scene, clip in scenes.items():
            folder = run / "report" / "videos"
            yield from scene_videos(clip, dataset, scene, list(info.methods), folder)


def confidence_maps(
    clip: Path,
    weights: Sequence[str] = (),
    *,
    method: str | None = None,
    untrained: bool = False,
    frame: int | None = None,
    device: str = "auto",
) -> tuple[list[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]:
    """A window of frames, and STVUN's confidence in each of them by the name of the weights.

    clip:    the folder of small frames. frame: the centre of the window; the middle one if None.
    weights: [NAME=]FILE each; none: where the method's are kept.
    method:  None: for each file the one that it is of, of `CONFIDENT`.
    Raises UsageError for a method without confidence scores, and two weights of one name.
    """
    import torch

    files = datasets.frame_files(clip)
    if not files:
        raise UsageError(f"{clip}: no frames there")
    centre = len(files) // 2 if frame is None else frame
    if not 0 <= centre < len(files):
        raise UsageError(f"--frame {centre}: {clip} has frames 0 to {len(files) - 1}")
    around = range(centre - StvunMethod.before, centre + StvunMethod.after + 1)
    window = [datasets.read_frame(files[min(max(place, 0), len(files) - 1)]) for place in around]
    if len({picture.shape for picture in window}) > 1:
        raise UsageError(f"{clip}: its frames are of several sizes")
    frames = torch.from_numpy(np.stack(window)).permute(0, 3, 1, 2).float() / 255
    maps = {}
    for name, file in _named_weights(weights, method or CONFIDENT[0]).items():
        settings = Settings(device=usable_device(device), untrained=untrained, new_frames=False)
        built = _built([method] if method else CONFIDENT, file, settings)
        label = f"{name} (untrained)" if untrained else name
        scores = None
        if isinstance(built, StvunMethod):
            with suppress(ValueError):  # of STVUN without EFST
                scores = built.confidence(frames.to(settings.device))
        if scores is None:
            raise UsageError(
                f"{built.name} has no confidence scores; {', '.join(CONFIDENT)} have them"
            )
        maps[label] = scores.float().cpu().numpy()
    return window, maps


def _built(methods: Sequence[str], file: Path | None, settings: Settings) -> Method:
    """The first of the methods that the file is of, with its weights; without a file the first."""
    if file is None:
        return baselines.build(methods[0], settings)
    faults = []
    for method in methods:
        try:
            return baselines.build(method, replace(settings, weights={method: file}))
        except MethodError as fault:
            faults.append(fault)
    raise faults[0]


def _named_weights(weights: Sequence[str], method: str) -> dict[str, Path | None]:
    """Name -> file: the name that is given, or the path below the folder that all are in."""
    if not weights:
        return {method: None}
    given = [(name, Path(file)) for name, _, file in (text.rpartition("=") for text in weights)]
    top = os.path.commonpath([file.absolute().parent for _, file in given])
    names: dict[str, Path | None] = {}
    for name, file in given:
        label = name or file.absolute().relative_to(top).with_suffix("").as_posix()
        if label in names:
            raise UsageError(f"--weights: two are called {label}; give one a name: NAME=FILE")
        names[label] = file
    return names


def _scene(info: RunInfo, name: str) -> tuple[str, str]:
    matches = [
        (dataset, scene)
        for dataset, about in info.datasets.items()
        for scene in about.scenes
        if name in (scene, f"{dataset}/{scene}")
    ]
    if len(matches) != 1:
        where = "no scene of the run" if not matches else "in several sets; give DATASET/SCENE"
        raise UsageError(f"--crop {name}: {where}")
    return matches[0]


def _frame(
    run: Path, info: RunInfo, dataset: str, scene: str, frame: int, root: Path
) -> FrameFiles:
    """Lossless files of one frame: those kept for the report, or else those of --save-frames."""
    middle = info.shown.get(dataset, {}).get(scene)
    if middle == frame:
        folder = run / "pictures" / dataset / scene
        files = {m: store.picture_file(run, dataset, scene, m) for m in info.methods}
        gt, lr = folder / "truth.png", folder / "input.png"
    else:
        place = Path(dataset) / scene / f"{frame:08d}.png"
        files = {m: run / "frames" / file_name(m) / place for m in info.methods}
        if not any(file.is_file() for file in files.values()):
            raise UsageError(
                f"{run}: frame {frame} of '{scene}' was not kept (frame {middle} was); "
                "evaluate with --save-frames into another --out"
            )
        protocol = run_protocol(info, run)
        prepared = datasets.load(dataset, root).scenes[scene]
        gt = prepared.gt_path(frame)
        step = protocol.time_step
        lr = prepared.lr_path(frame // step * step, protocol.low_folder)
    methods = {method: file for method, file in files.items() if file.is_file()}
    return FrameFiles(frame, gt, lr, methods)
