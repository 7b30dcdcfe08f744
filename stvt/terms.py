"""The terms of data sets: shown once, and remembered in `$STVT_HOME/datasets/terms.json`."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stvt.baselines.records import home


def show_once(name: str, terms: str) -> None:
    """Print the terms of a data set to stderr, unless these very ones were shown before."""
    file = home() / "datasets" / "terms.json"
    known = _read(file)
    if known.get(name, {}).get("terms") == terms:
        return
    print(f"stvt prepare: {name}: {terms}", file=sys.stderr)
    day = datetime.now(UTC).date().isoformat()
    with suppress(OSError):  # then they are shown again the next time
        _write(file, {**known, name: {"terms": terms, "shown": day}})


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
