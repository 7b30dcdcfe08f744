"""The cases of ../shared/cases whose faults lay in scoring: each script gives what its README expects."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# Case -> what its output must have, and what it must not.
CASES: dict[str, tuple[list[str], list[str]]] = {
    "psnr_inf_ranks_wrong": ([r"A +26\.60\*/0\.9492\*", r"B +32\.27/0\.9017  "], []),
    "frames_one_folder_two_scenes": ([r"(?s)(there are several.*rc=2.*){3}"], ["rc=0"]),
    "frames_other_reader": (
        [r"gray16\nmine +29\.17", r"(?s)float_tif.*rc=2.*appledouble\nmine +33\.37"]
        + [r"zero_tail(?s:.*)rc=2", r"exif180\nmine +3\d\.", r"rounding\nmine +61\.42"],
        [],
    ),
    "own_ends_the_process": ([r"(?s)(rc=2.*){6}"], ["Traceback", "rc=[01]"]),
    "own_nested_network_trains": ([r"m +18\.97/0\.3601"], []),
    "own_range_255": ([r"(?s)255.*WARNING: m: values from.*11.*WARNING: m: values from"], []),
    "own_two_neighbours_one_name": ([r"(?s)together.*b +19\.29/0\.3776.*alone.*19\.29"], []),
    "own_state_and_seed": (
        [r"(?s)m +(\d+\.\d+/\S+) .*m +\1 .*rng, 1.*m +(\d+\.\d+/\S+) .*m +\2 "],
        [],
    ),
    "api_metrics_string": ([], ["Error", "no metric"]),
    "api_workers_without_guard": ([r"(?s)script\n.*\[\].*stdin\n.*\[\]"], ["Traceback"]),
    "api_weights_ignored": ([r"(?s)(edvr_s=\.\.\.: no method.*rc=2.*){2}"], []),
    "two_runs_one_folder": ([r"edvr-s\+blend +21\.62", "by another process", "rc=2"], []),
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the scripts prepare their sets once, with the command that they call."""
    folder = tmp_path_factory.mktemp("cases")
    command = folder / "stvt"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m stvt "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_case_gives_what_its_readme_expects(case: str, shared: Path, work: Path) -> None:
    script = shared / "cases" / "evaluation" / case / "run.sh"
    if not script.is_file():
        pytest.skip(f"no {script}")
    top = Path(__file__).resolve().parents[2]
    settings = {"PY": sys.executable, "STVT": str(work / "stvt"), "W": str(work / "w")}
    environment = {**os.environ, **settings, "PYTHONPATH": str(top)}
    done = subprocess.run(
        ["bash", str(script)], env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    expected, refused = CASES[case]
    for pattern in expected:
        assert re.search(pattern, output), f"{pattern!r} is not in\n{output}"
    for pattern in refused:
        assert not re.search(pattern, output), f"{pattern!r} is in\n{output}"


def test_files_that_others_left_in_a_runs_folder_stay(root: Path, tmp_path: Path) -> None:
    import stvt

    notes = tmp_path / "run" / "deep" / ".notes.tmp"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    (tmp_path / "run" / ".x.tmp").mkdir()
    scores = stvt.evaluate("squares", "bicubic+blend", root=root, out=tmp_path / "run", limit=1)
    assert len(scores) and notes.read_text() == "mine" and (tmp_path / "run" / ".x.tmp").is_dir()
