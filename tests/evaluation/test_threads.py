"""Threads beside the main one: in order, bounded, and its errors surface."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from stvt.evaluation.threads import ordered_pool, prefetch


def test_items_come_in_order_and_are_read_by_another_thread_a_few_prefetch() -> None:
    made: list[int] = []
    by: set[int] = set()

    def items() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            by.add(threading.get_ident())
            yield number

    for number in prefetch(items(), 3):
        assert number == len(range(number)) and len(made) <= number + 5
    assert made == list(range(20))
    assert by.isdisjoint({threading.get_ident()}) and len(by) == 1


def test_what_making_an_item_raises_comes_where_it_is_asked_for() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no second")

    coming = prefetch(items())
    assert next(coming) == 1
    with pytest.raises(ValueError, match="no second"):
        next(coming)


def test_a_reader_that_is_left_early_ends_its_thread() -> None:
    before = threading.active_count()
    coming = prefetch(iter(range(1000)))
    assert next(coming) == 0
    coming.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("threads", [1, 3])
def test_results_come_in_the_order_of_the_tasks_to_the_caller(threads: int) -> None:
    results: list[int] = []
    callers: set[int] = set()

    def done(result: int) -> None:
        results.append(result)
        callers.add(threading.get_ident())

    gate = threading.Event()

    def held(number: int, last: bool) -> int:
        if last:
            gate.set()
        gate.wait()
        return number

    with ordered_pool(done, threads) as submit:
        for number in range(threads):  # these wait until the last of them is there
            last = number == threads - 1
            submit(partial(held, number, last))
        for number in range(threads, 30):
            submit(lambda n=number: n)  # type: ignore[misc]
    assert results == list(range(30))
    assert callers == {threading.get_ident()}


def test_the_caller_waits_for_tasks_that_fall_behind() -> None:
    running, most, lock = 0, 0, threading.Lock()
    given = 0

    def task() -> None:
        nonlocal most
        with lock:
            most = max(most, given - finished)

    finished = 0

    def done(_: None) -> None:
        nonlocal finished
        finished += 1

    with ordered_pool(done, 2) as submit:
        for _ in range(50):
            given += 1
            submit(task)
    assert finished == 50 and running == 0 and most <= 4


def test_what_a_task_raises_ends_the_block_and_drops_later_tasks() -> None:
    seen: list[int] = []
    results: list[int] = []

    def task(number: int) -> int:
        if number == 2:
            raise OSError("disk full")
        seen.append(number)
        return number

    with pytest.raises(OSError, match="disk full"), ordered_pool(results.append, 1) as submit:
        for number in range(100):
            submit(lambda n=number: task(n))  # type: ignore[misc]
    assert results == seen == [0, 1]


def test_an_error_of_the_caller_is_not_hidden() -> None:
    with pytest.raises(KeyError), ordered_pool(lambda _: None, 1) as submit:
        submit(lambda: None)
        raise KeyError("mine")
