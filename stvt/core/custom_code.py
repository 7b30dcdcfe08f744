"""A user's own code: its modules, apart from those of other files, the context in which it runs, and
its errors in one line."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from .errors import StvtError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

CHANGES_FOLDER = (
    "it changes the working folder; take whole paths instead, as from Path(__file__).parent"
)
# Loaded a second time these would break what runs already.
SHARED = frozenset(sys.stdlib_module_names) | {"stvt", "torch", "numpy"}
# It has the process's modules, folder and default type to itself: methods and metrics run in threads.
_ALONE = threading.RLock()


class CustomCodeError(StvtError):
    """Something that a user's own code must not do."""


@contextmanager
def guarded(
    name: str,
    modules: CustomModules | None = None,
    *,
    error: type[StvtError],
    passes: type[StvtError],
    ours: str,
) -> Iterator[None]:
    """The context in which a user's code runs: whatever it ends with is one line, an exit too.

    error:  what is raised. passes: what goes through as it is.
    ours:   the file that calls the code, which is no place where an error arose.
    """
    import torch

    with _ALONE:
        folder, dtype, leave = os.getcwd(), torch.get_default_dtype(), os._exit
        here = os.getpid(), threading.get_ident()

        def leave_as_exit(status: int) -> NoReturn:
            if here != (os.getpid(), threading.get_ident()):
                leave(status)  # a child, or a thread of ours
            raise SystemExit(status)

        os._exit = leave_as_exit
        try:
            with modules.active() if modules else nullcontext():
                yield
            if os.getcwd() != folder:
                raise CustomCodeError(CHANGES_FOLDER)
        except (passes, MemoryError, torch.OutOfMemoryError, KeyboardInterrupt, GeneratorExit):
            raise
        except CustomCodeError as wrong:
            raise error(f"{name}: {wrong}") from wrong
        except SystemExit as end:
            raise error(
                f"{name}: it ends the process ({one_line(end, ours)}); what a program does belongs "
                'below if __name__ == "__main__"'
            ) from end
        except BaseException as wrong:
            raise error(f"{name}: {one_line(wrong, ours)}") from wrong
        finally:
            os._exit = leave
            os.chdir(folder)
            torch.set_default_dtype(dtype)


def one_line(error: BaseException, ours: str) -> str:
    """An exception in one line: its kind, what it says, and where it arose.

    The place is the last one outside Python's own and installed packages, which is the user's.
    """
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    places = [
        place
        for place in traceback.extract_tb(error.__traceback__)
        if place.filename not in (ours, __file__) and not place.filename.startswith("<")
    ]
    theirs = [
        place
        for place in places
        if "site-packages" not in Path(place.filename).parts
        and not Path(place.filename).is_relative_to(Path(os.__file__).parent)
    ]
    message = " ".join(str(error).split())
    where = "".join(f" ({place.filename}:{place.lineno})" for place in (theirs or places)[-1:])
    return f"{type(error).__name__}: {message}{where}"


class CustomModules:
    """A user's file as a module, and what it imports from its folder, whenever it does so.

    Two files may each import a neighbour of the same name: outside `active` no neighbour is in
    `sys.modules`, and what the file added to `sys.path` is not there.

    rerun_error: why the file could not be run anew after `forget_state`, "" where it was.
    """

    rerun_error = ""

    def __init__(self, path: Path) -> None:
        self.file = path
        modules = {file.stem for file in path.parent.glob("*.py")}
        packages = {file.parent.name for file in path.parent.glob("*/__init__.py")}
        self.neighbours = (modules | packages) - SHARED
        self.modules: dict[str, ModuleType] = {}
        self.path = [str(path.parent)]  # goes before sys.path
        self.main = self._load()

    def _load(self) -> ModuleType:
        name = f"stvt_custom_{sha256(str(self.file).encode()).hexdigest()[:12]}"
        spec = importlib.util.spec_from_file_location(name, self.file)
        assert spec is not None and spec.loader is not None  # true of any file named .py
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pickle look a class's module up there
        folder = os.getcwd()
        with self.active():
            spec.loader.exec_module(module)
        if os.getcwd() != folder:
            raise CustomCodeError(CHANGES_FOLDER)
        return module

    @contextmanager
    def active(self) -> Iterator[None]:
        """The context in which the file's code runs, its imports inside functions too."""
        outer, known = list(sys.path), set(sys.modules)
        hidden = {
            name: module
            for name, module in list(sys.modules.items())
            if name in self.modules or name.partition(".")[0] in self.neighbours
        }
        _remove(hidden)
        sys.modules.update(self.modules)
        sys.path[:0] = self.path
        try:
            yield
        finally:
            places = [place for place in sys.path if place not in outer or place in self.path]
            self.path = list(dict.fromkeys(places))
            for name in list(sys.modules):
                if (name not in known or name in hidden) and self._owns(sys.modules[name], outer):
                    self.modules[name] = sys.modules[name]
            _remove(self.modules)
            sys.modules.update(hidden)
            sys.path[:] = outer

    def _owns(self, module: ModuleType, outer: Sequence[str]) -> bool:
        """Whether a module comes from the file's own part of `sys.path`, not from a deeper other."""
        file = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
        if not file:
            return False
        places = [p for p in (*self.path, *outer) if p and Path(file).is_relative_to(p)]
        return bool(places) and max(places, key=len) in self.path

    def digest(self) -> str:
        """The sha256 of the file and of what it imports from its folder."""
        loaded = (getattr(module, "__file__", None) for module in self.modules.values())
        return digest({*sources(self.file), *(Path(file) for file in loaded if file)})


