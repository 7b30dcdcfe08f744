"""From what is typed, as in `bicubic+blend,mine=frames:/x`, to methods that run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from . import custom as own
from .cascade import Cascade
from .errors import MethodError
from .method import Method, Settings
from .precomputed import Elsewhere
from .registry import ALIASES, METHODS

LABEL = re.compile(r"(?P<label>[^=:/\\+,]+)=(?P<what>.+)", re.DOTALL)
FILE = re.compile(r"(?P<file>.+\.py):(?P<name>\w+)", re.DOTALL)
FRAMES = "frames:"


def parse_methods(text: str | Sequence[str]) -> list[str]:
    """The methods of a list with commas, or of several such lists, each once, in order.

    >>> parse_methods("bicubic+blend, v2f,bicubic+blend")
    ['bicubic+blend', 'v2f']

    Raises MethodError for an empty entry and for one name with two meanings.
    """
    whole = text if isinstance(text, str) else ",".join(text)
    specs = list(dict.fromkeys(spec.strip() for spec in whole.split(",")))
    if "" in specs:
        raise MethodError(f"--methods {whole!r}: a name is missing beside a comma")
    meanings: dict[str, str] = {}
    for spec in specs:
        label, _ = split_label(spec)
        if label in meanings:
            raise MethodError(
                f"--methods: {label!r} is the name of both {meanings[label]!r} and {spec!r}; "
                "give one of them another name, as in other=..."
            )
        meanings[label] = spec
    return specs


def split_label(spec: str) -> tuple[str, str]:
    """The name that tables print, and what is to be built.

    >>> split_label("mine=frames:/x"), split_label("a+b")
    (('mine', 'frames:/x'), ('a+b', 'a+b'))
    """
    match = LABEL.fullmatch(spec)
    return (match["label"].strip(), match["what"].strip()) if match else (spec, spec)


def networks_of(specs: Iterable[str]) -> list[str]:
    """The networks of some methods that have weights, by the names that `--weights` takes.

    >>> networks_of(["bicubic+blend", "mine=v2f"])
    ['edvr', 'dain']
    """
    names = [
        name
        for _, what in map(split_label, specs)
        for name in parts(ALIASES.get(what, what))
        if name in METHODS and METHODS[name].needs_weights
    ]
    return names + ["fisr_pwcnet"] * ("fisr" in names)


def resolved(spec: str) -> str:
    """The same with the paths of folders and files whole, for a process that works elsewhere.

    >>> resolved("mine=frames:/x/../y"), resolved("bicubic+blend")
    ('mine=frames:/y', 'bicubic+blend')
    """
    label, what = split_label(spec)
    if what.startswith(FRAMES) and label != what:
        return f"{label}={FRAMES}{Path(what.removeprefix(FRAMES)).expanduser().resolve()}"
    names = []
    for name in parts(what):
        file = FILE.fullmatch(name)
        path = Path(file["file"]).expanduser().resolve() if file else None
        names.append(f"{path}:{file['name']}" if file and path else name)
    whole = "+".join(names)
    return whole if label == what else f"{label}={whole}"


def build(spec: str, settings: Settings, *, larger: bool = False, new: bool = False) -> Method:
    """The method that `spec` describes: what `docs/methods.md` says can be written.

    larger, new: whether it must enlarge, and whether it must make new frames.

    Raises MethodError, in one line, for whatever cannot be built.
    """
    label, what = split_label(spec)
    if what.startswith(FRAMES) and label != what:
        return Elsewhere(label, Path(what.removeprefix(FRAMES)).expanduser(), settings.scale)
    names = parts(ALIASES.get(what, what))
    settings = replace(settings, alone=len(names) == 1)
    stages = [one(name, settings) for name in checked(label, names)]
    method = (
        stages[0] if len(stages) == 1 else Cascade(stages[0], stages[1], settings.handoff_dtype)
    )
    method.name = label
    if settings.compiled:
        from .acceleration.compilation import compile_networks

        compile_networks(method, settings.compiled, settings.device)
    if larger and method.scale == 1:
        raise MethodError(f"{label} makes no larger frames; write bicubic+{what} or another before")
    if larger and method.scale != settings.scale:
        raise MethodError(f"{label} enlarges by {method.scale}, not by {settings.scale}")
    if new and len(names) == 1 and names[0] in METHODS and METHODS[names[0]].kind == "spatial":
        raise MethodError(f"{label} makes no new frames; write {what}+blend or another after it")
    return method


def parts(what: str) -> list[str]:
    """The methods of a composition; a + in the name of a file is none.

    >>> parts("bicubic+a+b.py:Mine")
    ['bicubic', 'a', 'b.py:Mine']
    """
    file = FILE.fullmatch(what)
    if file and Path(file["file"]).expanduser().is_file():
        return [what]
    return [name.strip() for name in what.split("+")]


def checked(label: str, names: Sequence[str]) -> Sequence[str]:
    """The methods of a composition, if they can be composed at all."""
    if len(names) > 2:
        raise MethodError(f"{label}: a composition is of two methods, one spatial, one temporal")
    for name in names:
        if len(names) > 1 and name in METHODS and METHODS[name].kind == "space-time":
            raise MethodError(f"{label}: {name} does both in one; write it alone")
    return names


def one(name: str, settings: Settings) -> Method:
    """A method by its name, here or installed, or by its file and class."""
    if name in METHODS:
        entry = METHODS[name]
        if entry.kind != "temporal" and settings.scale not in entry.scales:
            scales = " or ".join(map(str, entry.scales))
            raise MethodError(f"{name} enlarges by {scales} only, not by {settings.scale}")
        return entry.build(settings)
    if file := FILE.fullmatch(name):
        return own.from_file(Path(file["file"]).expanduser(), file["name"], settings)
    installed = own.installed()
    if name in installed:
        return own.from_entry_point(installed[name], settings)
    raise MethodError(unknown(name, [*METHODS, *ALIASES, *installed]))


def unknown(name: str, names: Sequence[str]) -> str:
    if name in ALIASES:
        return f"{name} stands for {ALIASES[name]} and composes with nothing"
    if name.startswith(FRAMES):
        return f"{name!r} needs a name before it, as in mine={name}"
    close = get_close_matches(name, names, n=3)
    advice = f"did you mean {' or '.join(close)}?" if close else "`stvt list methods` names all"
    return f"no method is called {name!r}; {advice}"
