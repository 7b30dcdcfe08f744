"""Results of several runs in one leaderboard, and the command that sends them in."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import stvt
from stvt.cli.main import main


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    moving_square: Callable[..., list[NDArray[np.uint8]]],
    write_clip: Callable[..., Path],
) -> Path:
    """Two runs of the same protocol, of one method each."""
    folder = tmp_path_factory.mktemp("runs")
    write_clip(folder / "source" / "squares", moving_square(9))
    stvt.prepare("squares", folder / "source", root=folder / "data")
    for name in ("bicubic+blend", "bilinear+repeat"):
        stvt.evaluate("squares", name, root=folder / "data", out=folder / name, ends="replicate")
    return folder


def test_runs_come_together_best_first_and_marked(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = str(tmp_path / "results")
    paths = [str(runs / "bilinear+repeat"), str(runs / "bicubic+blend")]
    assert main(["results", "add", *paths, "--to", to]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["results", "table", to]) == 0
    table = capsys.readouterr().out
    rows = [line for line in table.splitlines() if line.startswith("| bi")]
    assert [row.split("|")[1].strip() for row in rows] == ["bicubic+blend", "bilinear+repeat"]
    assert "**" in rows[0] and "**" not in rows[1] and table.count("Protocol:") == 1


def test_the_mean_is_that_of_the_run(runs: Path, tmp_path: Path) -> None:
    assert main(["results", "add", str(runs / "bicubic+blend"), "--to", str(tmp_path)]) == 0
    (file,) = tmp_path.glob("squares/*.json")
    result = json.loads(file.read_text())
    run = stvt.report(runs / "bicubic+blend", is_current=True)
    psnr = run[run["metric"] == "psnr"]["value"].mean()
    assert result["scores"][0]["mean"] == pytest.approx(psnr, abs=1e-5)
    assert result["frames"] == 4 and len(result["data"]) == 64


def test_other_scores_of_a_method_are_not_replaced_unasked(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["results", "add", str(runs / "bicubic+blend"), "--to", str(tmp_path)]
    assert main(command) == 0
    (file,) = tmp_path.glob("squares/*.json")
    altered = file.read_text().replace('"mean": ', '"mean": 1', 1)
    file.write_text(altered)
    assert main(command) == 2 and "--overwrite" in capsys.readouterr().err
    assert file.read_text() == altered
    assert main([*command, "--overwrite"]) == 0 and file.read_text() != altered


def test_another_protocol_is_another_table(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    stvt.evaluate("squares", "bicubic+blend", root=runs / "data", out=other, frames="all")
    to = str(tmp_path / "results")
    assert main(["results", "add", str(runs / "bicubic+blend"), str(other), "--to", to]) == 0
    capsys.readouterr()
    assert main(["results", "table", to]) == 0
    assert capsys.readouterr().out.count("Protocol:") == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 1}', '{"method": 3}'])
def test_a_damaged_result_is_one_line(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "squares").mkdir()
    (tmp_path / "squares" / "one.json").write_text(text)
    assert main(["results", "table", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "one.json" in said and len(said.splitlines()) == 1


def test_a_folder_without_results_says_how_to_put_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["results", "table", str(tmp_path)]) == 2
    assert "stvt results add" in capsys.readouterr().err
