"""A metric that an installed package offers, and one of a file, from Python."""

import math
import pickle
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stvt.metrics import MetricError, find_metric, registry

BLACK = np.zeros((8, 8, 3), np.uint8)


def load(name: str) -> Any:
    raise AssertionError(name)


def test_a_package_offers_a_metric_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("farthest", "numpy:array_equal", "stvt.metrics")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    metric = find_metric("farthest")
    assert (metric.name, metric.unit, metric.higher_is_better) == ("farthest", "", True)
    assert pickle.loads(pickle.dumps(metric)) == metric  # workers are processes
    measure = metric.open("cpu", load)
    assert (measure(BLACK, BLACK, "rgb", 0), measure(BLACK, BLACK + 1, "rgb", 0)) == (1, 0)
    broken = EntryPoint("broken", "no_such_module_there:f", "stvt.metrics")
    monkeypatch.setattr(registry, "entry_points", lambda group: [broken])
    with pytest.raises(MetricError, match="broken .*no_such_module_there"):
        find_metric("broken")


def test_infinity_is_for_equal_frames_where_higher_is_better(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "def up(a, b):\n    return float('inf')\n"
        "def down(a, b):\n    return float('inf')\n"
        "down.higher_is_better = False\n"
        "def odd(a, b):\n    return 0\n"
        "odd.higher_is_better = 'no'\n"
        "def size(a, b):\n    return a.shape[0]\n"
        "size.fingerprint = ['weights']\n"
    )
    up, down = (find_metric(f"{tmp_path / 'own.py'}:{n}").open("cpu", load) for n in ("up", "down"))
    assert up(BLACK, BLACK, "rgb", 0) == math.inf
    for measure, frame in ((up, BLACK + 1), (down, BLACK)):
        with pytest.raises(MetricError, match="returned inf; a finite number"):
            measure(frame, BLACK, "rgb", 0)
    with pytest.raises(MetricError, match="higher_is_better is 'no'"):
        find_metric(f"{tmp_path / 'own.py'}:odd")
    size = find_metric(f"{tmp_path / 'own.py'}:size")
    assert size.open("cpu", load)(BLACK, BLACK, "rgb", 2) == 4
    (tmp_path / "weights").write_text("others")
    assert find_metric(f"{tmp_path / 'own.py'}:size").definition != size.definition


@pytest.mark.parametrize(
    "value", ["torch.zeros(2)", "torch.tensor(1j)", "np.complex64(2)", "np.zeros(2)", "'1'"]
)
def test_what_is_no_single_number_costs_the_metric_its_own_scores(
    tmp_path: Path, value: str
) -> None:
    file = tmp_path / "own.py"
    file.write_text(f"import numpy as np, torch\ndef own(a, b):\n    return {value}\n")
    with pytest.raises(MetricError, match="own returned .*, not one number"):
        find_metric(f"{file}:own").open("cpu", load)(BLACK, BLACK, "rgb", 0)


def test_an_equals_sign_in_a_folders_name_names_no_metric(tmp_path: Path) -> None:
    file = tmp_path / "x=1" / "own.py"
    file.parent.mkdir()
    file.write_text("def same(a, b):\n    return float((a == b).all())\n")
    assert find_metric(f"{file}:same").name == "same"
    assert find_metric(f"mine={file}:same").name == "mine"


def test_a_package_that_changed_anywhere_is_another_metric(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "metric_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import same\n")
    (package / "inner.py").write_text("def same(a, b):\n    return factor(a)\n")
    (package / "parts.py").write_text("factor = 1")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("same", "metric_package:same", "stvt.metrics")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    before = find_metric("same").definition
    (package / "parts.py").write_text("factor = 2")
    assert find_metric("same").definition != before
