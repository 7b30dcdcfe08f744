"""Reports of scores: tables, plots, pictures and the page that holds them, from plain values."""

from .errors import ReportError
from .grid import FORMATS
from .page import write_report
from .published import PAPER, TABLE_1, TABLE_2, TABLE_3
from .scores import COLUMNS, read_scores, write_scores
from .tables import table

__all__ = [
    "COLUMNS",
    "FORMATS",
    "PAPER",
    "TABLE_1",
    "TABLE_2",
    "TABLE_3",
    "ReportError",
    "read_scores",
    "table",
    "write_report",
    "write_scores",
]
