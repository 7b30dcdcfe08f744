"""BasicVSR's published figures on Vid4, from its published weights, as a user would have them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import stvt
from stvt.baselines import MethodError, fetch_weights, weights_folder
from stvt.baselines.registry import CHECKPOINTS

# Published, and what was measured elsewhere with the same weights: PSNR and SSIM of Y.
FIGURES = {"BI": (27.2383, 0.8251), "BDC": (27.9599, 0.8553)}
NAMES = {"BI": "basicvsr", "BDC": "basicvsr-bdc"}


@pytest.mark.slow
@pytest.mark.parametrize("degradation", FIGURES)
def test_basicvsr_has_its_published_scores(
    degradation: str, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, name = shared / "data" / "vid4", NAMES[degradation]
    if not source.is_dir():
        pytest.skip("Vid4 is not here")
    if not (weights_folder() / CHECKPOINTS[name].file).is_file():
        monkeypatch.setenv("STVT_HOME", os.fspath(tmp_path / "home"))
        try:
            fetch_weights(name)
        except MethodError as error:
            pytest.skip(f"no weights here, and none to be fetched: {error}")
    root = tmp_path / "data"
    stvt.prepare("vid4", source, root=root, degradation=degradation)
    scores = stvt.evaluate(
        *("vid4", "basicvsr"),
        root=root,
        out=tmp_path / "run",
        protocol="space",
        degradation=degradation,
    )
    assert len(scores) == 2 * 171 and not scores.attrs["failures"]
    assert not [line for line in scores.attrs["info"].warnings if "trained on" in line]
    means = scores.groupby(["metric", "scene"])["value"].mean().groupby("metric").mean()
    psnr, ssim = FIGURES[degradation]
    assert abs(means["psnr"] - psnr) < 0.005 and abs(means["ssim"] - ssim) < 0.0001
