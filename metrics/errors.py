"""The one exception of this room: what is wrong with a metric or what it needs, for the user to mend."""


class MetricError(Exception):
    """Something about a metric or what it needs that the user can mend; the message is one line saying how."""
