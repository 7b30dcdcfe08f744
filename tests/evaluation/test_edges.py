"""Runs at the edges: scenes too short or equal to the truth, outputs and scores that are none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import stvt
from stvt.baselines.classical.temporal import Blend
from stvt.cli.main import main
from stvt.core.errors import UsageError
from stvt.datasets.frames import write_frame


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared sets: `short` of scenes of one, two and three frames, `black` of one black scene
    and one with a bar that moves."""
    folder = tmp_path_factory.mktemp("edges")
    for name, lengths in {"short": [1, 2, 3], "black": [3, 5]}.items():
        for length in lengths:
            scene = folder / name / f"{name}{length}"
            scene.mkdir(parents=True)
            for index in range(length):
                frame = np.zeros((32, 32, 3), np.uint8)
                frame[:, 4 + 2 * index : 12 + 2 * index] = 0 if length == 3 else 200
                write_frame(scene / f"{index:08d}.png", frame)
        stvt.prepare(name, folder / name, root=folder / "data")
    return folder / "data"


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ((), ["none", "none", ""]),
        (("--frames", "all"), ["", "", ""]),
        (("--ends", "replicate"), ["none", "none", ""]),
        (("--clip", "3"), ["none", "none", ""]),
        (("--clip", "5"), ["none", "none", "none"]),
    ],
)
def test_a_short_scene_is_not_told_to_replicate_where_that_gives_no_frame(
    edges: Path, tmp_path: Path, options: Sequence[str], advice: list[str]
) -> None:
    command = ["evaluate", "--datasets", "short", "--methods", "bicubic+blend"]
    code = main([*command, *options, "--root", str(edges), "--out", str(tmp_path / "run")])
    failures = stvt.report(tmp_path / "run", is_current=True).attrs["failures"]
    assert code == (2 if failures else 0)
    assert len(failures) == advice.count("none")
    assert all(
        line.endswith("none of the frames that are scored; leave it out") for line in failures
    )


def test_an_output_that_is_no_number_is_a_failure_and_no_score(
    edges: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overflowed(self: Blend, window: Tensor, times: Sequence[float]) -> Tensor:
        output = torch.zeros(1 + len(times), *window.shape[1:])
        output[..., 0] = torch.nan
        return output

    monkeypatch.setattr(Blend, "__call__", overflowed)
    scores = stvt.evaluate(
        "short", "bicubic+blend,bicubic+repeat", scenes="short3", root=edges, out=tmp_path / "run"
    )
    assert set(scores["method"]) == {"bicubic+repeat"}
    (line,) = scores.attrs["failures"]
    assert "frame 1 has values that are no finite numbers" in line


def test_a_score_beyond_all_reason_costs_only_its_metric(edges: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text("def huge(restored, truth):\n    return 1e200\n")
    command = ["evaluate", "--datasets", "black", "--methods", "bicubic+blend"]
    options = ["--metrics", f"psnr,{file}:huge", "--root", str(edges), "--out", str(tmp_path / "r")]
    assert main([*command, *options]) == 2
    assert set(stvt.report(tmp_path / "r")["metric"]) == {"psnr"}


def test_a_leaderboard_takes_no_infinite_mean(
    edges: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, results = str(tmp_path / "run"), tmp_path / "results"
    command = ["evaluate", "--datasets", "black", "--methods", "bicubic+blend", "--root"]
    assert main([*command, str(edges), "--out", run]) == 0
    assert main(["results", "add", run, "--to", str(results)]) == 2
    assert "black: bicubic+blend: psnr: all frames of 1 scene equal" in capsys.readouterr().err
    assert not list(results.glob("*/*.json"))
    assert main(["evaluate", *command[1:], str(edges), "--out", run, "--metrics", "ssim"]) == 0
    assert main(["results", "add", run, "--to", str(results)]) == 0
    assert main(["results", "table", str(results)]) == 0


@pytest.mark.parametrize("what", [([], "blend", "psnr"), ("short", [], "psnr"), ("short", "x", [])])
def test_a_run_of_nothing_is_refused(
    edges: Path, tmp_path: Path, what: tuple[Any, Any, Any]
) -> None:
    datasets, methods, metrics = what
    with pytest.raises(UsageError, match="name a data set, a method and a metric"):
        stvt.evaluate(datasets, methods, metrics=metrics, root=edges, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_there_must_be_results_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["results", "check"]) == 2
    assert "no results there" in capsys.readouterr().err


@pytest.mark.parametrize("gap", [{"scenes": "left,"}, {"metrics": "psnr,,ssim"}, {"scenes": ""}])
def test_a_list_with_a_gap_is_refused_in_python_as_by_the_command(
    gap: dict[str, Any], root: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="a name is missing"):
        stvt.evaluate("squares", "bicubic+blend", root=root, out=tmp_path / "run", **gap)
