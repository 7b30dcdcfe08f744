"""The error of metrics: something wrong with a metric or what it needs."""

from __future__ import annotations

from stvt.core.errors import StvtError


class MetricError(StvtError):
    """Something about a metric or what it needs that the user can mend."""
