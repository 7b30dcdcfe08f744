"""`stvt completion`: scripts that a shell sources."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stvt.cli.main import main

pytest.importorskip("shtab")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("stvt eval", ["evaluate"]),
        ("stvt evaluate --save", ["--save-frames"]),
        ("stvt list m", ["methods", "metrics"]),
        ("stvt results ", ["add", "table", "check"]),
    ],
)
def test_bash_sources_it_and_completes(
    typed: str, offered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "stvt.bash"
    script.write_text(capsys.readouterr().out)
    words = typed.split(" ")
    listed = " ".join(f"'{word}'" for word in words)
    program = (
        f"source {script}; COMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; "
        "$(complete -p stvt | sed 's/.*-F \\([^ ]*\\) .*/\\1/') stvt; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert set(offered) <= set(done.stdout.split()) and "prepare" not in done.stdout


def test_zsh_has_one_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("#compdef stvt")


def test_without_shtab_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert "pip install 'stvt[completion]'" in capsys.readouterr().err
