"""Runs whose files were cut, emptied or edited: every command ends well or in one line, never worse."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import stvt
from stvt import reports
from stvt.core.errors import StvtError
from stvt.evaluation import provenance
from stvt.evaluation import reproduce as again
from stvt.evaluation.figures import crop_figures
from stvt.evaluation.report import read_run, report

TABLES = ("dataset", "1", "2", "scene", "time", "runtime")
ODD: list[Any] = [
    None,
    True,
    -1,
    10**30,
    10**400,
    1e308,
    "",
    "x",
    "../../x",
    "a\x1b[31m\nb",
    [],
    {},
    [[]],
]
ODD += [{"x": None}, "1/0", "=1+1", "\ud800", "inf", float("nan"), "untrained", "x" * 5000]


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run with every kind of JSON that a run owns."""
    out = tmp_path_factory.mktemp("hostile") / "run"
    methods = "bicubic+blend,m=frames:" + str(root / "squares" / "GT")
    stvt.evaluate(
        "squares", methods, root=root, out=out, limit=1, runtime=True, runtime_size=(16, 16)
    )
    return out


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value in a JSON document."""
    yield path
    listed = enumerate(value) if isinstance(value, list) else ()
    for key, inner in value.items() if isinstance(value, dict) else listed:
        yield from places(inner, (*path, key))


def mutation(text: str, chance: random.Random) -> bytes:
    """A JSON text cut, with a byte changed, nested deeply, or with a value replaced or removed."""
    kind = chance.randrange(12)
    if kind == 0:
        return text.encode()[: chance.randrange(len(text))]
    if kind == 1:
        data = bytearray(text.encode())
        data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)
    if kind == 2:
        return b"[" * chance.choice([10, 100_000])
    document = json.loads(text)
    path = chance.choice(list(places(document)))
    if not path:
        return json.dumps(chance.choice(ODD)).encode()
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    if kind < 5:
        del holder[path[-1]]
    elif kind < 7 and isinstance(holder, dict):
        holder[str(chance.choice(ODD))] = holder.pop(path[-1])
    else:
        holder[path[-1]] = chance.choice(ODD)
    return json.dumps(document).encode()


def commands(run: Path, root: Path, every: bool) -> None:
    """What a user may do with a run, short of scoring it again; a few of it if not `every`."""
    few = (lambda: _tables(run, ["dataset"]), lambda: _reproduce(run, root))
    more = (lambda: _tables(run, TABLES), lambda: _compare(run), lambda: _crop(run))
    for step in (*few, *more, lambda: report(run)) if every else few:
        try:
            step()
        except (StvtError, OSError) as error:
            assert "\n" not in str(error).strip()


def _tables(run: Path, names: Sequence[str]) -> None:
    scores, info = read_run(run)
    for name in names:
        for format in ("terminal", "csv"):
            reports.run_table(scores, info, format, by=name)


def _compare(run: Path) -> None:
    one = read_run(run)
    comparison = reports.Comparison(one, one)
    comparison.table()
    provenance.changes(one[1], one[1])


def _reproduce(run: Path, root: Path) -> None:
    again.reproduce(run, root=root, out=run.parent / "again")


def _crop(run: Path) -> None:
    crop_figures(run, ["left:3:0,0,8"])


def campaign(
    run: Path, root: Path, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch, every: bool
) -> None:
    def evaluate(*arguments: Any, **options: Any) -> Any:
        return read_run(run)[0]

    monkeypatch.setattr("stvt.evaluation.run.evaluate", evaluate)
    monkeypatch.setattr(again, "read_info", lambda out: read_run(run)[1])
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    files = sorted(file.relative_to(run) for file in run.rglob("*.json"))
    assert {file.parts[0] for file in files} == {"run.json", "units", "runtime", "seconds"}
    chance = random.Random(0)
    for count in range(number):
        file = files[count % len(files)] if count % 2 else Path("run.json")
        data = mutation((run / file).read_text(), chance)
        (copy / file).write_bytes(data)
        try:
            commands(copy, root, every)
        except Exception as error:
            raise AssertionError(f"mutation {count} of {file}: {data[:3000]!r}") from error
        (copy / file).write_bytes((run / file).read_bytes())
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside <= {"copy", "again"}


def test_no_mutation_of_a_runs_files_is_a_traceback(
    run: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign(run, root, tmp_path, 200, monkeypatch, every=False)


@pytest.mark.slow
def test_no_mutation_of_eighty_is_a_traceback_in_any_command(
    run: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign(run, root, tmp_path, 80, monkeypatch, every=True)
