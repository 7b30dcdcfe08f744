"""The ground floor is ground: its modules wait for the standard library, and numpy at most."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[2] / "stvt" / "core"
FILES = sorted(CORE.rglob("*.py"))
ALLOWED = {*sys.stdlib_module_names, "numpy", "stvt"}


def imported(node: ast.AST) -> Iterator[str]:
    """What is imported when a module is, by the first part of its name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name.split(".")[0] for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and not child.level:
            yield (child.module or "").split(".")[0]
        yield from imported(child)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_heavy_is_imported_by_a_module(file: Path) -> None:
    assert set(imported(ast.parse(file.read_text()))) <= ALLOWED


def test_nothing_heavy_is_loaded_by_all_of_them() -> None:
    """Also by what they import in turn."""
    names = [f"stvt.core.{file.stem}" for file in FILES if file.stem != "__init__"]
    program = f"""
import sys
from importlib import import_module
before = set(sys.modules)
for name in {names!r}:
    import_module(name)
new = {{name.split(".")[0] for name in set(sys.modules) - before}}
sys.exit(str(new - {ALLOWED!r}) if new - {ALLOWED!r} else 0)
"""
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program], check=False, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
