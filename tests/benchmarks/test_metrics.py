"""PSNR and SSIM against scikit-image: the table and its numbers; that both agree is asked of every run."""

import json
from pathlib import Path

import cv2
import pytest

from tests.benchmarks.metrics import NEARNESS, frames, main, measure, table


def test_both_are_timed_as_often_and_agree() -> None:
    threads = cv2.getNumThreads()
    compared = measure(40, 56, rounds=2)
    assert cv2.getNumThreads() == threads
    assert [(one.metric, one.channel) for one in compared] == [
        (metric, channel) for metric in ("psnr", "ssim") for channel in ("rgb", "y")
    ]
    for one in compared:
        assert len(one.ours) == len(one.theirs) == 2
        assert one.difference == abs(one.values[0] - one.values[1]) < NEARNESS
    restored, truth = frames(40, 56)
    assert restored.shape == truth.shape == (40, 56, 3) and (restored != truth).any()
    assert [row["metric"] for row in table(compared)] == ["psnr", "psnr", "ssim", "ssim"]


def test_the_command_prints_a_table_and_writes_every_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "metrics.json"
    main(["--size", "64x48", "--rounds", "2", "--json", str(file)])
    out = capsys.readouterr().out
    assert "64x48, one thread" in out and "scikit-image ms" in out and "p10-p90" in out
    told = json.loads(file.read_text())
    assert told["size"] == [64, 48] and len(told["rows"]) == 4
    assert all(len(row["ours"]) == len(row["theirs"]) == 2 for row in told["rows"])
