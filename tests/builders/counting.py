"""What is counted of one call."""

from collections.abc import Callable

from stvt.profiling.flops import Counter


def counted(run: Callable[[], object]) -> Counter:
    with Counter() as counter:
        run()
    return counter


def operations_of(run: Callable[[], object]) -> tuple[float, dict[str, int]]:
    """Multiply-accumulates of one call, and what ran in it without being counted."""
    counter = counted(run)
    return counter.multiply_accumulates, dict(sorted(counter.uncounted.items()))


def operations_and_bytes_of(run: Callable[[], object]) -> tuple[float, float]:
    """Multiply-accumulates of one call, and the bytes that its operators read and write."""
    counter = counted(run)
    return counter.multiply_accumulates, counter.bytes
