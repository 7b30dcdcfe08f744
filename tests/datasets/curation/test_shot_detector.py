"""Cuts by the built-in way or PySceneDetect: which one was used is said."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.build.training_set import prepare_training
from stvt.datasets.build.training_video import Settings
from stvt.datasets.curation.shot_detector import BUILT_IN, chosen_cuts, shots
from stvt.datasets.errors import DatasetError
from tests.datasets.build.test_training_set import film, write_video
from tests.datasets.curation.test_shot_boundaries import panning


def starts(frames: list[NDArray[np.uint8]], found_by: str) -> list[int]:
    told = list(shots(frames, lambda frame: frame, found_by))
    assert [id(frame) for _, frame in told] == [id(frame) for frame in frames]
    numbers = [shot for shot, _ in told]
    return [k for k in range(1, len(numbers)) if numbers[k] != numbers[k - 1]]


@pytest.mark.parametrize("asked", ["built-in", "scenedetect"])
def test_both_find_the_cuts_and_give_every_frame_once(asked: str) -> None:
    if asked == "scenedetect":
        pytest.importorskip("scenedetect")
    by = chosen_cuts(asked)
    assert starts(panning(1, 9) + panning(2, 8) + panning(3, 7), by) == [9, 17]
    assert starts(panning(4, 12, 6), by) == []
    assert starts(panning(1, 1), by) == [] and starts([], by) == []


def test_the_manifest_says_what_found_them(tmp_path: Path) -> None:
    scenedetect = pytest.importorskip("scenedetect")
    said = f"scenedetect {scenedetect.__version__}"
    assert chosen_cuts("auto") == said == chosen_cuts(said) and chosen_cuts(BUILT_IN) == BUILT_IN
    both = np.concatenate([film(24, seed=1), film(24, seed=2)])
    write_video(tmp_path / "in" / "a.mkv", both)
    settings = Settings(min_rate="24", clip_frames=24, min_frames=12, min_side=32, cuts="auto")
    prepare_training("set", tmp_path, tmp_path / "in", settings=settings)
    made = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert made["settings"]["cuts"] == said
    assert [clip["name"] for clip in made["clips"]] == ["a_000000", "a_000024"]


def test_without_it_the_built_in_way_is_taken_or_the_extra_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert chosen_cuts("auto") == BUILT_IN
    with pytest.raises(DatasetError, match=r"stvt\[train-data\].*--cuts built-in"):
        chosen_cuts("scenedetect")
    with pytest.raises(DatasetError, match="'magic' is none of auto, built-in, scenedetect"):
        chosen_cuts("magic")
