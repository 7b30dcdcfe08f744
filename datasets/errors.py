"""The one exception of this room: what is wrong with a data set or a source of frames, for the user to mend."""


class DatasetError(Exception):
    """Something about a data set or a source of frames that the user can mend; the message is one line saying how."""
