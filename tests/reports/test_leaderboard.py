"""Results of several runs in one leaderboard, and the command that sends them in."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import stvt
from stvt.cli.main import main
from stvt.datasets.frames import read_frame, write_frame
from stvt.reports import leaderboard_text
from stvt.reports.leaderboard import Result, Score


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


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("scores", [], "it has no scores"),
        ("mean", float("nan"), "no finite number"),
        ("mean", 1e308, "no finite number"),
        ("method", "\ud800", "is damaged: 'utf-8' codec can't encode"),
        ("", None, "once more; delete one of them"),
    ],
)
def test_what_cannot_be_ranked_is_in_no_table(
    runs: Path,
    tmp_path: Path,
    key: str,
    value: object,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["results", "add", str(runs / "bicubic+blend"), "--to", str(tmp_path)])
    (file,) = tmp_path.glob("squares/*.json")
    result = json.loads(file.read_text())
    where = result["scores"][0] if key == "mean" else result
    where |= {key: value}
    file.with_name("other.json").write_text(json.dumps(result))
    if key:
        file.unlink()
    capsys.readouterr()
    assert main(["results", "table", str(tmp_path)]) == 2
    assert said in (told := capsys.readouterr().err) and "other.json" in told


def test_frames_that_equal_the_truth_are_said_and_a_scene_of_them_is_left_out(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = runs / "data" / "squares" / "GT" / "squares"
    shutil.copytree(truth, tmp_path / "all")
    shutil.copytree(truth, tmp_path / "some")
    for number in (3, 5, 7):  # frame 1 stays as it is
        write_frame(tmp_path / "some" / f"{number:08d}.png", read_frame(truth / "00000000.png"))
    for name in ("all", "some"):
        method = f"{name}=frames:{tmp_path / name}"
        stvt.evaluate("squares", method, root=runs / "data", out=tmp_path / f"run-{name}")
    to = str(tmp_path / "results")
    run_all, run_some = (str(tmp_path / f"run-{name}") for name in ("all", "some"))
    assert main(["results", "add", run_all, "--to", to]) == 2
    assert "all: psnr: all frames of 1 scene equal the truth" in capsys.readouterr().err
    both = f"all=frames:{tmp_path / 'all'},bicubic+blend"
    stvt.evaluate("squares", both, root=runs / "data", out=tmp_path / "both")
    of_one = ["results", "add", str(tmp_path / "both"), "--to", str(tmp_path / "one"), "--methods"]
    assert main([*of_one, "bicubic+blend"]) == 0
    assert main([*of_one, "all"]) == 2
    write_frame(tmp_path / "some" / "00000001.png", read_frame(truth / "00000000.png"))
    none = tmp_path / "run-none"
    stvt.evaluate("squares", f"none=frames:{tmp_path / 'some'}", root=runs / "data", out=none)
    assert main(["results", "add", run_some, str(none), "--to", to]) == 0
    capsys.readouterr()
    assert main(["results", "table", to, "--format", "terminal"]) == 0
    table = capsys.readouterr().out
    assert "1 of the frames equal the truth: left out of the mean" in table and "some" in table
    rows = {line.split()[0]: line.split()[1] for line in table.splitlines() if "." in line}
    assert "*" not in rows["some"] + rows["none"]  # means over different frames have no places


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


def test_a_part_of_a_set_has_a_table_and_a_file_of_its_own(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    info = (runs / "bicubic+blend" / "run.json").read_text()
    to = str(tmp_path / "results")
    assert main(["results", "add", str(runs / "bicubic+blend"), "--to", to]) == 0
    shutil.copytree(runs / "bicubic+blend", tmp_path / "part")
    part = info.replace('"lacks": ""', '"lacks": "1 of 2 scenes, as chosen"')
    (tmp_path / "part" / "run.json").write_text(part)
    assert main(["results", "add", str(tmp_path / "part"), "--to", to]) == 0
    capsys.readouterr()
    assert main(["results", "table", to]) == 0
    table = capsys.readouterr().out
    assert table.count("Protocol:") == 2 and "squares (1 of 2 scenes, as chosen)." in table


def test_two_parts_of_a_set_as_large_as_each_other_are_two_tables_and_two_files() -> None:
    def result(scene: str, mean: float) -> Result:
        score = [Score("psnr", "rgb", mean, {scene: mean})]
        part = "1 of 2 scenes, as chosen"
        return Result("bicubic", "bicubic", "set", "0" * 64, "scale:4", score, 9, part)

    one, other = result("easy", 30), result("hard", 20)
    assert one.file != other.file
    text = leaderboard_text([one, replace(other, method="bilinear")], "csv")
    assert [line["rank"] for line in csv.DictReader(io.StringIO(text))] == ["1", "1"]
    markdown = leaderboard_text([one, other])
    assert "Scenes: easy." in markdown and "Scenes: hard." in markdown


def test_means_over_other_numbers_of_frames_have_no_places() -> None:
    score = [Score("psnr", "rgb", 30, {"s": 30})]
    one = Result("bicubic", "bicubic", "set", "0" * 64, "scale:4", score, 9)
    more = replace(one, method="bilinear", frames=11)
    assert "**" in leaderboard_text([one, replace(more, frames=9)])
    assert "**" not in (text := leaderboard_text([one, more])) and "Over 9 frames" in text
    # Scores of whole scenes alone: of how many frames is not known.
    assert "Over" not in leaderboard_text([one, replace(more, frames=0)])


def test_html_and_markdown_have_the_same_rows(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(runs / "bilinear+repeat"), str(runs / "bicubic+blend")]
    main(["results", "add", *paths, "--to", str(tmp_path)])
    for format, row in (("markdown", "| bicubic+blend |"), ("html", ">bicubic+blend</th>")):
        capsys.readouterr()
        assert main(["results", "table", str(tmp_path), "--format", format]) == 0
        assert row in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"mean": ', '"mean": 1', "is not the mean of its scenes"),
        ('"data": "', '"data": "x', "no sha256"),
        ('"lacks": ""', '"lacks": "some"', "its content belongs in squares/"),
        ('"command": "stvt evaluate', '"command": "rm', "not of stvt evaluate"),
        ('"scenes": {', '"scenes": {"x": NaN,', "no finite number"),
        ('"scenes": {', '"scenes": {"x": 1e308, "y": 1.7e308,', "no finite number"),
    ],
)
def test_a_submission_that_cannot_be_true_is_found(
    runs: Path,
    tmp_path: Path,
    before: str,
    after: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["results", "add", str(runs / "bicubic+blend"), "--to", str(tmp_path)])
    (file,) = tmp_path.glob("squares/*.json")
    root = ["--root", str(runs / "data")]
    assert main(["results", "check", str(file), *root]) == 0
    assert "its data is that of the set here" in capsys.readouterr().out
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))
    assert main(["results", "check", str(file), *root]) == 2
    assert said in capsys.readouterr().err


def test_a_submission_of_other_frames_is_found_where_the_set_is_prepared(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["results", "add", str(runs / "bicubic+blend"), "--to", str(tmp_path / "results")])
    write_frame(tmp_path / "other" / "squares" / "0.png", np.zeros((32, 32, 3), np.uint8))
    write_frame(tmp_path / "other" / "squares" / "1.png", np.zeros((32, 32, 3), np.uint8))
    stvt.prepare("squares", tmp_path / "other", root=tmp_path / "data")
    (file,) = tmp_path.glob("results/squares/*.json")
    assert main(["results", "check", str(file), "--root", str(tmp_path / "data")]) == 2
    assert "is not that of" in capsys.readouterr().err


def test_the_results_of_this_repository_are_as_they_should_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["results", "check", "--root", "nowhere"]) == 0
    assert capsys.readouterr().out.count("\n") >= 3
    assert main(["results", "table"]) == 0
    assert Path("results/README.md").read_text().endswith(capsys.readouterr().out)
