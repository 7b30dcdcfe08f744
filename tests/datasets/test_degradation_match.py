"""The degradation of low-resolution frames is found from them and the true frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt import datasets
from stvt.cli.main import main
from stvt.datasets.degradation import DEGRADATIONS, SCALES, degrade
from stvt.datasets.degradation_match import match_degradation

Frame = NDArray[np.uint8]


def picture(height: int = 48, width: int = 60) -> Frame:
    random = np.random.default_rng(1)
    noise = random.integers(0, 256, (height, width, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.2), np.uint8)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_each_degradation_is_told_from_the_others(kind: str, scale: int) -> None:
    gt = picture()
    lr = degrade(gt, kind, scale)
    off = np.where(np.random.default_rng(2).random(lr.shape) < 0.1, 1, 0)  # rounded otherwise
    for frame in (lr, np.clip(lr + off, 0, 255).astype(np.uint8)):
        match = match_degradation([(gt, frame)])
        assert match is not None and match.kinds == [kind] and match.scale == scale
        assert all(match.residuals[other] > 1 for other in DEGRADATIONS if other != kind)


def test_frames_of_none_of_them_are_said_to_be_none() -> None:
    gt = picture()
    nearest = cv2.resize(gt, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_NEAREST)
    match = match_degradation([(gt, np.asarray(nearest, np.uint8))])
    assert match is not None and match.kinds == []
    assert str(match).startswith("none of BD, BI, BDC at x4 (residuals: ")
    assert match_degradation([(gt, gt[:20, :20])]) is None
    assert match_degradation([]) is None


def test_of_frames_too_plain_to_tell_no_degradation_is_named() -> None:
    black = np.zeros((48, 60, 3), np.uint8)
    match = match_degradation([(black, black[::4, ::4])])
    assert match is not None and match.kinds == ["BD", "BI", "BDC"]
    assert str(match).startswith("BD or BI or BDC x4, too plain to tell (residuals: ")
    dim = black.copy()
    dim[20:22, 20:22] = 30
    lr = degrade(dim, "BD", 4)
    match = match_degradation([(dim, lr)])
    assert match is not None and match.kinds == ["BD"]  # the very same frames
    lr[5, 5] += 1  # rounded otherwise: BD is the nearest, and that says nothing
    match = match_degradation([(dim, lr)])
    assert match is not None and match.kinds == ["BD", "BI", "BDC"]


@pytest.fixture
def source(tmp_path: Path, write_clip: Callable[..., Path]) -> Path:
    """A set as others give it: true frames, and low-resolution ones of two kinds beside them."""
    frames = [np.roll(picture(), 2 * k, 1) for k in range(3)]
    write_clip(tmp_path / "set" / "GT" / "walk", frames)
    write_clip(tmp_path / "set" / "LR" / "walk", [degrade(f, "BDC", 4) for f in frames])
    half = [np.asarray(cv2.resize(f, None, fx=0.5, fy=0.5), np.uint8) for f in frames]
    write_clip(tmp_path / "set" / "half" / "walk", half)
    return tmp_path / "set"


def test_prepare_says_what_low_resolution_frames_the_source_has(
    source: Path, tmp_path: Path
) -> None:
    outcome = datasets.prepare("mine", tmp_path / "data", source)
    notes = [note for note in outcome.notes if "low-resolution" in note]
    assert len(notes) == 2
    assert f"walk: the low-resolution frames in {source / 'LR' / 'walk'} are BDC x4 (" in notes[0]
    assert "are none of BD, BI, BDC at x2" in notes[1]


def test_inspect_says_it_of_a_set_and_of_a_folder(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    datasets.prepare("mine", root, source, degradation="BI")
    command = ["inspect", "mine", "--root", str(root), "--out", str(tmp_path / "out")]
    assert main([*command, "--low", str(source / "LR")]) == 0
    said = capsys.readouterr().out
    assert "BIx4 frames are BI x4 (residual 0.00 of 255; " in said
    assert f"frames in {source / 'LR'} are BDC x4 (residual 0.00 of 255; " in said
    assert "BDC x4" in (tmp_path / "out" / "inspect.html").read_text("utf-8")
    assert main([*command, "--low", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "holds the low-resolution frames of no scene: " in error and error.count("\n") == 1


def test_a_set_of_the_centred_bd_is_prepared_loaded_and_verified(
    source: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    datasets.prepare("mine", root, source, degradation="BDC")
    prepared = datasets.load("mine", root)
    parameters = prepared.degradations["BDCx4"]
    assert (parameters["phase"], parameters["kernel_size"]) == (1.5, 12)
    assert main(["verify", "mine", "--root", str(root)]) == 0
    with pytest.raises(datasets.DatasetError, match="stvt prepare mine --degradation BI"):
        prepared.require("BIx4")
