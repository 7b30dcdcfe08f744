"""The error of data sets: something wrong with a set or a source of frames."""

from __future__ import annotations

from stvt.core.errors import StvtError


class DatasetError(StvtError):
    """Something about a data set or a source of frames that the user can mend."""
