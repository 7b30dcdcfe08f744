"""The dry run of the GPU session, on the CPU."""

from pathlib import Path

import pytest
import torch

from tests.benchmarks import gpu_session


def piece_that_fails() -> gpu_session.Rows:
    raise ValueError("no such GPU")


def test_a_session_goes_on_with_what_is_missing_or_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def piece() -> gpu_session.Rows:
        asked.append("speed")
        return [{"method": "stvun", "ms": 3}]

    named = {"speed stvun": piece, "truth stvun": piece_that_fails}
    monkeypatch.setattr(gpu_session, "pieces", lambda session: named)
    options = ["--out", str(tmp_path), "--device", "cpu", "--tiny"]
    assert gpu_session.main([*options, "--minutes", "0"]) == 1
    assert not asked and "left: speed stvun, truth stvun" in (tmp_path / "report.md").read_text()
    assert gpu_session.main(options) == 1
    page = (tmp_path / "report.md").read_text()
    assert "| stvun" in page and "ValueError: no such GPU" in page and "torch" in page
    named["truth stvun"] = piece
    assert gpu_session.main(options) == 0 and len(asked) == 2
    assert "failed" not in (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_every_piece_of_a_session_runs_on_a_cpu(tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "out"), "--root", str(tmp_path / "data"), "--device", "cpu"]
    with torch.inference_mode(False), torch.enable_grad():
        assert gpu_session.main([*options, "--tiny", "--minutes", "60"]) == 0
    page = (tmp_path / "out" / "report.md").read_text()
    for kind in ("Truth", "Speed", "Paper", "Whole", "Training", "Scores"):
        assert f"## {kind}" in page
    assert "failed" not in page
