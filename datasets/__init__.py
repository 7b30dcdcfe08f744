"""Data sets: frames from any source, reduced, stored, checked and read back."""

from .catalogue import DATASETS
from .errors import DatasetError
from .foreseeing import foresee
from .prepared import Prepared, PreparedScene, load
from .preparing import Outcome, prepare
from .recipe import Fetch, Recipe
from .verifying import Verification, verify

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
