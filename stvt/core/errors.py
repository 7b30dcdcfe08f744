"""The errors that a user can mend: the command line prints each as one line and exits with 2."""


class StvtError(Exception):
    """Something that the user can mend; the message is one line: what is wrong, where, what to do."""


class DownloadError(StvtError):
    """A file that no server gives as it should be, or that the disk does not take."""


class UsageError(StvtError):
    """A command or call that cannot be carried out as given."""
