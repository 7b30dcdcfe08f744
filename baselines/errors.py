"""The one exception of this room: what is wrong with a method, its weights or its inputs, for the user to mend."""


class MethodError(Exception):
    """Something about a method, its weights or its inputs that the user can mend; the message is one line saying how."""
