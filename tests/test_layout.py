"""The shape of the house: every folder of code is packaged, and no room leans on another."""

import ast
import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
SHIPPED = ROOT / "baselines" / "weights" / "shipped"  # weights of our own, with their card
PACKAGE_DIR: dict[str, str] = SETUPTOOLS["package-dir"]
ROOMS = [folder for package, folder in PACKAGE_DIR.items() if package != "stvt"]


def test_no_folder_of_code_is_left_out_of_the_wheel() -> None:
    mapped = set(PACKAGE_DIR.values())
    holds_code = {file.parent for top in mapped for file in (ROOT / top).rglob("*.py")}
    assert {folder.relative_to(ROOT).as_posix() for folder in holds_code} == mapped
    assert set(SETUPTOOLS["packages"]) == set(PACKAGE_DIR)


def test_every_package_imports_by_its_name() -> None:
    assert [name for name in PACKAGE_DIR if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_itself(room: str) -> None:
    for file in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Import(names=names):
                    reached = [name.name for name in names]
                case ast.ImportFrom(module=module, level=level):
                    reached = ["stvt"] if level > 1 else [module or ""] if level == 0 else []
                case _:
                    continue
            ours = [name for name in reached if name.split(".")[0] in ("stvt", *ROOMS)]
            assert not ours, f"{file.relative_to(ROOT)}:{node.lineno} reaches out of its room"


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


@pytest.mark.slow
def test_the_wheel_holds_every_module_and_nothing_else(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("stvt-*.whl")
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {
        "/".join([*package.split("."), file.name])
        for package, folder in PACKAGE_DIR.items()
        for file in (ROOT / folder).glob("*.py")
    }
    shipped = {f"stvt/baselines/weights/shipped/{file.name}" for file in SHIPPED.iterdir()}
    assert held == modules | shipped | {"stvt/py.typed"}
    assert any("LICENSE" in name for name in ZipFile(wheel).namelist())
