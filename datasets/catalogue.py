"""The data sets that are known by name."""

from __future__ import annotations

from .recipe import Recipe
from .sample import SAMPLE
from .vid4 import VID4

DATASETS: dict[str, Recipe] = {recipe.name: recipe for recipe in (SAMPLE, VID4)}
