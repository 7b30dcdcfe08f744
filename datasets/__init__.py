"""Data sets: frames from any source, reduced, stored, checked and read back."""

from .catalogue import DATASETS
from .errors import DatasetError
from .prepared import Prepared, PreparedScene, load
from .preparing import Outcome, prepare
from .recipe import Recipe
from .verifying import Verification, verify

__all__ = [
    "DATASETS",
    "DatasetError",
    "Outcome",
    "Prepared",
    "PreparedScene",
    "Recipe",
    "Verification",
    "load",
    "prepare",
    "verify",
]
