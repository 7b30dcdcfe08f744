"""What is remembered of files of weights: their hashes, what they compute, terms agreed to.

`home()/weights/records/FILE.json` belongs to `home()/weights/FILE` and outlives it, so that the
same file comes again. `home()/weights/terms.json` says whose terms were accepted.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import MethodError


@dataclass(frozen=True)
class Record:
    """Of one file.

    source:      where it came from, an address or a path.
    fingerprint: of what it computes (see `verifying`), once that is known.
    """

    network: str
    sha256: str
    size: int
    source: str
    fingerprint: tuple[float, ...] = ()


def home() -> Path:
    """The folder of what is kept between runs: $STVT_HOME, else ~/.cache/stvt."""
    return Path(os.environ.get("STVT_HOME") or "~/.cache/stvt").expanduser()


def folder() -> Path:
    """Where weights are kept and looked for."""
    return home() / "weights"


def is_kept(file: Path) -> bool:
    """Whether a file is in `folder()`, however its path is written."""
    return file.parent.resolve() == folder().resolve()


def recorded(file: Path) -> Record | None:
    """What is remembered of a file of `folder()`; None of any other."""
    if not is_kept(file):
        return None
    content = _read(_place(file))
    if not content:
        return None
    try:
        numbers = tuple(float(number) for number in content.get("fingerprint", ()))
        return Record(**(content | {"fingerprint": numbers}))
    except (TypeError, ValueError) as error:
        raise MethodError(f"{_place(file)} is no record of a file; delete it") from error


def record(file: Path, what: Record) -> None:
    """Remember it of a file of `folder()`, in the place of what was remembered."""
    _write(_place(file), asdict(what))


def forget(file: Path) -> None:
    """Remember nothing of a file of `folder()`."""
    if is_kept(file):
        _place(file).unlink(missing_ok=True)


def terms_accepted(name: str, terms: str) -> bool:
    """Whether these very terms of a checkpoint were accepted."""
    return bool(_read(folder() / "terms.json").get(name, {}).get("terms") == terms)


def accept_terms(name: str, terms: str, day: str) -> None:
    """Remember that the terms of a checkpoint were accepted on a day."""
    file = folder() / "terms.json"
    _write(file, _read(file) | {name: {"terms": terms, "accepted": day}})


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _place(file: Path) -> Path:
    return folder() / "records" / f"{file.name}.json"


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise MethodError(f"{file} is damaged; delete it") from error
    return content if isinstance(content, dict) else {}


def _write(file: Path, content: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
