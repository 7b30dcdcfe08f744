"""The trunk's exception for what the user can mend, and the list of all rooms'."""


class UsageError(Exception):
    """A command or call that cannot be carried out as given; the message says how to mend it."""


def user_errors() -> tuple[type[Exception], ...]:
    """Every exception that the command line prints as one line instead of a traceback."""
    from stvt.baselines.errors import MethodError
    from stvt.datasets.errors import DatasetError
    from stvt.metrics.errors import MetricError
    from stvt.reports.errors import ReportError

    return (UsageError, DatasetError, MethodError, MetricError, ReportError, OSError)
