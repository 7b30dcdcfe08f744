"""The command line with closed, full or odd streams, and with text that a terminal would obey."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stvt.cli.main import main

STVT = f"{sys.executable} -P -m stvt"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


def test_closed_streams_change_no_file_and_no_exit_code(tmp_path: Path) -> None:
    program = tmp_path / "closed.py"
    program.write_text(
        "import os, sys\nfrom stvt.cli import main\n"
        "from stvt.cli import list as listing\n"
        f"listing.run = lambda args: open({str(tmp_path / 'file')!r}, 'w').fileno()\n"
        "sys.exit(main.main(['list', 'methods']))\n"
    )
    closed = shell(f"{sys.executable} -P {program} <&- >&- 2>&-")
    assert closed.returncode > 2  # the number of the file: none of the three


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_output_that_cannot_be_written_is_one_line() -> None:
    full = shell(f"{STVT} list metrics > /dev/full")
    assert full.returncode == 2
    (line,) = full.stderr.splitlines()
    assert "No space left" in line


def test_no_control_character_of_a_name_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["report", "no\x1b[31m/such"]) == 2
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out + printed.err and "no[31m/such" in printed.err
