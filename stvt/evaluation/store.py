"""The scores of a run on disk: one file a scene and method, written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.safe_names import file_name
from stvt.reports import COLUMNS

if TYPE_CHECKING:
    from pandas import DataFrame


# Temporary files of `write_whole`, by a name that nobody else gives.
TEMPORARY = re.compile(r"\..+\.json\.stvt-\d+-[0-9a-f]{8}\.tmp")
WRITTEN_IN = ("", "units/*/*", "runtime", "seconds")  # of a run's folder, by `write_whole`


def unit_file(run: Path, dataset: str, scene: str, method: str) -> Path:
    """Where the scores of one scene by one method are.

    >>> unit_file(Path("r"), "vid4", "city", "edvr+dain").as_posix()
    'r/units/vid4/city/edvr+dain.json'
    """
    return run / "units" / dataset / scene / f"{file_name(method)}.json"


def runtime_file(run: Path, method: str) -> Path:
    """Where the runtime, memory and operations of one method are."""
    return run / "runtime" / f"{file_name(method)}.json"


def picture_file(run: Path, dataset: str, scene: str, method: str) -> Path:
    """Where a method's output is that the report shows for the scene."""
    return run / "pictures" / dataset / scene / "methods" / f"{file_name(method)}.png"


def write_whole(file: Path, text: str) -> None:
    """`file` has all of `text`, also on disk, or is as it was before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.stvt-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(run: Path) -> None:
    """Removes the half-written files of a run that was killed, and no others."""
    for place in WRITTEN_IN:
        for file in run.glob(f"{place}/.*.tmp".lstrip("/")):
            if TEMPORARY.fullmatch(file.name) and file.is_file() and not file.is_symlink():
                file.unlink(missing_ok=True)


def write_json(file: Path, value: object) -> None:
    """`value` as JSON that is the same for the same value, written whole."""
    write_whole(file, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(file: Path) -> dict[str, Any] | None:
    """What `write_json` wrote; None if there is no such file or it is no JSON object."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def scores_table(records: Iterable[dict[str, Any]]) -> DataFrame:
    """One row a frame and metric, in the order of the records (`COLUMNS`)."""
    from pandas import DataFrame

    rows = [
        (
            record["dataset"],
            record["scene"],
            record["method"],
            frame,
            t,
            "new" if t else "existing",
            metric,
            channel,
            float(value),
            record["weights"],
            record["signature"],
        )
        for record in records
        for frame, t, metric, channel, value in record.get("scores", [])
    ]
    return DataFrame(rows, columns=list(COLUMNS))
