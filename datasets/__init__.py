"""Data sets: frames from any source, degraded, stored, verified and read back.

The names that the rest of stvt may use are in `__init__.pyi`; each loads when it is first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
