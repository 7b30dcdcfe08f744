"""The shape of the house (DESIGN.md, section 1): floors, doors, packages, no import circle."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
SHIPPED = ROOT / "baselines" / "weights" / "shipped"  # weights of our own, with their card
ROOMS = ("datasets", "baselines", "metrics", "reports")
TOPS = ("stvt", *ROOMS)


def is_link(path: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents)


FILES = [
    file
    for top in TOPS
    for suffix in ("*.py", "*.pyi")
    for file in sorted((ROOT / top).rglob(suffix))
    if not is_link(file)
]
SOURCES = [file for file in FILES if file.suffix == ".py"]


def module_of(file: Path) -> str:
    """The name under which a file is imported: the rooms are sub-packages of `stvt`."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] == "stvt" else ("stvt", *parts))


MODULES = {module_of(file) for file in SOURCES}


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import of ours, those of functions and of type checkers too."""
    module = module_of(file)
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            inner = [f"{base}.{alias.name}" for alias in node.names]
            door = room_of(base) and base.count(".") == 1 and room_of(module) != room_of(base)
            names = [name if name in MODULES and not door else base for name in inner]
        else:
            continue
        for name in names:
            if name.split(".")[0] in TOPS:
                yield node.lineno, name


LONGEST = 400  # lines of a file
# DESIGN.md, section 4, its left columns, where they name a module.
OLD_NAMES = frozenset(
    [
        "trainees",
        "elsewhere",
        "own",
        "keeping",
        "recognising",
        "compact",
        "bands",
        "convolve",
        "space",
        "between",
        "finished",
        "way",
        "beside",
        "ahead",
        "parts",
        "wish",
        "team",
        "handover",
        "partial",
        "need",
        "windows",
        "palette",
        "looks",
        "truth",
        "reduced",
        "as_published",
        "foreseeing",
        "holdings",
        "looking",
        "making",
        "coded",
        "picture",
        "seven",
        "zipped",
        "tarred",
        "workplace",
        "sole_use",
        "glimpse",
        "quoted",
        "beside_paper",
        "origin",
        "mending",
        "scene_work",
        "footage",
        "repeats",
        "jumps",
        "borders",
        "logos",
        "transfer",
        "container",
        "timeline",
        "writing",
        "joining",
        "grid",
    ]
)
BENCHMARKS = sorted(
    file for file in (ROOT / "tests" / "benchmarks").glob("[!_]*.py") if "test_" not in file.name
)


def test_no_file_is_too_long_to_be_read_in_one_sitting() -> None:
    lines = {str(file.relative_to(ROOT)): file.read_text().count("\n") for file in SOURCES}
    assert not {name for name, number in lines.items() if number > LONGEST}


def test_no_module_has_a_name_of_the_old_house() -> None:
    allowed = {"records"}  # of stvt.core: dataclasses to JSON and back
    named = {str(file.relative_to(ROOT)) for file in SOURCES if file.stem in OLD_NAMES}
    named |= {
        str(file.relative_to(ROOT))
        for file in SOURCES
        if file.stem in allowed and "core" not in file.parts
    }
    assert not named


def test_no_folder_of_code_is_left_out_of_the_wheel() -> None:
    holds_code = {module_of(file.parent / "__init__.py") for file in SOURCES}
    assert set(SETUPTOOLS["packages"]) == holds_code
    for package in SETUPTOOLS["packages"]:
        assert importlib.util.find_spec(package) is not None, package


def test_a_room_imports_only_itself_and_the_ground_floor() -> None:
    for file in FILES:
        module = module_of(file)
        if not (room := room_of(module)):
            continue
        for line, name in imports(file):
            inside = name == f"stvt.{room}" or name.startswith((f"stvt.{room}.", "stvt.core."))
            assert inside, f"{file.relative_to(ROOT)}:{line} imports {name}, outside its room"


def test_the_ground_floor_imports_nothing_of_ours() -> None:
    for file in (file for file in FILES if module_of(file).startswith("stvt.core")):
        for line, name in imports(file):
            inside = name.startswith("stvt.core")
            assert inside, f"{file.relative_to(ROOT)}:{line} imports {name}, above it"


def test_the_trunk_imports_rooms_through_their_doors() -> None:
    for file in FILES:
        if room_of(module_of(file)):
            continue
        for line, name in imports(file):
            deep = room_of(name) and name.count(".") > 1
            assert not deep, f"{file.relative_to(ROOT)}:{line} imports {name}, not its door"


def test_no_import_closes_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for file in FILES:
        graph.setdefault(module_of(file), set()).update(name for _, name in imports(file))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_name_of_a_door_is_a_modules_too() -> None:
    """Importing the module would put it in the place of the name (`metrics` loads its two early)."""
    for room in ROOMS:
        stub = ROOT / room / "__init__.pyi"
        if stub.exists():
            shown = {
                alias.name
                for node in ast.walk(ast.parse(stub.read_text()))
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            assert not shown & {file.stem for file in (ROOT / room).iterdir()}


@pytest.mark.parametrize("arguments", [["--help"], ["evaluate", "--help"], ["--version"]])
def test_help_waits_for_nothing_heavy(arguments: list[str]) -> None:
    program = f"""
