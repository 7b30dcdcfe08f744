"""Small copies of scored frames, for the players and videos of the report.

They lie in RUN/clips/<data set>/<scene>: truth/, input/, methods/<method>/ and errors/<method>/,
a file a frame. All but the input are JPEG and at most `LONGEST` pixels wide or high; what is
measured is not: RUN/pictures holds the frame in the middle as PNG, `--save-frames` keeps all.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stvt.core.safe_names import file_name
from stvt.evaluation import store
from stvt.evaluation.protocol import Position
from stvt.reports import ClipFiles, RunInfo

if TYPE_CHECKING:
    from pandas import DataFrame

Frame = NDArray[np.uint8]

LONGEST = 512
FRAMES = 24  # in the middle of a scene: a second, which is what a loop needs
SCENES = 24  # of a data set
QUALITY = 88  # of JPEG
ERROR_SHOWN = 64  # levels of error that are shown as the brightest
SHOWN = np.full((1, 3), 255 / ERROR_SHOWN / 3)  # of the three channels' errors, in brightness


def middle_positions(positions: Sequence[Position]) -> Sequence[Position]:
    """The positions of which a copy is kept: `FRAMES` around the one in the middle.

    >>> [p.frame for p in middle_positions([Position(n, n, 0.0) for n in range(60)])][::23]
    [18, 41]
    """
    first = max(0, min(len(positions) // 2 - FRAMES // 2, len(positions) - FRAMES))
    return positions[first : first + FRAMES]


def remove_copies(folder: Path, method: str) -> None:
    """Removes a method's copies from `folder`, a scene's, and what a killed process left there.

    Those of other weights must not mix with new ones.
    """
    for kind in ("methods", "errors"):
        shutil.rmtree(folder / kind / file_name(method), ignore_errors=True)


def write_copies(
    folder: Path, method: str, frame: int, gt: Frame, restored: Frame, lr: Frame
) -> None:
    """Writes the copies of one scored frame into `folder`, a scene's.

    gt, restored: of one size. lr: the input frame at or before it, which is kept as it is.
    """
    difference = np.asarray(cv2.absdiff(gt, restored), np.uint8)
    error = np.asarray(cv2.transform(_small(difference), SHOWN), np.uint8)
    name, method = f"{frame:08d}.jpg", file_name(method)
    pictures = {
        folder / "methods" / method / name: _lossy(_small(restored)),
        folder / "errors" / method / name: _lossy(error),
        folder / "truth" / name: _lossy(_small(gt)),
        folder / "input" / f"{frame:08d}.webp": _lossless(lr),
    }
    # Only this method writes here, so that `remove_copies` can remove it after a kill.
    temporary = folder / "methods" / method / f".{frame}.part"
    for file, data in pictures.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(file)


def scored_units(scores: DataFrame) -> set[tuple[str, str, str]]:
    """(data set, scene, method) of the table's rows."""
    keys = ["dataset", "scene", "method"]
    return set(scores[keys].drop_duplicates().itertuples(index=False, name=None))


def find_clips(
    run: Path, info: RunInfo, units: set[tuple[str, str, str]]
) -> dict[str, dict[str, ClipFiles]]:
    """data set -> scene -> the files of its copies, by frame.

    units: (data set, scene, method) that have scores; what others left behind is passed over.
    """
    clips: dict[str, dict[str, ClipFiles]] = {}
    for dataset, about in info.datasets.items():
        for scene in about.scenes:
            folder = run / "clips" / dataset / scene
            methods = {
                name: files
                for name in info.methods
                if (dataset, scene, name) in units
                and (files := _by_frame(folder / "methods" / file_name(name)))
            }
            if methods:
                fps = store.read_unit(run, dataset, scene, next(iter(methods))).get("fps")
                errors = {name: _by_frame(folder / "errors" / file_name(name)) for name in methods}
                clips.setdefault(dataset, {})[scene] = ClipFiles(
                    _by_frame(folder / "truth"),
                    _by_frame(folder / "input", ".webp"),
                    methods,
                    errors,
                    ERROR_SHOWN,
                    float(Fraction(fps)) if fps else None,
                )
    return clips


def _by_frame(folder: Path, suffix: str = ".jpg") -> dict[int, Path]:
    return {int(file.stem): file for file in sorted(folder.glob(f"[0-9]*{suffix}"))}


def _small(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    times = max(height, width) / LONGEST
    if times <= 1:
        return frame
    size = (max(1, round(width / times)), max(1, round(height / times)))
    # Means of whole pixels, then bilinear by less than 2, which passes over none: a seventh of the
    # time of means of parts of pixels.
    whole = int(times)
    rows, columns = height // whole, width // whole
    even = frame[: rows * whole, : columns * whole]
    means = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(means, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _lossy(frame: Frame) -> bytes:
    # JPEG: these copies are most of what evaluating a short scene costs beside reading and scoring
    # it, and WebP, a sixth smaller, takes four times as long.
    colours = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR) if frame.ndim == 3 else frame
    return cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def _lossless(frame: Frame) -> bytes:
    data = io.BytesIO()
    Image.fromarray(frame).save(data, "WEBP", lossless=True, quality=50, method=0)
    return data.getvalue()
