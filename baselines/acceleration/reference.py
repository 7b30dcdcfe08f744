"""The switch between our kernels and the libraries' own: for comparisons, and to find an error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_reference = os.environ.get("STVT_REFERENCE_KERNELS") == "1"


@contextmanager
def reference_kernels() -> Iterator[None]:
    """Within it every operator is PyTorch's or torchvision's own, as with STVT_REFERENCE_KERNELS=1.

    Networks that `accelerate` has changed compute so too. Not for several threads.
    """
    global _reference
    before, _reference = _reference, True
    try:
        yield
    finally:
        _reference = before


def uses_reference_kernels() -> bool:
    """Whether our kernels are left out."""
    return _reference
