"""Method expressions, as in `bicubic+blend,mine=frames:/x`: parsed and checked, without torch."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from stvt.core.formatting import plain

from . import registry
from .errors import MethodError
from .registry import ALIASES, METHODS

if TYPE_CHECKING:
    from .method import Settings

LABEL = re.compile(r"(?P<label>[^=:/\\+,]+)=(?P<what>.+)", re.DOTALL)
FILE = re.compile(r"(?P<file>.+\.py):(?P<name>\w+)", re.DOTALL)
FRAMES = "frames:"


def parse_methods(text: str | Sequence[str]) -> list[str]:
    """The methods of a list with commas, or of several such lists, each once, in order.

    An expression with a comma in it stands between double quotes, a quote in it twice. What is
    stated of precomputed frames belongs to them.

    >>> parse_methods('bicubic+blend, v2f,"a=frames:/x,y",b=frames:/z,params=3M,bicubic+blend')
    ['bicubic+blend', 'v2f', 'a=frames:/x,y', 'b=frames:/z,params=3M']

    Raises MethodError for an empty entry and for one name with two meanings.
    """
    lines = [text] if isinstance(text, str) else list(text)
    specs: list[str] = []
    try:
        entries = [e.strip() for line in csv.reader(lines, skipinitialspace=True) for e in line]
    except csv.Error as error:  # a line break, or a name without end
        raise MethodError(f"--methods {plain(','.join(lines), 60)!r}: {error}") from error
    for entry in entries:
        if specs and is_stated(entry) and FRAMES in specs[-1]:
            specs[-1] += f",{entry}"
        else:
            specs.append(entry)
    specs = list(dict.fromkeys(specs))
    if not specs or "" in specs:
        raise MethodError(f"--methods {','.join(lines)!r}: a name is missing beside a comma")
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


def join_methods(specs: Iterable[str]) -> str:
    """The list with commas that `parse_methods` reads as these methods."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(specs)
    return line.getvalue()


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
    return [
        network
        for _, what in map(split_label, specs)
        for name in components(ALIASES.get(what, what))
        if name in METHODS
        for network in METHODS[name].networks
    ]


def with_absolute_paths(spec: str) -> str:
    """A method expression with absolute paths, for a process with another working directory.

    >>> with_absolute_paths("mine=frames:/x/../y"), with_absolute_paths("bicubic+blend")
    ('mine=frames:/y', 'bicubic+blend')
    """
    label, what = split_label(spec)
    if what.startswith(FRAMES) and label != what:
        folder, stated = split_stated(what.removeprefix(FRAMES))
        return f"{label}={FRAMES}{Path(os.path.expanduser(folder)).resolve()}{stated}"
    names = []
    for name in components(what):
        file = FILE.fullmatch(name)
        path = Path(os.path.expanduser(file["file"])).resolve() if file else None
        names.append(f"{path}:{file['name']}" if file and path else name)
    whole = "+".join(names)
    return whole if label == what else f"{label}={whole}"


def check_weights(specs: Iterable[str], settings: Settings) -> None:
    """Raises MethodError if weights are given for a network that none of some built methods runs.

    A user's own method runs those that it has read from `settings.weights` when it was built.
    """
    names = networks_of(specs)
    used = {*names, *getattr(settings.weights, "used", ())}
    for name in settings.weights:
        if name not in used:
            close = get_close_matches(name, sorted(used), n=1)
            advice = f"did you mean {close[0]}? " if close else ""
            raise MethodError(
                f"--weights {name}=...: no method of this run has a network of that name; {advice}"
                f"theirs are {', '.join(sorted(used)) or 'none'}"
            )


def has_weights(expression: str, settings: Settings) -> bool:
    """Whether the weights of all networks of a method are here."""
    from .weights.store import find_weights

    try:
        for network in () if settings.untrained else networks_of([expression]):
            find_weights(network, settings)
    except MethodError:
        return False
    return True


