"""`stvt evaluate --metrics mine=FILE.py:function`: real runs, as a user makes them."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stvt.cli.main import main
from stvt.datasets.frames import read_frame

FILE = """
import numpy as np
import neighbour

def error(restored, truth):
    '''The mean absolute difference.'''
    restored[:] = restored.astype(float) * neighbour.ONE  # its own copy
    return np.abs(restored.astype(float) - truth).mean()

error.higher_is_better = False
error.unit = "levels"

def picky(restored, truth):
    return 1.0

"""
# Each fails, and says so.
FAILING = {
    "nan": ("return float('nan')", "nan returned nan"),
    "word": ("return 'good'", "word returned str, not one number"),
    "huge": ("return 1e300", "huge returned a number beyond 1e+100"),
    "longer": ("return 10**400", "longer returned an integer beyond all floats"),
    "raises": ("raise ValueError('never')", "ValueError: never"),
    "leaves": ("import sys; sys.exit(3)", "it ends the process"),
}
METHODS = "bicubic+blend,bilinear+repeat"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("ONE = 1.0")
    (tmp_path / "own.py").write_text(FILE)
    return tmp_path / "own.py"


def evaluate(root: Path, out: Path, metrics: str, *options: str) -> int:
    words = ["evaluate", "--datasets", "squares", "--root", str(root), "--out", str(out)]
    words += ["--methods", METHODS, "--metrics", metrics, "--runtime-size", "64x32"]
    return main([*words, *options])


def rows(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "report" / "scores.csv", keep_default_na=False)


def test_a_metric_of_ones_own_reaches_scores_ranks_tables_and_compare(
    root: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    metrics = f"psnr,mine={file}:error"
    assert evaluate(root, run, metrics, "--save-frames", "--workers", "2") == 0
    assert "mine (levels)" in capsys.readouterr().out
    scores = rows(run)
    mine = scores[scores.metric == "mine"]
    assert len(mine) == len(scores) / 2 > 0
    for scene, method, frame, value in zip(
        mine.scene, mine.method, mine.frame, mine.value, strict=True
    ):
        name = f"{int(frame):08d}.png"
        made = read_frame(run / "frames" / method / "squares" / scene / name).astype(float)
        truth = read_frame(root / "squares" / "GT" / scene / name)
        assert value == pytest.approx(np.abs(made - truth).mean(), abs=1e-5)

    info = json.loads((run / "run.json").read_text())
    said = info["measures"]["mine"]
    assert (said["higher_is_better"], said["unit"]) == (False, "levels")
    assert f"mine={file}:error" in info["command"]

    def table(format: str) -> str:
        assert main(["report", str(run), "--table", "dataset", "--format", format]) == 0
        return capsys.readouterr().out

    means = mine.groupby(["method", "scene"]).value.mean().groupby("method").mean()
    (tmp_path / "table.csv").write_text(table("csv"))
    cells = pd.read_csv(tmp_path / "table.csv", keep_default_na=False)
    cells = cells[cells.metric == "mine"].set_index("method")
    assert dict(cells["rank"].astype(int)) == {means.idxmin(): 1, means.idxmax(): 2}
    assert set(cells.unit) == {"levels"} and set(cells.better) == {"low"}
    best = re.escape(f"{means.min():.4f}")
    assert re.search(rf"\\textbf\{{[\d.]+/{best}\}}", table("latex"))

    # As good as new where its file is the same; another where it is not.
    assert evaluate(root, again, metrics) == 0
    assert main(["compare", str(run), str(again)]) == 0
    before = {unit: unit.stat().st_mtime_ns for unit in (run / "units").rglob("*.json")}
    assert evaluate(root, run, metrics, "--save-frames") == 0
    assert before == {unit: unit.stat().st_mtime_ns for unit in (run / "units").rglob("*.json")}
    (file.parent / "neighbour.py").write_text("ONE = 0.5")
    assert evaluate(root, again, metrics) == 0
    changed, kept = rows(again), scores[scores.metric == "psnr"].value
    assert list(changed[changed.metric == "psnr"].value) == list(kept)
    assert list(changed[changed.metric == "mine"].value) != list(mine.value)
    capsys.readouterr()
    assert main(["compare", str(run), str(again)]) == 2
    assert "mine: the two runs have two metrics of that name" in capsys.readouterr().err


def test_a_metric_that_fails_costs_only_its_own_scores(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, run = tmp_path / "own.py", tmp_path / "run"
    bodies = [f"def {name}(restored, truth):\n    {body}\n" for name, (body, _) in FAILING.items()]
    file.write_text("".join(bodies))
    metrics = ",".join(["psnr", *(f"{file}:{name}" for name in FAILING)])
    assert evaluate(root, run, metrics) == 2
    printed = capsys.readouterr().err
    for name, (_, says) in FAILING.items():
        lines = [line for line in printed.splitlines() if f"{name}: frame " in line]
        assert len(lines) == 4 and all(says in line for line in lines)
    assert "Traceback" not in printed
    scores = rows(run)
    assert set(scores.metric) == {"psnr"} and set(scores.scene) == {"left", "right"}
    file.write_text("".join(f"def {name}(restored, truth):\n    return 1.0\n" for name in FAILING))
    assert evaluate(root, run, metrics) == 0
    assert set(rows(run).metric) == {"psnr", *FAILING}


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ("{file}:missing", "defines no 'missing'"),
        ("{file}:neighbour", "no function"),
        ("{folder}/nowhere.py:error", "there is no such file"),
        ("psnr={file}:error", "psnr is a metric of stvt; give yours another name"),
        ("a={file}:error,a={file}:picky", "two metrics are called a"),
        ("a b={file}:error", "is no name"),
        ("psnrr", "did you mean"),
    ],
)
def test_a_mistake_is_one_line_before_any_work(
    metrics: str,
    says: str,
    root: Path,
    file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    assert evaluate(root, run, metrics.format(file=file, folder=tmp_path)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line and not run.exists()
