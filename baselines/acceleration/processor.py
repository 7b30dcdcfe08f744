"""Processor features (AMX, AVX-512, NNPACK), the memory format that suits them, and the switch between
our kernels and the libraries' own."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache

import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of malloc.h
_reference = os.environ.get("STVT_REFERENCE_KERNELS") == "1"
KEPT = 256 << 20  # bytes at the end of the heap that are not given back to the system


@cache
def has_amx() -> bool:
    """Whether the processor multiplies tiles of bfloat16 (AMX, Intel's since 2023).

    Nothing is faster in bfloat16 there than PyTorch's own convolution with channels last, and
    matrix products in single precision are faster than NNPACK, which does not know AVX-512.
    """
    known = getattr(torch.cpu, "_is_amx_tile_supported", None)  # private, so not in every PyTorch
    return known is not None and bool(known())


@cache
def has_nnpack() -> bool:
    """PyTorch may be built without it, and NNPACK refuses processors that it does not know."""
    return bool(torch._nnpack_available())


def memory_format_for(device: torch.device, precision: str) -> torch.memory_format:
    """The best memory format of frames and weights: channels last, but where NNPACK does the work."""
    planes = device.type == "cpu" and precision == "fp32" and not has_amx()
    return torch.contiguous_format if planes else torch.channels_last


def memory_format_of(x: Tensor) -> torch.memory_format:
    """Whether the channels of (B, C, h, w) come last in memory, or planes of pixels."""
    channels_last = x.stride(1) == 1 and x.shape[1] > 1
    return torch.channels_last if channels_last else torch.contiguous_format


@cache
def tune_allocation() -> None:
    """Has PyTorch ask Linux for huge pages, and glibc keep what is freed for the next layer.

    Pages from the system are zeroed first, which took up to a fifth of a layer's time
    (docs/performance.md). glibc comes to the first threshold by itself once a block of 32 MiB was
    freed. What the environment says holds; PyTorch looks once, when it first allocates 2 MiB or more.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    with suppress(OSError, AttributeError):  # elsewhere than with glibc there is no such thing
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, 32 << 20)
        mallopt(M_TRIM_THRESHOLD, KEPT)


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
