"""Data sets: frames from any source, reduced, stored, checked and read back."""

from .build.dry_run import foresee
from .build.engine import Outcome, prepare
from .build.verify import Verification, verify
from .errors import DatasetError
from .recipes import DATASETS
from .recipes.recipe import Fetch, Recipe
from .test_set import Prepared, PreparedScene, load

__all__ = [
    "DATASETS",
    "DatasetError",
    "Fetch",
    "Outcome",
    "Prepared",
    "PreparedScene",
    "Recipe",
    "Verification",
    "foresee",
    "load",
    "prepare",
    "verify",
]
