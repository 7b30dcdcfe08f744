"""Reports of scores: tables, figures and the pages that hold them, from plain values.

The names that the rest of stvt may use are in `__init__.pyi`; each loads when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
