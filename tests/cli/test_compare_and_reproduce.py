"""`stvt compare` and `stvt reproduce` on real runs: what they find, say and return."""

import json
import re
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import stvt
from stvt import reports
from stvt.baselines import Compiled
from stvt.cli.main import build_parser
from stvt.core.errors import StvtError, UsageError
from stvt.core.files import write_json
from stvt.datasets.frames import write_frame
from stvt.evaluation import provenance
from stvt.evaluation.plan import Plan, RunOptions
from stvt.evaluation.protocol import Protocol, with_options
from stvt.evaluation.report import read_run
from stvt.evaluation.store import read_json
from stvt.reports import RunInfo

METHODS = "bicubic+blend,bilinear+repeat"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set `squares` of two scenes: a bright square that moves on a ramp."""
    folder = tmp_path_factory.mktemp("compared")
    for scene, step in (("left", -2), ("right", 3)):
        (folder / "source" / scene).mkdir(parents=True)
        for index in range(5):
            frame = np.zeros((32, 48, 3), np.uint8)
            frame[..., 1] = np.arange(48) * 3
            column = 20 + step * index
            frame[8:20, column : column + 12] = (250, 240, 30)
            write_frame(folder / "source" / scene / f"{index:08d}.png", frame)
    stvt.prepare("squares", folder / "source", root=folder / "data")
    return folder / "data"


@pytest.fixture(scope="module")
def run(root: Path) -> Path:
    out = root.parent / "run"
    stvt.evaluate("squares", METHODS, root=root, out=out, limit=1)
    return out


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """A run in another folder, to be altered."""
    for file in run.rglob("*.json"):
        there = tmp_path / "copy" / file.relative_to(run)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(file.read_bytes())
    return tmp_path / "copy"


def call(*words: object) -> int:
    args = build_parser().parse_args([str(word) for word in words])
    code: int = args.run(args)
    return code


def alter(run: Path, method: str, change: float) -> None:
    """Adds to every PSNR of a method, as if another version had scored."""
    for file in (run / "units").rglob(f"{method}.json"):
        record = read_json(file)
        assert record
        for score in record["scores"]:
            score[4] += change * (score[2] == "psnr")
        write_json(file, record)


def test_a_run_is_the_same_as_itself(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compare", run, run) == 0
    assert capsys.readouterr().out.endswith("\nthe same\n")


def test_runs_of_as_many_scores_as_a_score_has_names_are_compared(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # pandas takes keys that are as many as the rows for values of the rows.
    stvt.evaluate("squares", METHODS, root=root, out=tmp_path / "run", limit=1, metrics="psnr")
    assert len(read_run(tmp_path / "run")[0]) == 4
    assert call("compare", tmp_path / "run", tmp_path / "run") == 0
    assert capsys.readouterr().out.endswith("\nthe same\n")


def test_a_worse_run_ends_with_1_a_better_one_with_0(
    run: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alter(copy, "bicubic+blend", -0.5)
    assert call("compare", run, copy) == 1
    assert "worse in 1 of 4 comparisons" in capsys.readouterr().out
    assert call("compare", copy, run) == 0
    assert call("compare", run, copy, "--tolerance", "0.6") == 0
    assert call("compare", run, copy, "--metric", "ssim") == 0
    assert call("compare", run, copy, "--method", "bilinear+repeat") == 0
    capsys.readouterr()
    assert call("compare", run, copy, "--format", "csv") == 1
    assert "squares,rgb,bicubic+blend,bicubic+blend,psnr,-0.500000," in capsys.readouterr().out


def test_two_methods_of_one_run_are_compared(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("compare", run, run, "--method", "bilinear+repeat=bicubic+blend") in (0, 1)
    assert "bicubic+blend against bilinear+repeat" in capsys.readouterr().out


def test_what_changed_between_two_runs_is_said(
    run: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts: dict[str, Any] = read_json(copy / "run.json") or {}
    facts["versions"] = {**provenance.versions(), "torch": "1.0"}
    facts["git"] = {"commit": "a" * 40, "dirty": False}
    facts["methods"]["bicubic+blend"]["weights"] = "b" * 64
    write_json(copy / "run.json", facts)
    before = {**facts, "versions": provenance.versions(), "git": {"commit": "c" * 40}}
    before["methods"] = {"bicubic+blend": {"weights": ""}}
    lines = provenance.changes(*(RunInfo.read(of, "run.json") for of in (before, facts)))
    assert f"torch: {provenance.versions()['torch']} -> 1.0" in lines
    assert f"code: {'c' * 12} -> {'a' * 12}" in lines
    assert f"bicubic+blend weights: none -> {'b' * 12}" in lines
    call("compare", run, copy)
    assert f"changed: bicubic+blend weights: none -> {'b' * 12}" in capsys.readouterr().out


def test_a_folder_that_is_no_run_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run\.json there"):
        call("compare", run, tmp_path)
    with pytest.raises(UsageError, match=r"no run\.json there"):
        call("reproduce", tmp_path / "run.json")


def test_a_run_made_again_has_the_same_scores(
    run: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = ("reproduce", run / "run.json", "--root", root, "--out", tmp_path / "again")
    assert call(*again) == 0
    assert "the same: 8 scores are equal" in capsys.readouterr().out
    with pytest.raises(UsageError, match="give another --out"):
        call("reproduce", run, "--root", root, "--out", run)


def test_scores_that_differ_are_counted_and_the_worst_is_named(
    copy: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alter(copy, "bicubic+blend", 0.25)
    alter(copy, "bilinear+repeat", 0.000_000_5)  # less than what scores are kept with
    (copy / "units" / "squares" / "right" / "bicubic+blend.json").unlink()
    again = ("reproduce", copy / "run.json", "--root", root, "--out", tmp_path / "again")
    assert call(*again) == 1
    printed = capsys.readouterr().out
    assert re.search(r"differs: bicubic\+blend: 1 of 2 scores differ, by 0\.25 at most", printed)
    assert "bicubic+blend: 2 scores are new" in printed and "bilinear+repeat" not in printed


def test_other_frames_are_told_before_the_work(
    copy: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = read_json(copy / "run.json") or {}
    facts["datasets"]["squares"]["manifest_sha256"] = "0" * 64
    write_json(copy / "run.json", facts)
    assert call("reproduce", copy, "--root", root, "--out", tmp_path / "again") == 0
    printed = capsys.readouterr()
    assert "squares: its frames in" in printed.err
    assert "changed: squares frames: 000000000000 -> " in printed.out


def test_weights_that_are_not_here_any_more_are_asked_for(copy: Path, root: Path) -> None:
    facts = read_json(copy / "run.json") or {}
    facts["weights"] = {"stvun": {"file": "STVUN.pth", "sha256": "0" * 64}}
    write_json(copy / "run.json", facts)
    with pytest.raises(UsageError, match=r"STVUN\.pth.*--weights stvun=FILE"):
        call("reproduce", copy, "--root", root)


def planned(
    root: Path, run: Path, protocol: Protocol | None = None, compiled: Compiled = ""
) -> Plan:
    return Plan(
        ["squares"],
        ["bicubic+blend"],
        protocol or with_options("zsm", degradation="BD", limit=2),
        RunOptions(root=root, out=run, metrics="psnr", device="cpu", compiled=compiled),
    )


def test_provenance_says_what_is_needed_to_run_again_and_no_folder(
    root: Path, tmp_path: Path
) -> None:
    (tmp_path / "w.pth").write_bytes(b"weights")
    plan, other = planned(root, tmp_path / "a"), planned(root, tmp_path / "b")
    for one in (plan, other):
        one.settings = replace(one.settings, weights={"stvun": tmp_path / "w.pth"}, untrained=True)
    facts = asdict(provenance.describe(plan))
    assert facts["command"] == (
        "stvt evaluate --datasets squares --methods bicubic+blend --protocol zsm --degradation BD "
        "--limit 2 --metrics psnr --device cpu --weights stvun=w.pth --untrained"
    )
    assert facts["weights"]["stvun"]["sha256"].startswith("9a129038d9")
    assert {"python", "torch", "numpy", "av", "stvt"} <= facts["versions"].keys()
    assert str(tmp_path) not in json.dumps(facts) and str(root) not in json.dumps(facts)
    assert asdict(provenance.describe(other)) == facts


def test_a_protocol_of_ones_own_is_evaluated_and_its_command_departs_from_the_papers(
    root: Path, tmp_path: Path
) -> None:
    mine = Protocol("mine", ends="replicate", limit=1)
    scores = stvt.evaluate("squares", "bicubic+blend", root=root, out=tmp_path / "a", protocol=mine)
    assert len(scores) and not scores.attrs["failures"]
    words = provenance.command(planned(root, tmp_path / "b", mine))
    assert "--protocol paper --ends replicate --limit 1 " in words
    assert mine.label() == "mine-replicate-limit1"


def test_compiled_networks_are_recorded_and_scored_by_themselves(
    root: Path, tmp_path: Path
) -> None:
    plain, compiled = planned(root, tmp_path), planned(root, tmp_path, compiled="parts")
    assert "--compile parts" in provenance.command(compiled)
    assert provenance.describe(compiled).settings.compiled == "parts"
    assert {unit.key for unit in plain.units}.isdisjoint(unit.key for unit in compiled.units)


def test_the_state_of_the_code_is_gits() -> None:
    state = provenance.git_state()
    top = Path(provenance.__file__).resolve().parents[2]
    if not (top / ".git").exists():
        assert state is None
        return
    command = ["git", "-C", str(top), "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert state is not None and state.commit == commit


def test_a_run_says_how_it_was_made_and_when_in_a_file_of_its_own(run: Path, root: Path) -> None:
    facts = read_json(run / "run.json") or {}
    assert facts["command"].startswith("stvt evaluate ") and facts["versions"]["python"]
    assert "began" not in json.dumps(facts)
    last = provenance.sessions(run)[-1]
    assert last["root"] == str(root) and last["began"] <= last["ended"]


def test_a_session_that_was_broken_off_has_no_end(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), provenance.session(tmp_path, root="data"):
        raise KeyboardInterrupt
    with provenance.session(tmp_path, root="data"):
        pass
    broken, whole = provenance.sessions(tmp_path)
    assert "ended" not in broken and "ended" in whole


def test_a_table_of_a_run_comes_by_name(run: Path) -> None:
    text = reports.run_table(*read_run(run), "markdown", by="1")
    assert "The paper's Table 1" in text and "limit is 1, there none" in text
    assert reports.run_table(*read_run(run), "csv", by="scene").count("\n") == 9


def test_code_that_a_run_names_runs_only_if_allowed(
    copy: Path, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = copy / "m.py"
    code.write_text(f"open({str(tmp_path / 'RAN')!r}, 'w')\n")
    facts = read_json(copy / "run.json") or {}
    facts["methods"]["bicubic+blend"]["spec"] = f"x=bicubic+{code}:M"
    write_json(copy / "run.json", facts)
    again = ("reproduce", copy, "--root", root, "--out", tmp_path / "again")
    with pytest.raises(UsageError, match=r"m\.py; read it, then give --allow-code"):
        call(*again)
    assert not (tmp_path / "RAN").exists()
    with pytest.raises(StvtError, match="defines no 'M'"):
        call(*again, "--allow-code")
    assert (tmp_path / "RAN").exists() and f"runs the code of {code}" in capsys.readouterr().err
