"""Recipes: the paper's values, and every value that is not allowed, in one line."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from stvt.cli.main import build_parser, main
from stvt.core.errors import UsageError
from stvt.training.recipe import PRESETS, TrainingRecipe, preset_recipe

from .runs import tiny


def test_the_paper_s_recipe_is_the_preset() -> None:
    space, joint = (preset_recipe("paper", stage) for stage in ("space", "joint"))
    assert (space.patch, space.batch, space.frames, space.steps) == (128, 32, 7, 300_000)
    assert (joint.patch, joint.batch, joint.frames, joint.steps) == (256, 32, 8, 400_000)
    assert (joint.lambda_m, joint.lambda_s, joint.lambda_f) == (1, 1, 1)
    rates = [space.rate_at(step) for step in (0, 99_999, 100_000, 200_000)]
    assert rates == pytest.approx([1e-4, 1e-4, 5e-5, 2.5e-5])
    assert joint.rate_at(0) == pytest.approx(5e-5)
    assert {"paper", "s", "m", "smoke"} <= set(PRESETS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--stage", "space"], "--data names no training set"),
        (["--data", "photographs"], "--stage is missing"),
        (["--data", "photographs", "--preset", "smok"], "no preset 'smok'"),
        (["--data", "none", "--stage", "space"], "no training set 'none' here"),
        (["--data", "photographs", "--stage", "end"], "no stage 'end'"),
        (["--data", "photographs", "--stage", "space", "--preset", "x"], "no preset 'x'"),
        (["--data", "photographs", "--stage", "space", "--patch", "100"], "no multiple of 64"),
        (["--data", "photographs:a", "--stage", "space"], "'a' is no number"),
        (["--data", "photographs", "--stage", "space", "--network", "x"], "no network 'x'"),
        (
            ["--data", "photographs", "--stage", "joint", "--network", "edvr"],
            "--stage space, which",
        ),
        (
            ["--data", "photographs", "--stage", "flow", "--network", "edvr-s"],
            "--stage space, which",
        ),
        (["--data", "photographs", "--stage", "flow", "--network", "stvun"], "stvun-s, stvun-m; "),
        (["--data", "photographs", "--stage", "space", "--initial", "x.pth"], "no such file"),
        (["--data", "photographs", "--stage", "space", "--precision", "x"], "precision"),
        (["--data", "photographs", "--stage", "space", "--decay", "halve"], "decay"),
    ],
)
def test_mistakes_are_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    common = ["train", "--root", str(data), "--out", str(tmp_path / "run")]
    assert main([*common, *(["--preset", "s"] if "--preset" not in options else []), *options]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("stvt train: ")
    assert said in error


OUT_OF_RANGE = [
    *[
        (name, number)
        for name in ("lambda_m", "lambda_s", "lambda_f", "clip")
        for number in (-1.0,)
    ],
    *[(name, float("nan")) for name in ("rate", "lambda_m", "clip", "average")],
    *[("rate", number) for number in (0.0, -0.001, float("inf"))],
    *[("average", number) for number in (-1.0, 1.0, 1.5)],
    *[("seed", number) for number in (-1, 2**63)],
    *[("scale", 5), ("frames", 6), ("warm_up", -1), ("between", 0), ("tries", 0), ("steps", -5)],
    *[("patch", 0), ("batch", 0), ("accumulate", 0), ("log_every", 0), ("save_every", 0)],
    *[("validate_every", 0), ("validate_windows", 0), ("network", ""), ("degradation", "XX")],
    *[("precision", "fp64"), ("decay", "halve:0"), ("decay", "halve:x"), ("decay", "")],
    *[("freeze", "pwcnet,"), ("freeze", "pwc net")],
]


@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_a_value_out_of_its_range_is_one_line_from_python_and_from_the_command_line(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: float | str,
) -> None:
    option = f"--{name.replace('_', '-')}"
    line = re.escape(f"{option} {value}: expected ")
    with pytest.raises(UsageError, match=f"^{line}.{{3,}}$"):
        tiny(**{name: value})  # type: ignore[arg-type]
    run = ["train", "--root", str(data), "--out", str(tmp_path / "run"), "--data", "photographs"]
    assert main([*run, "--preset", "smoke", "--stage", "space", f"{option}={value}"]) == 2
    assert re.fullmatch(f"stvt train: {line}.+\n", capsys.readouterr().err)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 2.5), ("batch", True), ("rate", "1e-3"), ("data", "photographs")],
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"^--{name} {value}: expected a"):
        TrainingRecipe(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["photographs:0", "photographs:-1", "photographs:nan", ":2"])
def test_a_training_set_is_drawn_from_by_a_weight_above_0(text: str) -> None:
    with pytest.raises(UsageError, match=f"--data {text}: expected SET or SET:WEIGHT"):
        TrainingRecipe(data=(text,))


@pytest.mark.parametrize(
    "words", [["--workers", "-1"], ["--minutes", "-1"], ["--minutes", "nan"], ["--seed", "x"]]
)
def test_what_is_no_number_is_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["train", "--out", "run", *words])
    assert end.value.code == 2
    assert re.fullmatch(
        f"stvt train: argument {words[0]}: .*{words[1]}.*\n", capsys.readouterr().err
    )


def test_every_value_of_a_recipe_has_an_option() -> None:
    """But for the stage and the sets, which have options of another form."""
    options = vars(build_parser().parse_args(["train", "--out", "run"]))
    assert {one.name for one in fields(TrainingRecipe)} <= set(options)
