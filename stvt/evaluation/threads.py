"""Threads that work while another computes: `prefetch` of items, and a pool with results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def prefetch(items: Iterable[T], number: int = 2) -> Generator[T, None, None]:
    """The items, of which another thread reads so many before they are asked for.

    What reading one raises is raised where it is asked for.
    """
    source, end = iter(items), object()
    reader = ThreadPoolExecutor(1)

    def order() -> Future[object]:
        return reader.submit(next, source, end)

    try:
        coming = deque(order() for _ in range(number))
        while (item := coming.popleft().result()) is not end:
            coming.append(order())
            yield item  # type: ignore[misc]
    finally:
        reader.shutdown(cancel_futures=True)


@contextmanager
def ordered_pool(
    done: Callable[[T], object], threads: int = 1
) -> Iterator[Callable[[Callable[[], T]], None]]:
    """A pool of threads; gives a function that has a task done by one of them.

    The caller waits when more than `threads` + 1 tasks are under way: what they hold stays
    bounded. done: given each result, in the order of the tasks, in the caller's thread. All are
    done where the block ends. What a task raises is raised here, and no later task begins.
    """
    pool = ThreadPoolExecutor(threads)
    under_way: deque[Future[T]] = deque()
    failed: list[BaseException] = []

    def attempt(task: Callable[[], T]) -> T:
        if failed:
            raise failed[0]
        try:
            return task()
        except BaseException as error:
            failed.append(error)
            raise

    def submit(task: Callable[[], T]) -> None:
        under_way.append(pool.submit(attempt, task))
        while under_way and (len(under_way) > threads + 1 or under_way[0].done()):
            done(under_way.popleft().result())

    try:
        yield submit
        while under_way:
            done(under_way.popleft().result())
    finally:
        pool.shutdown(cancel_futures=True)
