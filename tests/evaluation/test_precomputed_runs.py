"""Frames of another program in whole runs: a rule over all scenes holds in every process and start."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest

from stvt.baselines import parse_methods
from stvt.cli.main import main


def evaluate(root: Path, out: Path, *options: str) -> int:
    return main(
        ["evaluate", "--datasets", "squares", "--root", str(root), "--out", str(out), *options]
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_frames_of_one_scene_are_never_scored_as_those_of_another(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: str
) -> None:
    shutil.copytree(root / "squares" / "GT" / "left", flat := tmp_path / "flat")
    methods = ["--methods", f"mine=frames:{flat},bicubic+blend", "--workers", workers]
    for _ in range(2):  # a start that has one half of it done
        assert evaluate(root, tmp_path / "run", *methods) == 2
        said = capsys.readouterr().err
        assert "'right' by mine" in said and "there are several" in said


def test_what_is_stated_of_a_method_is_printed_as_stated_and_what_is_not_is_unknown(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a,b", "c", "d"):
        shutil.copytree(root / "squares" / "GT", tmp_path / folder)
    (tmp_path / "d" / "method.json").write_text('{"params": "2k", "operations": "3G"}')
    methods = (
        f'"x=frames:{tmp_path}/a,b,params=30.9M,seconds=0.30",y=frames:{tmp_path}/c,'
        f"params=1M,z=frames:{tmp_path}/d,w=frames:{tmp_path}/c"
    )
    options = ["--methods", methods, "--limit", "1", "--ends", "replicate"]
    assert evaluate(root, tmp_path / "run", *options) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "30.9 M [2]" in rows["x"] and "0.30 s [2]" in rows["x"]
    assert "1.0 M [2]" in rows["y"] and rows["y"].endswith("–")
    assert "2.0 k [2]" in rows["z"] and rows["w"].split()[-2:] == ["–", "–"]
    assert "not measured here" in rows["[2]"]
    command = json.loads((tmp_path / "run" / "run.json").read_bytes())["command"]
    specs = parse_methods(shlex.split(command)[5])
    assert len(specs) == 4 and specs[0].endswith("a,b,params=30.9M,seconds=0.30")
    assert (
        evaluate(root, tmp_path / "other", "--methods", f"x=frames:{tmp_path}/c,params=1.2x") == 2
    )
    assert "'params=1.2x' is no number" in capsys.readouterr().err
