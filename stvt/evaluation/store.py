"""The scores of a run on disk: one file a scene and method, written whole or not at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core import files
from stvt.core.errors import UsageError
from stvt.core.records import LARGEST, from_dict
from stvt.core.safe_names import file_name
from stvt.metrics import METRICS
from stvt.reports import COLUMNS, WHOLE_SCENE

if TYPE_CHECKING:
    from pandas import DataFrame

AGAIN = "delete it, and the same `stvt evaluate` writes it again"
MOST_FRAMES = 10**9
Records = Mapping[tuple[str, str, str], dict[str, Any]]  # by data set, scene and method
# Of a run's folder, in which files are written whole or not at all.
FOLDERS = ("", "units/*/*", "runtime", "seconds", "report", "report/videos")


def unit_file(run: Path, dataset: str, scene: str, method: str) -> Path:
    """Where the scores of one scene by one method are.

    >>> unit_file(Path("r"), "vid4", "city", "edvr+dain").as_posix()
    'r/units/vid4/city/edvr+dain.json'
    """
    return run / f"units/{dataset}/{scene}/{file_name(method)}.json"


def runtime_file(run: Path, method: str) -> Path:
    """Where the runtime, memory and operations of one method are."""
    return run / "runtime" / f"{file_name(method)}.json"


def picture_file(run: Path, dataset: str, scene: str, method: str) -> Path:
    """Where a method's output is that the report shows for the scene."""
    return run / "pictures" / dataset / scene / "methods" / f"{file_name(method)}.png"


@dataclass(frozen=True)
class UnitRecord:
    """The stored record of a unit: its scores, or why it has none.

    scores: frame, time, metric, channel and value ("inf" where it is not finite) of each; of a whole
            scene the frame is `WHOLE_SCENE`.
    superseded: whether the run is of other data, weights or code by now.
    metrics: the definitions of those of the scores. failed_metrics: others, and why.
    """

    key: str
    dataset: str
    scene: str
    method: str
    signature: str
    weights: str = ""
    fps: str | None = None
    metrics: dict[str, str] = field(default_factory=dict)
    failed_metrics: dict[str, str] = field(default_factory=dict)
    scores: list[Any] | None = None
    warnings: list[str] = field(default_factory=list)
    failure: str | None = None
    superseded: bool = False


def read_json(file: Path) -> dict[str, Any] | None:
    """The object of a JSON file of a run; None if there is no such file.

    Raises UsageError, one line that says what to do, if it is damaged.
    """
    try:
        value = files.read_json(file, UsageError)
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise UsageError(f"{error}; {AGAIN}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{file}: is damaged: it holds no object; {AGAIN}")
    return value


def read_unit(run: Path, dataset: str, scene: str, method: str) -> dict[str, Any]:
    """The record of a unit; one with a failure where there is none yet or it is damaged."""
    file = unit_file(run, dataset, scene, method)
    try:
        record = read_json(file)
        if record is not None:
            unit = from_dict(UnitRecord, record, str(file), UsageError)
            if (unit.dataset, unit.scene, unit.method) != (dataset, scene, method):
                raise UsageError(f"{file}: is of another scene or method")
            _check(unit, file)
            return record
        failure = "not run yet"
    except UsageError as error:
        failure = f"{str(error).removesuffix(AGAIN).rstrip('; ')}; {AGAIN}"
    return {"dataset": dataset, "scene": scene, "method": method, "failure": failure}


def _check(record: UnitRecord, file: Path) -> None:
    if record.scores is None and record.failure is None:
        raise UsageError(f"{file}: has neither scores nor the reason why there are none")
    try:
        if record.fps is not None and not 0 < float(Fraction(record.fps)) < math.inf:
            raise ValueError("no rate")
    except (ValueError, ArithmeticError):
        raise UsageError(f"{file}: fps: is {record.fps[:20]!r}, no frame rate") from None  # type: ignore[index]
    for place, row in enumerate(record.scores or ()):
        match row:  # by hand: `from_dict` would take longer than all else where nothing is to do
            case [
                int(frame),
                int() | float() as time,
                str(),
                str(),
                int() | float() | "inf" | "-inf" | "nan" as value,
            ]:
                large = any(type(one) is int and abs(one) > LARGEST for one in (time, value))
                if WHOLE_SCENE <= frame < MOST_FRAMES and not large:
                    continue
        raise UsageError(f"{file}: scores[{place}]: is {str(row)[:60]}, no score of a frame")


def remove_leftovers(run: Path) -> None:
    """Removes the half-written files of a run that was killed, and no others."""
    for place in FOLDERS:
        for folder in run.glob(place) if place else (run,):
            files.remove_temporaries(folder)


def with_earlier(
    earlier: dict[str, Any],
    scores: list[list[Any]],
    defined: dict[str, str],
    failed: dict[str, str],
) -> dict[str, Any]:
    """Scores and the definitions of their metrics, with those of an earlier record by others.

    failed: metrics -> why they have no scores, not of single frames either.
    """
    kept = {name: said for name, said in earlier.get("metrics", {}).items() if name not in defined}
    rows = [row for row in scores if row[2] not in failed]
    rows += [row for row in earlier.get("scores") or () if row[2] in kept]
    order = {name: place for place, name in enumerate(METRICS)}
    return {
        "metrics": kept | {name: said for name, said in defined.items() if name not in failed},
        "failed_metrics": dict(sorted(failed.items())),
        "scores": sorted(rows, key=lambda row: (row[0], order.get(row[2], len(order)), row[2])),
    }


def scores_table(records: Iterable[dict[str, Any]], metrics: Sequence[str] = ()) -> DataFrame:
    """One row a frame and metric, in the order of the records (`COLUMNS`); of these metrics alone."""
    from pandas import DataFrame

    rows = [
        (
            record["dataset"],
            record["scene"],
            record["method"],
            frame,
            math.nan if frame == WHOLE_SCENE else t,
            "scene" if frame == WHOLE_SCENE else "new" if t else "existing",
            metric,
            channel,
            float(value),
            record.get("weights", ""),
            record["signature"],
        )
        for record in records
        for frame, t, metric, channel, value in record.get("scores") or ()
        if not metrics or metric in metrics
    ]
    return DataFrame(rows, columns=list(COLUMNS))
