"""Reports of scores: tables, plots, pictures and the page that holds them, from plain values."""

from .comparison import Comparison
from .errors import ReportError
from .page.report import write_report
from .published.stvun import PAPER, TABLE_1, TABLE_2, TABLE_3
from .scores import COLUMNS, read_scores, write_scores
from .tables.named import NAMES, table
from .tables.table import FORMATS

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