def network_of(spec: str) -> str:
    """The one network of a method that a single file of weights is for: its own, or the only one."""
    _, what = split_label(spec)
    names = list(dict.fromkeys(networks_of([spec])))
    if what in names or len(names) == 1:
        return what if what in names else names[0]
    raise MethodError(
        f"{spec}: one file of weights for the networks {', '.join(names) or '(none)'}; say whose, "
        "as in weights={'NETWORK': FILE}"
    )


def is_custom(spec: str) -> bool:
    """Whether code or frames that are not ours are part of a method.

    >>> is_custom("a=bicubic+net.py:Mine"), is_custom("a=v2f"), is_custom("a=frames:/x")
    (True, False, True)
    """
    _, what = split_label(spec)
    return any(name not in METHODS for name in components(ALIASES.get(what, what)))


def code_files(specs: Iterable[str]) -> list[str]:
    """The Python files that some methods run, as they are written.

    >>> code_files(["a=bicubic+net.py:Mine", "v2f", "b=net.py:Other"])
    ['net.py']
    """
    names = (name for _, what in map(split_label, specs) for name in components(what))
    return list(dict.fromkeys(match["file"] for name in names if (match := FILE.fullmatch(name))))


def components(what: str) -> list[str]:
    """The methods of a composition; a + in the path of a file that is there is none.

    >>> components("bicubic+net.py:Mine")
    ['bicubic', 'net.py:Mine']
    """
    parts, names = what.split("+"), list[str]()
    while parts:
        ends = range(len(parts), 1, -1)
        end = next((end for end in ends if _is_file("+".join(parts[:end]).strip())), 1)
        names.append("+".join(parts[:end]).strip())
        parts = parts[end:]
    return names


def _is_file(name: str) -> bool:
    """Whether a name is FILE.py:Class of a file that is there."""
    file = FILE.fullmatch(name)
    return bool(file and Path(os.path.expanduser(file["file"])).is_file())


def check_composition(label: str, names: Sequence[str]) -> None:
    """Raises MethodError if these methods cannot be composed at all."""
    if len(names) > 2:
        raise MethodError(f"{label}: a composition is of two methods, one spatial, one temporal")
    for name in names:
        if len(names) > 1 and name in METHODS and METHODS[name].kind == "space-time":
            raise MethodError(f"{label}: {name} does both in one; write it alone")


def check_names(specs: Iterable[str]) -> None:
    """Raises MethodError for a method that nobody has, before anything is built."""
    for label, what in map(split_label, specs):
        if what.startswith(FRAMES) and label != what:
            continue
        names = components(ALIASES.get(what, what))
        check_composition(label, names)
        for name in names:
            if not (name in METHODS or FILE.fullmatch(name) or name in registry.installed()):
                raise MethodError(unknown_name(name))


def unknown_name(name: str) -> str:
    """What is wrong with a name that no method has, and what may be meant."""
    if name in ALIASES:
        return f"{name} stands for {ALIASES[name]} and composes with nothing"
    if name.startswith(FRAMES):
        return f"{name!r} needs a name before it, as in mine={name}"
    close = get_close_matches(name, [*METHODS, *ALIASES, *registry.installed()], n=3)
    advice = f"did you mean {' or '.join(close)}?" if close else "`stvt list methods` names all"
    return f"no method is called {name!r}; {advice}"


def is_stated(text: str) -> bool:
    """Whether a text states a cost of a method.

    >>> is_stated("params=30.9M"), is_stated("mine=frames:/x")
    (True, False)
    """
    return text.startswith(("params=", "operations=", "seconds="))


def split_stated(text: str) -> tuple[str, str]:
    """The folder, and what is stated after it.

    >>> split_stated("/x,y,params=30.9M,seconds=0.3")
    ('/x,y', ',params=30.9M,seconds=0.3')
    """
    parts = text.split(",")
    while len(parts) > 1 and is_stated(parts[-1].strip()):
        parts.pop()
    folder = ",".join(parts)
    return folder, text[len(folder) :]
