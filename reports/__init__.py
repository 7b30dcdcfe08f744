"""Reports of scores: tables, plots, pictures and the page that holds them, from plain values."""

from .comparison import Comparison
from .errors import ReportError
from .grid import FORMATS
from .named import NAMES, table
from .page import write_report
from .published import PAPER, TABLE_1, TABLE_2, TABLE_3
from .scores import COLUMNS, read_scores, write_scores

__all__ = [
    "COLUMNS",
    "FORMATS",
    "NAMES",
    "PAPER",
    "TABLE_1",
    "TABLE_2",
    "TABLE_3",
    "Comparison",
    "ReportError",
    "read_scores",
    "table",
    "write_report",
    "write_scores",
]
