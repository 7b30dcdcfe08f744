"""Files that are whole or absent, locks, and typed records."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from typing import Any, Literal

import pytest

from stvt.core.errors import StvtError
from stvt.core.files import atomic_write, locked, read_json, remove_temporaries, write_json
from stvt.core.records import from_dict


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.json"
    write_json(file, {"a": 1})
    with pytest.raises(ZeroDivisionError), atomic_write(file) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert read_json(file) == {"a": 1}
    assert [path.name for path in file.parent.iterdir()] == ["a.json"]


def test_only_our_own_leftovers_are_removed(tmp_path: Path) -> None:
    for name in (".a.json.stvt-12-0123abcd.tmp", ".a.json.12.tmp", "a.tmp"):
        (tmp_path / name).touch()
    remove_temporaries(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.json.12.tmp", "a.tmp"]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', "\xff", "[" * 100_000])
def test_what_is_no_json_is_one_line_that_names_the_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(StvtError) as caught:
        read_json(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from stvt.core.files import locked
with locked(Path({str(tmp_path / "run")!r}), "being written"):
    print("held", flush=True)
    input()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as other:
        assert other.stdin and other.stdout
        assert other.stdout.readline() == "held\n"
        refused = pytest.raises(StvtError, match="run: is being written by another process")
        with refused, locked(tmp_path / "run", "being written"):
            pass
        other.stdin.write("\n")
    with locked(tmp_path / "run", "being written"):
        (tmp_path / "run" / "kept").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["kept"]


@pytest.mark.skipif(os.name != "posix", reason="no locks on folders")
def test_a_folder_that_its_holder_removed_is_made_and_held_anew(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with ThreadPoolExecutor() as pool, locked(folder, "being written"):
        (folder / "part").touch()

        def wait() -> None:
            again = locked(folder, "being written")
            with locked(folder, "being written"), pytest.raises(StvtError, match="by another"):
                again.__enter__()

        waiting = pool.submit(wait)
        sleep(0.2)
        (folder / "part").unlink()
        folder.rmdir()
    waiting.result()
    assert not folder.exists()


@dataclass
class Clip:
    name: str
    size: tuple[int, int]
    rate: float | None = None


@dataclass
class Record:
    kind: Literal["a", "b"]
    clips: list[Clip]
    sums: dict[str, int] = field(default_factory=dict)


WHOLE = {"kind": "a", "clips": [{"name": "x", "size": [1, 2], "rate": 3}], "sums": {"f": 1}}


def test_a_record_comes_back_as_it_was() -> None:
    assert from_dict(Record, WHOLE, "f") == Record("a", [Clip("x", (1, 2), 3.0)], {"f": 1})


@pytest.mark.parametrize(
    "change, line",
    [
        ({"kind": "c"}, "f.json: kind: is 'c', expected one of 'a', 'b'"),
        ({"clips": [{"name": 1, "size": [1, 2]}]}, "f.json: clips[0].name: is 1, expected str"),
        ({"clips": [{"name": "x", "size": [1]}]}, "f.json: clips[0].size: is [1], expected tuple"),
        ({"clips": [{"size": [1, 2]}]}, "f.json: clips[0].name: is missing"),
        ({"sums": {"f": True}}, "f.json: sums.f: is True, expected int"),
        ({"clips": {}}, "f.json: clips: is {}, expected list"),
    ],
)
def test_the_field_that_is_wrong_is_named(change: dict[str, Any], line: str) -> None:
    with pytest.raises(StvtError) as caught:
        from_dict(Record, WHOLE | change, "f.json")
    assert str(caught.value) == line
