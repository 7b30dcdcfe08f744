"""Small recipes, and what a run leaves, for the tests of training."""

import csv
from pathlib import Path

from stvt.training.recipe import TrainingRecipe, preset_recipe

TIMES = ("windows_per_second", "data_wait")


def tiny(stage: str = "space", **values: object) -> TrainingRecipe:
    given = {"steps": 6, "batch": 2, "log_every": 1, "save_every": 2, "validate_every": 6}
    return preset_recipe(
        "smoke",
        stage,
        **{**given, "validate_windows": 2, "precision": "fp32", "data": ("photographs",), **values},
    )


def quiet(_: str) -> None:
    pass


def rows(out: Path) -> list[dict[str, str]]:
    """The log without what depends on the machine."""
    with (out / "loss.csv").open() as file:
        lines = list(csv.DictReader(file))
    return [{k: v for k, v in line.items() if k not in TIMES} for line in lines]
