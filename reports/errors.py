"""The error of reports: something wrong with a report or the scores that it is made from."""

from __future__ import annotations

from stvt.core.errors import StvtError


class ReportError(StvtError):
    """Something about a report or the scores that it is made from that the user can mend."""
