"""The benchmarks of evaluating and of precision: that their numbers fit each other."""

import json
import time as clock
from collections.abc import Sequence
from pathlib import Path

import pytest

from stvt import datasets
from stvt.cli.main import main
from tests.benchmarks import evaluate, precision
from tests.benchmarks.evaluate import Measured, Spent, least, measure, table
from tests.benchmarks.precision import Compared


def test_shares_are_of_what_the_scenes_took() -> None:
    measured = Measured(10, 2)
    measured.least.append(Spent(0.8, 1.6))
    measured.scenes.append(Spent(1.0, 2.0))
    measured.whole.append(Spent(3.0, 6.0))
    bound, scenes, whole = table(measured)
    assert bound["frames/s"] == 12.5 and bound["scores/s"] == 25
    assert scenes["frames/s"] == 10 and scenes["% of least"] == "80 (80-80)"
    assert scenes["processor ms a frame"] == 200
    assert scenes["% of least, processor"] == "80 (80-80)"
    assert str(whole["% of least"]).startswith("27 ")
    assert measured.facts()["share"] == pytest.approx([0.8])


def test_the_same_frames_are_scored_and_then_read_again() -> None:
    took: list[float] = []

    def run(arguments: Sequence[str]) -> Spent:
        begun = clock.perf_counter()
        assert main(arguments) == 0
        took.append(clock.perf_counter() - begun)
        run = Path(arguments[arguments.index("--out") + 1])
        (unit,) = (run / "units" / "long" / "scene0").glob("*.json")
        told = json.loads(unit.read_text())
        assert len(told["scores"]) == 2 * 5 and not told["warnings"]
        return Spent(took[0], took[0])

    measured = measure(32, 48, 4, workers=1, rounds=1, run=run)
    assert measured.frames == 5 and len(took) == len(measured.least) == 1
    assert 0 < measured.scenes[0].wall < took[0] and measured.scenes[0].process > 0
    assert measured.least[0].process >= measured.decoding[0] >= 0


def test_the_least_is_to_decode_and_to_score(tmp_path: Path) -> None:
    import numpy as np

    from stvt.datasets.frames import write_frame

    frame = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)
    for name in ("a", "b"):
        write_frame(tmp_path / f"{name}.png", frame)
    wall, process, decoding = least([(tmp_path / "a.png", tmp_path / "b.png")] * 3)
    assert wall > 0 and process >= decoding >= 0


@pytest.mark.slow
def test_the_short_form_runs_the_command_in_processes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "evaluate.json"
    options = ["--size", "64x48", "--frames", "7", "--workers", "2", "--rounds", "1"]
    evaluate.main([*options, "--json", str(file)])
    out = capsys.readouterr().out
    assert "2 scenes of 7 frames of 64x48" in out and "its scenes" in out
    told = json.loads(file.read_text())
    assert told["frames"] == 14 and len(told["whole"]) == len(told["least"]) == 1


def test_a_method_without_arithmetic_to_lose_is_the_same_in_every_precision(
    tmp_path: Path,
) -> None:
    datasets.prepare("sample", tmp_path)
    scenes = datasets.load("sample", tmp_path).scenes
    compared = precision.measure("bicubic+blend", "sample", tmp_path, "bf16", frames=2)
    assert [one.scene for one in compared] == list(scenes)
    assert all(one.frames == 2 and one.difference == 0 for one in compared)


def test_the_table_of_precisions_ends_with_the_mean_of_the_scenes() -> None:
    one = Compared("net", "", "a", 2, 30.0, 29.995, 60.0)
    other = Compared("net", "", "b", 6, 20.0, 20.001, 50.0)
    *_, mean = precision.table([one, other])
    assert mean["scene"] == "mean" and mean["frames"] == 8
    assert mean["float32 dB"] == 25 and mean["difference"] == "-0.0020"


@pytest.mark.slow
def test_the_short_form_of_precision_runs_on_the_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "precision.json"
    datasets.prepare("sample", tmp_path)
    options = ["--set", "sample", "--root", str(tmp_path), "--frames", "1", "--device", "cpu"]
    precision.main([*options, "--json", str(file)])
    assert "bf16 against float32" in capsys.readouterr().out
    told = json.loads(file.read_text())
    assert told["set"] == "sample" and all(abs(row["difference"]) < 0.5 for row in told["rows"])
