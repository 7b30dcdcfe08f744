"""The one exception of this room: what is wrong with a report or the scores it is made from, for the user to mend."""


class ReportError(Exception):
    """Something about a report or the scores it is made from that the user can mend; the message is one line saying how."""
