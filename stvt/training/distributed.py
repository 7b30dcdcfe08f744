"""Distributed data-parallel training: the processes under torchrun, or one alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

from stvt.core.errors import UsageError

TORCHRUN = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # environment variables of it


@dataclass(frozen=True)
class DistributedContext:
    """This process among those of a training: its rank, their number, its device.

    patient: the process group of `barrier`, whose timeout no validation reaches.
    """

    rank: int
    world_size: int
    device: torch.device
    patient: Any = None

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and messages for all."""
        return self.rank == 0

    def places(self, batch: int) -> range:
        """The places in a batch of which this process makes the windows."""
        each = batch // self.world_size
        return range(self.rank * each, (self.rank + 1) * each)

    def mean(self, values: dict[str, Tensor]) -> dict[str, float]:
        """The mean of each value over the processes."""
        together = torch.stack([*values.values()]).double()
        if self.world_size > 1:
            distributed.all_reduce(together)
            together /= self.world_size
        return dict(zip(values, together.tolist(), strict=True))

    def barrier(self) -> None:
        """Wait for all processes, however long the main one validates."""
        if self.patient is not None:
            distributed.barrier(self.patient)

    def broadcast(self, flag: bool) -> bool:
        """The main process's flag, in all of them."""
        if self.world_size == 1:
            return flag
        shared = torch.tensor(int(flag), device=self.device)
        distributed.broadcast(shared, 0)
        return bool(shared)


@contextmanager
def distributed_context(device: str) -> Iterator[DistributedContext]:
    """The context that torchrun's environment describes; its process group ends with the block."""
    text = os.environ.get("WORLD_SIZE", "1")
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(
            f"WORLD_SIZE={text}: expected a whole number from 1 on, as torchrun sets it"
        )
    world_size = int(text)
    if world_size == 1:
        yield DistributedContext(0, 1, torch.device(device))
        return
    if missing := [name for name in TORCHRUN if name not in os.environ]:
        raise UsageError(
            f"WORLD_SIZE={text}, but {', '.join(missing)} not set: start it by torchrun, or unset "
            "WORLD_SIZE to train in one process"
        )
    if device.startswith("cuda"):
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        patient = distributed.new_group(backend="gloo", timeout=timedelta(days=365))
        rank = distributed.get_rank()
        yield DistributedContext(rank, world_size, torch.device(device), patient)
    finally:
        distributed.destroy_process_group()