import sys
from stvt.cli.main import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code == 0, end.code
heavy = {{"torch", "numpy", "cv2", "av", "pandas", "matplotlib", "lpips", "skimage"}}
sys.exit(f"imported: {{heavy & set(sys.modules)}}" if heavy & set(sys.modules) else 0)
"""
    subprocess.run([sys.executable, "-P", "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "methods"],
        ["list", "datasets"],
        ["list", "metrics"],
        ["doctor"],
    ],
)
def test_what_there_is_is_listed_without_torch(arguments: list[str], tmp_path: Path) -> None:
    # `doctor` asks torch of devices, but only where the driver of a GPU is.
    program = f"""
import sys
from stvt.cli.main import main
if "doctor" in {arguments!r}:
    from stvt import doctor
    doctor.may_have_gpu = lambda: False
assert main({[*arguments, "--root", str(tmp_path)]!r}) == 0
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("datasets", "methods", "words"),
    [
        ("smaple", "bicubic+blend", "is not prepared in .*did you mean sample"),
        ("sample", "bicubc+blend", "did you mean bicubic"),
        ("sample", "edvr+dain+flow", "a composition is of two methods"),
    ],
)
def test_a_mistyped_name_is_answered_without_torch(
    datasets: str, methods: str, words: str, tmp_path: Path
) -> None:
    command = ["evaluate", "--datasets", datasets, "--methods", methods, "--root", str(tmp_path)]
    program = f"""
import sys
from stvt.cli.main import main
assert main({command!r}) == 2
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(words, ran.stderr)


@pytest.mark.parametrize("file", BENCHMARKS, ids=lambda file: file.stem)
def test_every_benchmark_still_imports_and_has_its_command(file: Path) -> None:
    spec = importlib.util.spec_from_file_location(f"benchmark_{file.stem}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[spec.name]
    assert callable(module.main)
    command = f"python -P tests/benchmarks/{file.name}"
    documents = [module.__doc__ or "", *(f.read_text() for f in (ROOT / "docs").glob("*.md"))]
    assert any(command in text for text in documents), f"no document has {command}"


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("stvt-*.whl")
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {
        "/".join([*package.split("."), file.name])
        for file in FILES
        for package in [module_of(file.parent / "__init__.py")]
    }
    shipped = {f"stvt/baselines/weights/shipped/{file.name}" for file in SHIPPED.iterdir()}
    pages = {
        f"stvt/reports/page/{file.name}"
        for file in (ROOT / "reports" / "page").iterdir()
        if file.suffix in (".j2", ".css", ".js")
    }
    assert held == modules | shipped | pages | {"stvt/py.typed"}
    assert any("LICENSE" in name for name in ZipFile(wheel).namelist())
