"""Runs units of work in this process, in local processes or on a Dask cluster; loses none."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any, Generic, TypeVar

from stvt.core.errors import UsageError

Unit = TypeVar("Unit")
Result = TypeVar("Result")

# A unit whose worker died this often is given up: it is likely the unit that kills it.
TRIES = 3


def run_units(
    work: Callable[[Unit], Result],
    units: Sequence[Unit],
    workers: int = 1,
    cluster: str | None = None,
) -> Iterator[tuple[Unit, Result | None]]:
    """(unit, work(unit)) of each unit as it ends; None for one whose worker died `TRIES` times.

    work:    a function of a module; what it raises is raised here, so it should return failures.
    workers: local processes; 1 is this process.
    cluster: address of a Dask scheduler, `tcp://host:8786`, whose workers see the same folders.
    """
    if cluster:
        yield from _on_cluster(work, units, cluster)
    elif workers > 1:
        yield from _in_processes(work, units, workers)
    else:
        for unit in units:
            yield unit, work(unit)


def _in_processes(
    work: Callable[[Unit], Result], units: Sequence[Unit], workers: int
) -> Iterator[tuple[Unit, Result | None]]:
    waiting = deque(units)
    suspects: list[Unit] = []
    while waiting:
        # A process that dies takes its pool with it: what was in flight is done later, alone.
        with _pool(workers) as pool:
            flying: dict[Future[Result], Unit] = {}
            broken = False
            while (waiting and not broken) or flying:
                while waiting and not broken and len(flying) < workers:
                    try:
                        flying[pool.submit(work, waiting[0])] = waiting[0]
                        waiting.popleft()
                    except BrokenProcessPool:
                        broken = True
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    unit = flying.pop(future)
                    try:
                        yield unit, future.result()
                    except BrokenProcessPool:
                        broken = True
                        suspects.append(unit)
    for unit in suspects:
        yield unit, _alone(work, unit, TRIES - 1)


def _alone(work: Callable[[Unit], Result], unit: Unit, tries: int) -> Result | None:
    """The unit's result from a process of its own, so that only its own death counts."""
    for _ in range(tries):
        with _pool(1) as pool:
            try:
                return pool.submit(work, unit).result()
            except BrokenProcessPool:
                continue
    return None


@contextmanager
def _pool(workers: int) -> Iterator[Executor]:
    # spawn: a forked child would inherit torch's threads and CUDA's state, which do not survive.
    try:
        executor = ProcessPoolExecutor(
            workers, mp_context=_Spawn(), initializer=_begin_worker, initargs=(workers,)
        )
    except (OSError, ImportError) as error:  # semaphores lie in /dev/shm
        raise UsageError(
            f"--workers: this system lets processes share nothing ({error}): is /dev/shm there, and "
            "may it be written? One worker needs no such thing"
        ) from error
    with executor as pool:
        try:
            yield pool
        except BaseException:
            # Ctrl-C or an error here does not wait for what is in flight: it is done next time.
            for child in active_children():
                child.terminate()
            raise


class _Process(SpawnProcess):
    """A worker that does not run the user's script again, which may have no main guard, or no file."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        script = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = script


class _Spawn(SpawnContext):
    Process = _Process


def _begin_worker(workers: int) -> None:
    """The workers together use every core once, leave Ctrl-C to the parent and end with it."""
    import cv2
    import torch

    from stvt.datasets import cores

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(max(1, cores() // workers))
    cv2.setNumThreads(max(1, cores() // workers))


def _end_with_parent() -> None:
    # After kill -9 of the parent a worker would wait for its next unit for ever.
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@dataclass(frozen=True)
class _InFolder(Generic[Unit, Result]):
    """Work as it would be done here: a cluster's workers were started in folders of their own."""

    folder: str
    work: Callable[[Unit], Result]

    def __call__(self, unit: Unit) -> Result:
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise UsageError(f"a worker of the cluster does not see {self.folder}") from error
        return self.work(unit)


def _on_cluster(
    work: Callable[[Unit], Result], units: Sequence[Unit], address: str
) -> Iterator[tuple[Unit, Result | None]]:
    try:
        from distributed import Client
        from distributed.scheduler import KilledWorker
    except ImportError as missing:
        raise UsageError(
            f"--cluster needs the extra `cluster`: pip install 'stvt[cluster]' ({missing})"
        ) from missing
    # Its log is a traceback for each connection that is refused; what it raises says as much.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    try:
        connect: Any = Client
        client = connect(address, timeout=10)
    except (OSError, ValueError) as refused:
        raise UsageError(f"no Dask scheduler answers at {address}: {refused}") from refused
    with client:
        executor: Any = client.get_executor(pure=False, retries=0)
        there = _InFolder(os.getcwd(), work)
        flying = {executor.submit(there, unit): unit for unit in units}
        while flying:
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                unit = flying.pop(future)
                try:
                    yield unit, future.result()
                except KilledWorker:
                    yield unit, None
                except CancelledError as gone:
                    raise UsageError(
                        f"the Dask scheduler at {address} is gone; start it and its workers and "
                        "give the same command again: what was done is kept"
                    ) from gone
