"""Where shots begin, by the built-in way or by PySceneDetect, whichever is asked for and there."""

from __future__ import annotations

import importlib
import importlib.util
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import DatasetError
from . import shot_boundaries as cuts

Item = TypeVar("Item")
BUILT_IN = "built-in"
SCENEDETECT = "scenedetect"
CHOICES = ("auto", BUILT_IN, SCENEDETECT)
BEHIND = 2  # frames after a cut that its detector asks for


def chosen_cuts(asked: str) -> str:
    """What finds the cuts, in full: "built-in", or "scenedetect 0.7.2".

    asked: one of CHOICES, or what this function gave; "auto" takes PySceneDetect if it is installed.

    Raises DatasetError if what is asked for is not installed, or not known.
    """
    name = asked.split()[0] if asked else asked
    if name not in CHOICES:
        raise DatasetError(f"cuts: '{asked}' is none of {', '.join(CHOICES)}")
    there = importlib.util.find_spec(SCENEDETECT) is not None
    if name == BUILT_IN or (name == "auto" and not there):
        return BUILT_IN
    if not there:
        raise DatasetError(
            "cuts: PySceneDetect is not installed: pip install 'stvt[train-data]', "
            "or give --cuts built-in"
        )
    return f"{SCENEDETECT} {importlib.import_module(SCENEDETECT).__version__}"


def shots(
    items: Iterable[Item], picture: Callable[[Item], NDArray[np.uint8]], found_by: str
) -> Iterator[tuple[int, Item]]:
    """Each item with the number of the shot it belongs to, from 0, some frames behind.

    picture:  the frame of an item, uint8 (H, W, 3), RGB.
    found_by: what `chosen_cuts` gave.
    """
    return _detected(items, picture) if found_by != BUILT_IN else cuts.shots(items, picture)


def _detected(
    items: Iterable[Item], picture: Callable[[Item], NDArray[np.uint8]]
) -> Iterator[tuple[int, Item]]:
    """As `shots`, by PySceneDetect's AdaptiveDetector: a cut stands out from the frames around it."""
    scenedetect: Any = importlib.import_module(SCENEDETECT)
    # However soon one cut follows another, no clip may hold it.
    detector = scenedetect.AdaptiveDetector(min_scene_len=1, window_width=BEHIND)
    waiting: deque[tuple[int, Item]] = deque()
    starts: set[int] = set()
    shot = 0
    for number, item in enumerate(items):
        # Cuts are asked for by number alone, so any rate will do.
        time = scenedetect.FrameTimecode(number, fps=25.0)
        image = cv2.cvtColor(np.ascontiguousarray(picture(item)), cv2.COLOR_RGB2BGR)
        starts |= {cut.frame_num for cut in detector.process_frame(time, image)}
        waiting.append((number, item))
        if len(waiting) > BEHIND:
            first, done = waiting.popleft()
            shot += first in starts
            starts.discard(first)
            yield shot, done
    for first, done in waiting:
        shot += first in starts
        yield shot, done
