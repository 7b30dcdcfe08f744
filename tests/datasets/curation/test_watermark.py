"""Burnt-in logos: found where the picture moves behind them, cut off, or the reason of a refusal."""

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from stvt.datasets.build.training_set import prepare_training
from stvt.datasets.build.training_video import Settings
from stvt.datasets.curation.watermark import WatermarkDetector, without_watermarks
from stvt.datasets.frames import Box
from tests.builders.training_videos import write_video

Frames = NDArray[np.uint8]


def panning(frames: int, pixels: int, height: int = 180, width: int = 320) -> Frames:
    rough = np.random.default_rng(5).integers(0, 255, (60, 160, 3), np.uint8)
    plane = cv2.resize(rough, (2400, 400), interpolation=cv2.INTER_CUBIC)
    starts = [(pixels * k) % (2400 - width) for k in range(frames)]
    return np.stack([plane[100 : 100 + height, at : at + width] for at in starts])


def burnt(frames: Frames, x: int, y: int, strength: float = 1.0) -> Frames:
    """The frames with a word whose foot is at (x, y), see-through where strength is under 1."""
    word = np.zeros(frames.shape[1:], np.uint8)
    cv2.putText(word, "LOGO", (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    part = word.astype(np.float32) / 255 * strength
    return np.asarray(frames * (1 - part) + 235 * part, np.uint8)


def found(frames: Frames, within: Box | None = None) -> list[Box]:
    detector = WatermarkDetector(frames.shape[1], frames.shape[2], crop=lambda: within)
    for number, frame in enumerate(frames):
        detector.process_frame(frame, Fraction(number, 4))
    return detector.result().lasting


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_a_logo_is_found_where_it_is(strength: float) -> None:
    (box,) = found(burnt(panning(20, 40), 220, 165, strength))
    assert 208 <= box.left <= 222 and 140 <= box.top <= 150
    assert 270 <= box.left + box.width <= 300 and 164 <= box.top + box.height <= 176


def test_what_moves_has_no_logo() -> None:
    assert found(panning(14, 40)) == []


def test_of_a_tripod_s_scene_nothing_is_said_whatever_moves_in_it() -> None:
    still = np.repeat(burnt(panning(1, 0), 220, 165), 20, axis=0)
    moving = panning(20, 40)
    still[:, 60:120, 40:140] = moving[:, 60:120, 40:140]
    assert found(still) == []


def test_a_few_looks_are_not_enough() -> None:
    assert found(burnt(panning(5, 40), 220, 165)) == []


def test_the_edge_of_black_borders_is_no_logo() -> None:
    framed = panning(14, 40)
    framed[:, :24] = framed[:, -24:] = 0
    assert found(framed, Box(26, 0, 128, 320)) == []


def test_the_cheapest_cuts_are_made() -> None:
    whole = Box(0, 0, 100, 200)
    corner, other = Box(90, 180, 8, 18), Box(92, 5, 6, 30)
    assert without_watermarks(whole, [corner]) == (Box(0, 0, 90, 200), "")
    assert without_watermarks(whole, [corner, other]) == (Box(0, 0, 90, 200), "")
    left = Box(10, 0, 80, 12)
    assert without_watermarks(whole, [left]) == (Box(0, 12, 100, 188), "")
    rest, fault = without_watermarks(whole, [Box(40, 80, 20, 40)])
    assert rest == whole and "burnt-in logo (40x20 at 80,40)" in fault


SETTINGS = Settings(min_rate="24", clip_frames=60, min_frames=12, min_side=64)


def test_a_clip_comes_without_its_logo_or_not_at_all(tmp_path: Path) -> None:
    frames = panning(150, 6)
    write_video(tmp_path / "in" / "corner.mkv", burnt(frames, 220, 172), rate=30)
    write_video(tmp_path / "in" / "middle.mkv", burnt(frames[::-1], 120, 100), rate=30)
    outcome = prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    made = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert {clip["video"] for clip in made["clips"]} == {"corner"}
    assert all(140 <= clip["height"] <= 156 and clip["width"] == 320 for clip in made["clips"])
    (why,) = outcome.refused
    assert why.startswith("middle: burnt-in logo (")
    assert "is cut off" in (tmp_path / "set" / "ledger.csv").read_text()


def test_a_logo_that_is_there_for_a_while_is_cut_off_or_costs_the_clips_there(
    tmp_path: Path,
) -> None:
    plain = panning(720, 7)
    for name, x, y in (("corner", 220, 172), ("middle", 120, 100)):
        frames = plain if name == "corner" else plain[::-1]
        shown = np.concatenate([frames[:300], burnt(frames[300:540], x, y), frames[540:]])
        write_video(tmp_path / "in" / f"{name}.mkv", shown, rate=30)
    prepare_training("set", tmp_path, tmp_path / "in", settings=SETTINGS)
    made = json.loads((tmp_path / "set" / "manifest.json").read_text())
    corner, middle = (
        [clip for clip in made["clips"] if clip["video"] == video] for video in ("corner", "middle")
    )
    assert len(corner) == 12 and all(140 <= clip["height"] <= 156 for clip in corner)
    assert middle and all(clip["height"] == 180 for clip in middle)
    assert not any(clip["start"] < 18 and clip["end"] > 10 for clip in middle)
    assert any(
        each["reason"].startswith("burnt-in logo for a while")
        for each in made["refused"]
        if each["video"] == "middle"
    )
