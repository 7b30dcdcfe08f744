"""The error of methods: something wrong with a method, its weights or its inputs."""

from __future__ import annotations

from stvt.core.errors import StvtError


class MethodError(StvtError):
    """Something about a method, its weights or its inputs that the user can mend."""


class CustomMethodError(MethodError):
    """What the code of a user's method raised, or how it ended: the other methods go on."""
