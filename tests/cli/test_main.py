"""The command line as a whole: its help, and names that were mistyped."""

from pathlib import Path

import numpy as np
import pytest

from stvt.cli.main import COMMANDS, main
from stvt.datasets.frames import write_frame


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
    ("words", "said"),
    [
        (
            "report RUN --frames existing",
            "stvt report: unrecognized arguments: --frames existing",
        ),
        ("report RUN --tabel 1", "unrecognized arguments: --tabel 1; did you mean --table? ("),
        ("weights list --renew", "stvt weights: unrecognized arguments: --renew ("),
    ],
)
def test_an_option_of_another_command_is_refused_by_the_command_that_was_typed(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words.split())
    assert said in capsys.readouterr().err


def test_half_a_size_is_no_size(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["bench", "model", "--size", "64x"])
    assert "'64x' is not of the form WIDTHxHEIGHT" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "evaluate --methods bicubic+flow --datasets t,",
        "evaluate --methods bicubic+flow --datasets ,",
        "evaluate --methods bicubic+flow --datasets t --metrics psnr,",
        "evaluate --methods bicubic+flow --datasets t --scenes ,",
        "prepare sample --scenes ,",
        "prepare photographs --vary ,",
        "report RUN --methods ,",
        "compare RUN RUN --metrics psnr,,ssim",
        "train --out RUN --data ,",
        "train --out RUN --validate vid4,",
    ],
)
def test_a_list_with_a_name_missing_is_refused(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words.split())
    assert f"'{words.split()[-1]}': a name is missing beside a comma" in capsys.readouterr().err


def test_a_list_of_no_name_is_not_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "--datasets", "t", "--methods", "bicubic+flow", "--scenes", ""])
    assert "argument --scenes: '': a name is missing" in capsys.readouterr().err


@pytest.mark.parametrize("speed", ["inf", "nan", "-3", "0"])
@pytest.mark.parametrize("words", ["flow a b", "prepare p --photographs --dry-run"])
def test_a_speed_is_finite_and_above_0(
    words: str, speed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*words.split(), "--fastest", speed])
    assert f"'{speed}' is not a finite number above 0" in capsys.readouterr().err


def test_a_figure_named_with_a_suffix_has_that_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        write_frame(tmp_path / f"{name}.png", np.zeros((16, 16, 3), np.uint8))
    files = [str(tmp_path / f"{name}.png") for name in "ab"]
    for typed in ("fig.png", "fig.PDF", "fig"):
        assert main(["flow", *files, "--out", str(tmp_path / "out" / typed)]) == 0
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"fig.png", "fig.pdf", "fig.svg"}
    for folder in (".", str(tmp_path / "new/")):
        capsys.readouterr()
        with pytest.raises(SystemExit, match="2"):
            main(["flow", *files, "--out", f"{folder}/"])
        assert "is a folder" in capsys.readouterr().err


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
