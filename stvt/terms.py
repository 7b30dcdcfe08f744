"""The terms of data sets: shown once, and remembered in `$STVT_HOME/datasets/terms.json`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from stvt.baselines import home
from stvt.core.errors import StvtError
from stvt.core.files import read_json, write_json
from stvt.core.progress import say
from stvt.core.records import from_dict


@dataclass(frozen=True)
class _Shown:
    sets: dict[str, dict[str, str]]


def show_once(name: str, terms: str) -> None:
    """Print the terms of a data set to stderr, unless these very ones were shown before."""
    file = home() / "datasets" / "terms.json"
    known: dict[str, dict[str, str]] = {}
    with suppress(StvtError):  # none yet, or damaged: then they are shown
        known = from_dict(_Shown, {"sets": read_json(file)}, str(file)).sets
    if known.get(name, {}).get("terms") == terms:
        return
    say(f"stvt prepare: {name}: {terms}")
    day = datetime.now(UTC).date().isoformat()
    with suppress(OSError):  # then they are shown again the next time
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, {**known, name: {"terms": terms, "shown": day}})
