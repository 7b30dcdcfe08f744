"""`stvt.toml`: defaults of a project for the command line, which goes before them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stvt.core.errors import UsageError
from stvt.core.files import reading
from stvt.core.records import from_dict
from stvt.core.suggestions import did_you_mean

NAME = "stvt.toml"


@dataclass(frozen=True)
class Project:
    """The settings of a project file; paths are relative to its folder.

    root:    of prepared sets. out: where runs go that have no --out, in place of `runs`.
    device:  as of --device. weights: network -> file.
    """

    root: str | None = None
    out: str | None = None
    device: str | None = None
    weights: dict[str, str] = field(default_factory=dict)


def project_file() -> Path | None:
    """The project file of the working folder, or of the nearest folder above that has one."""
    here = Path.cwd()
    return next(
        (file for folder in (here, *here.parents) if (file := folder / NAME).is_file()), None
    )


def defaults(file: Path) -> Iterator[tuple[str, Any]]:
    """The settings of a file, as options of the command line have them.

    Raises UsageError, one line, for a key that there is not and for what is no TOML.
    """
    import tomllib

    with reading(file, UsageError):
        given = tomllib.loads(file.read_text(encoding="utf-8"))
    known = [one.name for one in fields(Project)]
    for key in given:
        if key not in known:
            raise UsageError(
                f"{file}: {key} is no setting{did_you_mean(key, known)}; there are {', '.join(known)}"
            )
    project = from_dict(Project, given, str(file), UsageError)

    def path(text: str) -> Path:
        return file.parent / os.path.expanduser(text)

    if project.root is not None:
        yield "root", path(project.root)
    if project.out is not None:
        yield "runs", path(project.out)
    if project.device is not None:
        yield "device", project.device
    if project.weights:
        yield "project_weights", {name: path(text) for name, text in project.weights.items()}


def describe(settings: Mapping[str, Any]) -> str:
    """What `defaults` gives, in the words of the file.

    >>> describe({"runs": Path("/r"), "project_weights": {"stvun": Path("/w.pth")}})
    'out /r, weights stvun=/w.pth'
    """
    words = {"runs": "out", "project_weights": "weights"}
    given = []
    for name, value in settings.items():
        if isinstance(value, dict):
            value = ",".join(f"{network}={file}" for network, file in value.items())
        given.append(f"{words.get(name, name)} {value}")
    return ", ".join(given) or "nothing"
