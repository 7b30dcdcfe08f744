"""Frames of another program in whole runs: a rule over all scenes holds in every process and start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

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