_loaded: dict[Path, tuple[str, CustomModules]] = {}  # by file: the digest of its sources
_stale: set[Path] = set()


def load_file(path: Path) -> CustomModules:
    """The modules of a file, run once in a process unless one has changed, or after `forget_state`."""
    path = path.resolve()
    now, (before, known) = digest(sources(path)), _loaded.get(path, ("", None))
    if known is not None and now == before and path not in _stale:
        return known
    try:
        modules = CustomModules(path)
    except Exception as error:
        if known is None or now != before or isinstance(error, MemoryError):
            raise
        # As where a registry has its classes by their names already: it goes on, and is said.
        modules, known.rerun_error = known, one_line(error, __file__)
        sys.modules[known.main.__name__] = known.main
    _stale.discard(path)
    _loaded[path] = now, modules
    return modules


def forget_state() -> None:
    """Lets each file be run anew when it is loaded next: its globals and classes may hold a state."""
    _stale.update(_loaded)


def files_digest(stated: object, modules: CustomModules | None) -> str:
    """The sha256 of what an object says that it depends on: files and folders beside its own, other words."""
    if not stated:
        return ""
    folder = modules.file.parent if modules else Path()
    words = stated if isinstance(stated, list | tuple) else [stated]
    places = [folder / str(word) for word in words]
    inside = [file for place in places if place.is_dir() for file in place.rglob("*")]
    texts = [str(word) for word, place in zip(words, places, strict=True) if not place.is_file()]
    return sha256(" ".join([digest([*places, *inside]), *texts]).encode()).hexdigest()


def package_files(point: EntryPoint) -> list[Path]:
    """The Python files of the package that a loaded entry point is of, or its module's own."""
    package = sys.modules[point.module.partition(".")[0]]
    folders = [Path(folder) for folder in getattr(package, "__path__", ())]
    if not folders and package.__file__:
        return [Path(package.__file__)]
    return [file for folder in folders for file in folder.rglob("*.py")]


def _remove(modules: Mapping[str, ModuleType]) -> None:
    for name in modules:
        sys.modules.pop(name, None)


def digest(files: Iterable[Path]) -> str:
    """One sha256 of the contents of some files."""
    total = sha256()
    for file in sorted(file for file in files if file.is_file()):
        total.update(file.name.encode() + b"\0" + sha256(file.read_bytes()).digest())
    return total.hexdigest()


def sources(file: Path) -> set[Path]:
    """A file and the modules and packages of its folder that it names in an import, and theirs.

    A package counts with all its files.
    """
    found: set[Path] = set()
    waiting = [file]
    while waiting:
        if (one := waiting.pop()) in found:
            continue
        found.add(one)
        for name in _imports(one):
            module, package = file.parent / f"{name}.py", file.parent / name
            if module.is_file() and not (package / "__init__.py").is_file():
                waiting.append(module)
            else:
                waiting += package.rglob("*.py")
    return found


def _imports(file: Path) -> set[str]:
    """The first names of what a file imports anywhere; none of a file that does not parse."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names
