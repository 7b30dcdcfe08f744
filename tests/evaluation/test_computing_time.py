"""What `stvt evaluate` says of the time in which methods computed, and where it is kept."""

import json
from pathlib import Path

import pytest

from stvt import datasets
from stvt.cli.main import main
from stvt.evaluation import provenance
from stvt.evaluation.run import computed_line


def test_the_share_is_printed_at_the_end_and_kept_beside_the_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    datasets.prepare("sample", tmp_path)
    run = tmp_path / "run"
    command = ["evaluate", "--datasets", "sample", "--methods", "bicubic+blend", "--limit", "1"]
    command += ["--root", str(tmp_path), "--out", str(run)]
    assert main(command) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("computed ") and "bicubic+blend" in last
    (session,) = provenance.sessions(run)
    spent = session["computed"]["bicubic+blend"]
    assert 0 < spent["computed"] <= spent["passed"]
    units = [json.loads(file.read_text()) for file in (run / "units").rglob("*.json")]
    assert units and not any("spent" in unit for unit in units)
    assert main(command) == 0  # nothing is left to do
    assert "computed" not in capsys.readouterr().out.splitlines()[-1]


def test_what_computes_nothing_has_no_share() -> None:
    assert computed_line({}) is None
    frames = {"passed": 2.0, "computed": 0.0, "processor": 2.0}
    assert computed_line({"frames": frames}) is None
    own = {"passed": 4.0, "computed": 3.0, "processor": 5.0}
    line = computed_line({"frames": frames, "a": own})
    assert line == "computed 75 % of the 4 s of scoring: a 75 %"
