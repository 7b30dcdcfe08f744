"""What a run's JSON files say: read whole into `RunInfo`, or refused in a line that names the field."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stvt import datasets
from stvt.core.errors import UsageError
from stvt.core.files import write_json
from stvt.evaluation import store
from stvt.evaluation.report import read_info, read_run
from stvt.evaluation.run import evaluate
from stvt.metrics import METRICS
from stvt.reports import ReportError, RunInfo
from tests.builders.reports import run_info

WHOLE = {
    "signature": "scale:4",
    "protocol": {"name": "paper"},
    "datasets": {"d": {"scenes": ["s"]}},
    "methods": {"a": {"spec": "bicubic+blend", "weights": "", "parameters": 0}},
    "shown": {"d": {"s": 2}},
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"datasets": {"d": {"scenes": [1]}}}, r"datasets\.d\.scenes\[0\]: is 1, expected str"),
        ({"datasets": {"d": {}}}, r"datasets\.d\.scenes: is missing"),
        ({"methods": {"a": None}}, r"methods\.a: is None, expected an object"),
        ({"methods": {"a": {"parameters": "many"}}}, r"methods\.a\.parameters: is 'many'"),
        ({"signature": 4}, "signature: is 4, expected str"),
        ({"shown": {"d": {"s": "two"}}}, r"shown\.d\.s: is 'two', expected int"),
    ],
)
def test_a_bad_field_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ReportError, match=rf"^run\.json: {words}"):
        RunInfo.read(WHOLE | changes, "run.json")


@pytest.mark.parametrize("text", ["", '{"signature": "scale', "[]", "null", '{"signature": ""}'])
def test_an_empty_or_cut_run_json_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UsageError, match=r"run\.json: ") as refused:
        read_run(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_folder_without_run_json_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no run\.json there.*give its --out"):
        read_run(tmp_path)


def test_a_bad_field_of_a_methods_cost_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(WHOLE))
    write_json(store.runtime_file(tmp_path, "a"), {"runtime": {"median": "fast"}})
    with pytest.raises(UsageError, match=r"runtime/a\.json: runtime\.median: is 'fast'"):
        read_run(tmp_path)
    write_json(store.runtime_file(tmp_path, "a"), {"counted_at": [16]})
    with pytest.raises(UsageError, match=r"runtime/a\.json: counted_at: is \[16\]"):
        read_run(tmp_path)


def test_nothing_that_a_run_stores_of_itself_is_lost(
    tmp_path: Path,
    moving_square: Callable[..., list[NDArray[np.uint8]]],
    write_clip: Callable[..., Path],
) -> None:
    write_clip(tmp_path / "source" / "s", moving_square(5, 32, 32))
    datasets.prepare("mine", tmp_path, tmp_path / "source")
    run = tmp_path / "run"
    evaluate("mine", "bicubic+blend", root=tmp_path, out=run, runtime=True, runtime_size=(32, 32))
    stored = json.loads((run / "run.json").read_bytes())
    assert _less(stored, asdict(read_info(run))) == []
    _, info = read_run(run)
    cost = json.loads(store.runtime_file(run, "bicubic+blend").read_bytes())
    del cost["key"]  # of the store: whether it must be measured again
    about = json.loads(json.dumps(asdict(info.methods["bicubic+blend"])))  # tuples as JSON has them
    assert _less(cost, about) == []


def _less(whole: Any, part: Any, place: str = "") -> list[str]:
    """The places at which `part` lacks, or has otherwise, what `whole` holds."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return [at for key in whole for at in _less(whole[key], part.get(key), f"{place}.{key}")]
    return [] if whole == part else [place]


def test_methods_that_only_scores_know_have_an_empty_description() -> None:
    info = run_info(methods={"a": {"weights": "abc+untrained"}})
    assert info.method("b").parameters is None and not info.method("b").untrained
    assert info.method("a").untrained


@pytest.mark.parametrize("metric", METRICS)
def test_scores_of_ones_own_have_the_direction_of_each_metric(metric: str) -> None:
    assert run_info().metric(metric).higher_is_better == METRICS[metric].higher_is_better
