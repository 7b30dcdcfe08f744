"""The benchmark of `stvt upsample` beside FFmpeg, on a few small frames."""

from fractions import Fraction
from pathlib import Path

from tests.benchmarks.upsampling import measure
from tests.upsampling.clips import scenery, video


def test_the_stages_and_the_whole_are_measured(tmp_path: Path) -> None:
    clip = video(tmp_path / "in.mp4", scenery(1, 6))
    found = measure(clip, Fraction(3, 10), 2, tmp_path)
    assert [cost.frames for cost in found.values()] == [6] * len(found) and len(found) >= 4
    assert all(cost.wall > 0 and cost.processor >= 0 for cost in found.values())
    assert "processors at work" in found["stvt upsample"].line("stvt upsample")
