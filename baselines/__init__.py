"""Methods that upsample videos: networks with their weights, classical ones, cascades, custom ones.

The names that the rest of stvt may use are in `__init__.pyi`; each loads when it is first used, and
torch with the first that needs it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
