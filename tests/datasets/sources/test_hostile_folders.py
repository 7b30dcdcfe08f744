"""Links that go round, FIFOs and pictures beyond the memory: a line each, and the rest is prepared."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets import DATASETS, prepare, prepare_training
from stvt.datasets.build import scene_units
from stvt.datasets.sources.layout import paths_in
from tests.builders.published_archives import names, small
from tests.builders.training_videos import SETTINGS, film, write_video

Clip = Callable[..., list[NDArray[np.uint8]]]
Write = Callable[..., Path]
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs")


@pytest.fixture
def source(tmp_path: Path, moving_square: Clip, write_clip: Write) -> Path:
    """Scenes `a` and `b`, the latter with a FIFO in place of a frame, and links that go round."""
    source = tmp_path / "source"
    for scene in "ab":
        write_clip(source / scene, moving_square(4))
    (source / "b" / "00000001.png").unlink()
    os.mkfifo(source / "b" / "00000001.png")
    for name in ("film.mp4", "unknown.xyz"):
        os.mkfifo(source / name)
    for name in ("loop", "loop.mkv", "loop.png"):
        (source / name).symlink_to(name)
    for name in ("gt", "up", "up2", "up3"):
        (source / name).symlink_to("." if name == "gt" else "..")
    return source


def test_a_folder_of_links_and_fifos_gives_the_scenes_that_are_there(
    source: Path, tmp_path: Path
) -> None:
    outcome = prepare("mine", tmp_path / "root", source)
    assert outcome.prepared == ["a"]
    lines = {line.split(":")[0] for line in outcome.failures}
    assert lines == {"b", "gt", "loop"}, outcome.failures  # `gt` holds loop.png, too
    assert not any("\n" in line for line in outcome.failures)


def test_a_walk_does_not_go_round(source: Path) -> None:
    assert sum(path.endswith("a/00000000.png") for path in paths_in(source)) == 1
    (source / "other").symlink_to("a")  # a link to what is beside it is followed
    assert sum(path.endswith("/00000000.png") for path in paths_in(source)) == 3


def test_a_known_set_with_a_fifo_in_it_is_one_line(
    tmp_path: Path, moving_square: Clip, write_clip: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small(DATASETS["vid4"])
    monkeypatch.setitem(DATASETS, "vid4", recipe)
    for scene in names(recipe):
        write_clip(tmp_path / "vid4" / "GT" / scene, moving_square(3))
    victim = tmp_path / "vid4" / "GT" / scene / "00000001.png"
    victim.unlink()
    os.mkfifo(victim)
    (failure,) = prepare("vid4", tmp_path / "root", tmp_path / "vid4").failures
    assert str(victim) in failure and "is no file" in failure


def test_a_training_set_of_a_folder_with_fifos(source: Path, tmp_path: Path) -> None:
    write_video(source / "c.mkv", film(24))
    outcome = prepare_training("t", tmp_path / "root", source, settings=SETTINGS)
    assert outcome.clips == 1


@pytest.mark.parametrize("function", ["encode_png", "degrade"])
def test_a_scene_beyond_the_memory_costs_no_other(
    function: str,
    tmp_path: Path,
    moving_square: Clip,
    write_clip: Write,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, scene in enumerate("abc"):
        size = 16 if scene != "b" else 48
        write_clip(tmp_path / "source" / scene, moving_square(3, size, size + number))
    before: Any = getattr(scene_units, function)

    def hungry(frame: NDArray[np.uint8], *rest: Any) -> Any:
        if frame.shape[0] >= 48:
            raise MemoryError
        return before(frame, *rest)

    monkeypatch.setattr(scene_units, function, hungry)
    outcome = prepare("mine", tmp_path / "root", tmp_path / "source")
    assert outcome.prepared == ["a", "c"]
    assert outcome.failures == ["b: takes more memory than there is"]
