"""`stvt.toml`: defaults of a project for the command line."""

import argparse
from pathlib import Path

import pytest

from stvt.cli.main import build_parser, main
from stvt.cli.options import weights
from stvt.cli.project import defaults, project_file

PROJECT = """
root = "sets"
out = "experiments"
device = "cpu"
[weights]
stvun = "w/STVUN.pth"
"""
EVALUATE = ["evaluate", "--datasets", "a", "--methods", "b"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "stvt.toml").write_text(PROJECT)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    return tmp_path


def parse(*words: str) -> dict[str, object]:
    file = project_file()
    return vars(build_parser(dict(defaults(file)) if file else {}).parse_args(words))


def test_defaults_come_from_the_folder_above_with_paths_from_there(project: Path) -> None:
    args = parse(*EVALUATE)
    assert args["root"] == project / "sets" and args["runs"] == project / "experiments"
    assert args["device"] == "cpu" and args["out"] is None
    assert args["project_weights"] == {"stvun": project / "w/STVUN.pth"}


def test_the_command_line_goes_before_them(project: Path) -> None:
    args = parse(*EVALUATE, "--root", "x", "--device", "cuda", "--weights", "stvun=y")
    assert args["root"] == Path("x") and args["device"] == "cuda"
    given = argparse.Namespace(**args)
    assert weights(given, ["stvun"]) == {"stvun": Path("y")}


def test_weights_are_given_to_the_methods_that_have_such_a_network(project: Path) -> None:
    given = argparse.Namespace(**parse(*EVALUATE))
    assert weights(given, ["mine=stvun"]) == {"stvun": project / "w/STVUN.pth"}
    assert weights(given, ["bicubic+blend"]) == {}


def test_weights_of_the_file_are_exported_and_none_in_their_place(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "stvt.toml").write_text('[weights]\nstvun-s = "lost.safetensors"\n')
    assert main(["export", "stvun-s", "graph.onnx", "--size", "16x16"]) == 2
    assert str(project / "lost.safetensors") in capsys.readouterr().err
    assert not Path("graph.onnx").exists()


def test_the_nearest_file_counts(project: Path) -> None:
    (project / "deep" / "stvt.toml").write_text('root = "near"\n')
    assert parse(*EVALUATE)["root"] == project / "deep" / "near"
    assert parse(*EVALUATE)["device"] == "auto"


def test_a_run_that_is_made_again_keeps_to_what_it_used(project: Path) -> None:
    args = parse("reproduce", "run")
    assert args["root"] is None and args["device"] is None and args["weights"] is None
    assert "project_weights" not in args


def test_sets_are_made_and_runs_go_where_it_says(project: Path) -> None:
    assert main(["prepare", "sample", "--scenes", "pan", "--quiet"]) == 0
    assert (project / "sets" / "sample" / "manifest.json").is_file()
    line = ["evaluate", "--datasets", "sample", "--methods", "bicubic+blend", "--limit", "1"]
    assert main([*line, "--quiet"]) == 0
    assert (project / "experiments" / "sample-paper-limit1" / "run.json").is_file()


def test_doctor_says_which_file_it_is(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert str(project / "stvt.toml") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rot = 'x'", "rot is no setting; did you mean root?"),
        ("root = 3", "root: is 3, expected"),
        ("weights = 'x'", "weights: is 'x', expected dict"),
        ("[weights]\nstvun = 3", "weights.stvun: is 3"),
        ("root = ", "is damaged"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_one_line(
    project: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "stvt.toml").write_bytes(text.encode(errors="surrogateescape"))
    assert main(["list", "metrics"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert "stvt.toml: " in printed.err and said in printed.err


def test_verbosely_it_is_said_what_it_gives(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "metrics", "--verbose"]) == 0
    err = capsys.readouterr().err
    assert str(project / "stvt.toml") in err and "device cpu" in err
    assert f"out {project / 'experiments'}, " in err
    assert f"weights stvun={project / 'w/STVUN.pth'}\n" in err
