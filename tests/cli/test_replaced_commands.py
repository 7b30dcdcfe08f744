"""Commands and options of 0.1.0 that went: each ends in one line that says what to do instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from stvt.cli.main import main

REPLACED = {
    "bench data": "tests/benchmarks/training_windows.py",
    "bench metrics --rounds 2": "tests/benchmarks/metrics.py",
    "bench evaluate": "tests/benchmarks/evaluate.py",
    "bench precision --precision bf16": "tests/benchmarks/precision.py",
    "doctor tiles": "tests/benchmarks/seams.py",
    "doctor tiles --tile 96 --method edvr": "tests/benchmarks/seams.py",
    "evaluate --datasets sample --methods bicubic+blend --memory 2G": "--tile auto",
    "upsample in.mp4 out.mp4 --memory 2G": "--tile auto",
    "prepare mine --training --source X --cuts auto": "leave --cuts out",
    "list networks": "methods",
    "inspect sample --scenes 48": "--max",
}


@pytest.mark.parametrize("line", REPLACED)
def test_a_command_that_went_says_in_one_line_what_replaces_it(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(line.split())
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert REPLACED[line] in printed.err


def test_what_replaces_a_benchmark_is_there() -> None:
    files = [name for name in REPLACED.values() if name.endswith(".py")]
    assert all((Path(__file__).parents[2] / name).is_file() for name in files)
