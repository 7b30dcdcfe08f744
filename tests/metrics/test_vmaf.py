"""VMAF by the ffmpeg of the extra `vmaf`, and what is said where it cannot be had."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stvt.baselines import Settings, WindowMethod, build
from stvt.datasets import degrade, phase, read_frame
from stvt.evaluation.frames import levels
from stvt.metrics import METRICS, MetricError, SequenceMeasure
from stvt.metrics import vmaf as module
from stvt.metrics.vmaf import MODELS, Model
from tests.metrics.test_sequences import load, moving, scores, texture

# shared/specs/perceptual_backbones.md: frames 0 to 11 of Vid4 `walk`, bicubic of BI.
WALK = {"vmaf": 46.2132, "vmaf-neg": 45.5706, "vmaf-v1": 55.6014, "vmaf-v1-hfr": 58.4069}


@pytest.fixture
def ffmpeg() -> Iterator[None]:
    pytest.importorskip("imageio_ffmpeg")
    module.ffmpeg.cache_clear()
    yield
    module.ffmpeg.cache_clear()


def sequence(name: str) -> Any:
    return METRICS[name].open("cpu", load)()


def test_bicubic_of_walk_scores_as_by_two_files(ffmpeg: None, shared: Path) -> None:
    method = build("bicubic", Settings(degradation="BI", phase=phase("BI", 4)))
    assert isinstance(method, WindowMethod)
    measures = {name: sequence(name) for name in WALK}
    for k in range(12):
        truth = read_frame(shared / "data" / "vid4" / "walk" / f"{k:08d}.png")
        low = torch.from_numpy(degrade(truth, "BI", 4)).permute(2, 0, 1)[None] / 255
        restored = levels(method(low, [])[0])
        for measure in measures.values():
            measure.add(restored, truth)
    means = {name: np.mean(measure.scores()) for name, measure in measures.items()}
    assert means == pytest.approx(WALK, abs=1e-3)


def test_equal_frames_score_100_but_for_the_first_which_has_no_motion(ffmpeg: None) -> None:
    truth = moving(2)
    assert scores(sequence("vmaf"), truth, truth)[1:] == [100, 100]
    odd = [frame[:95, :127] for frame in truth]
    assert scores(sequence("vmaf-neg"), odd, odd)[1:] == [100, 100]


def test_every_frame_has_a_score_and_a_worse_one_a_lower(ffmpeg: None) -> None:
    truth = moving(1)
    coarse = [frame // 64 * 64 + 32 for frame in truth]
    fine = [frame // 8 * 8 + 4 for frame in truth]
    low, high = (np.mean(scores(sequence("vmaf"), frames, truth)) for frames in (coarse, fine))
    assert low < high < 100


def test_what_ffmpeg_cannot_do_is_one_line(ffmpeg: None, monkeypatch: pytest.MonkeyPatch) -> None:
    measure: SequenceMeasure = sequence("vmaf-v1")
    with pytest.raises(MetricError, match="one side must be 216 or more; leave"):
        measure.add(texture(96, 128), texture(96, 128))
    dead = sequence("vmaf")
    dead.add(texture(), texture())
    dead.process.kill()
    dead.process.wait()
    with pytest.raises(MetricError, match="^vmaf: ffmpeg.* ended: it does not say why$"):
        scores(dead, moving(1), moving(1))
    dead.close()
    unknown = Model("vmaf_of_tomorrow", "", 0, "")
    monkeypatch.setitem(MODELS, "vmaf", unknown)
    with pytest.raises(MetricError, match="vmaf_of_tomorrow"):
        sequence("vmaf")


def test_another_ffmpeg_is_refused_before_any_work(
    ffmpeg: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", sys.executable)
    with pytest.raises(MetricError, match="^vmaf: python.* ended"):
        sequence("vmaf")
    module.ffmpeg.cache_clear()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    with pytest.raises(MetricError, match="/nowhere/ffmpeg"):
        sequence("vmaf")
    module.ffmpeg.cache_clear()
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE")
    other = Model("vmaf_v0.6.1neg", "", MODELS["vmaf"].probe, "")
    monkeypatch.setitem(MODELS, "vmaf", other)
    with pytest.raises(MetricError, match="gives .* for a test pattern, not 64.397: its vmaf_v0"):
        sequence("vmaf")


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    module.ffmpeg.cache_clear()
    with pytest.raises(MetricError, match=r"pip install 'stvt\[vmaf\]'"):
        METRICS["vmaf"].open("cpu", load)
    module.ffmpeg.cache_clear()
