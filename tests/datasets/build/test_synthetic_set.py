"""Photographs in motion: built once, the same again, refused where another set is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stvt.datasets import DatasetError, load_training, prepare_photographs, verify
from stvt.datasets.frames import write_frame
from tests.builders.folders import tree


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for number in range(12):
        picture = random.integers(0, 256, (90, 100, 3), np.uint8)
        write_frame(tmp_path / "in" / f"{number:02d}.png", picture)
    return tmp_path / "in"


def photographs(root: Path, pictures: Path, clips: int = 3) -> list[int]:
    """Prepare a small set; how many clips were built."""
    built: list[int] = []
    prepare_photographs(
        root,
        name="moving",
        source=pictures,
        clips=clips,
        frames=3,
        side=32,
        progress=lambda done, *_: built.append(done),
    )
    return built


def test_clips_are_built_once_and_anew_when_pictures_or_settings_change(
    pictures: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    assert photographs(root, pictures) == [1, 2, 3]
    before = tree(root)
    assert photographs(root, pictures) == []
    assert tree(root) == before
    (root / "moving" / "clips" / "00001.npy").unlink()
    assert photographs(root, pictures) == [1, 2, 3]
    assert tree(root) == before
    assert photographs(root, pictures, clips=2) == [1, 2]
    assert [clip.name for clip in load_training("moving", root).clips] == ["00000", "00001"]
    assert verify("moving", root).problems == []
    write_frame(pictures / "03.png", np.zeros((90, 100, 3), np.uint8))
    assert photographs(root, pictures, clips=2) == [1, 2]


def test_clips_that_were_replaced_in_part_are_no_set_until_the_rest_is_in_place(
    pictures: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    photographs(root, pictures)
    random = np.random.default_rng(1)
    for picture in sorted(pictures.iterdir()):
        write_frame(picture, random.integers(0, 256, (90, 100, 3), np.uint8))
    move = Path.replace

    def killed(path: Path, target: Path) -> Path:
        if target == root / "moving" / "clips" / "00001.npy":
            raise KeyboardInterrupt
        return move(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            photographs(root, pictures)
    with pytest.raises(DatasetError, match="cut short"):
        load_training("moving", root)
    photographs(root, pictures)
    assert len(load_training("moving", root).clips) == 3
    assert verify("moving", root).problems == []


def test_what_varies_is_recorded_and_another_set(pictures: Path, tmp_path: Path) -> None:
    plain, varied = (
        prepare_photographs(tmp_path / root, source=pictures, clips=2, frames=3, side=32, vary=vary)
        for root, vary in (("a", ()), ("b", ["light", "occlusion"]))
    )
    settings = [
        json.loads((one / "manifest.json").read_text())["settings"] for one in (plain, varied)
    ]
    assert settings[1]["vary"] == ["light", "occlusion"]
    assert settings[0]["fingerprint"] != settings[1]["fingerprint"]
    clips = [load_training("photographs", one.parent).clips for one in (plain, varied)]
    assert clips[0][0].file.read_bytes() != clips[1][0].file.read_bytes()
    assert verify("photographs", varied.parent).problems == []


def test_altered_clips_are_made_again_of_the_same_pictures(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    photographs(root, pictures)
    before = tree(root)
    (root / "moving" / "clips" / "00001.npy").write_bytes(b"?")
    assert len(verify("moving", root, fix=True).fixed) == 1
    assert tree(root) == before
    (root / "moving" / "clips" / "00002.npy").unlink()
    write_frame(pictures / "03.png", np.zeros((90, 100, 3), np.uint8))
    (line,) = verify("moving", root, fix=True).problems
    assert "00002.npy: is missing, and cannot be made again: " in line
    assert "has changed; prepare the set again" in line


def test_a_set_of_photographs_stays_if_its_pictures_are_gone(
    pictures: Path, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    photographs(root, pictures)
    before = tree(root)
    (pictures / "05.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"05\.png: cannot be read"):
        photographs(root, pictures)
    assert tree(root) == before
