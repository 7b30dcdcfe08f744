"""The command line as a whole: its help, and names that were mistyped."""

from pathlib import Path

import pytest

from stvt.cli.main import COMMANDS, main


def test_the_bare_command_prints_help_with_every_command_by_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    for group in ("measure:", "data sets:", "methods:", "this installation:"):
        assert group in printed
    for name in COMMANDS:
        assert f"\n  {name} " in printed


@pytest.mark.parametrize(
    "words", [["prepare", "mine", "--source", ""], ["prepare", "sample", "--root="], ["report", ""]]
)
def test_an_empty_path_is_not_the_current_folder(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)
    assert "an empty path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("evalate", "evaluate"),
        ("list methds", "methods"),
        ("weights ftch", "fetch"),
        ("weights fetch dian", "dain"),
        ("inspect smaple", "sample"),
        ("prepare vid5", "vid4"),
        ("prepare vid5 --dry-run", "vid4"),
        ("evaluate --datasets smaple --methods bicubic+flow", "sample"),
        ("evaluate --datasets sample --methods bicubic+flow --metrics psrn", "psnr"),
        ("train --network stvnu --stage joint --data sample --out runs", "stvun"),
    ],
)
def test_a_mistyped_name_gets_a_suggestion_in_one_line(
    typed: str,
    meant: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        code: object = main(typed.split())
    except SystemExit as end:
        code = end.code
    said = capsys.readouterr().err
    assert code == 2 and f"did you mean {meant}" in said and len(said.splitlines()) == 1
