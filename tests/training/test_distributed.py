"""Training in several processes: gradients that stay, a long validation, and what torchrun sets."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel

from stvt import baselines
from stvt.core.errors import UsageError
from stvt.training.distributed import DistributedContext, distributed_context
from stvt.training.state import initial_state

from .runs import tiny

SHORT_TIMEOUT = """
import sys, time
from datetime import timedelta
from functools import partial
from pathlib import Path
import torch
from torch import distributed
torch.set_num_threads(1)
start = distributed.init_process_group
distributed.init_process_group = partial(start, timeout=timedelta(seconds=20))
from stvt.training import loop
from stvt.training.recipe import preset_recipe
score = loop.validation_psnr
def slowly(*arguments):
    time.sleep(30)
    return score(*arguments)
loop.validation_psnr = slowly
recipe = preset_recipe("smoke", "space", network="edvr-s", data=("photographs",), steps=4, batch=2,
               log_every=1, save_every=4, validate_every=2, validate_windows=2, precision="fp32")
loop.train(recipe, Path(sys.argv[1]), Path(sys.argv[2]), say=lambda line: None)
"""


@pytest.mark.slow
def test_a_validation_may_take_longer_than_processes_wait_for_a_gradient(
    data: Path, tmp_path: Path
) -> None:
    script = tmp_path / "short_timeout.py"
    script.write_text(SHORT_TIMEOUT)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command = [*launcher, str(script), str(data), str(tmp_path / "run")]
    ended = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert len((tmp_path / "run" / "validation.csv").read_text().splitlines()) == 3


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_a_part_of_the_batch_stay_in_their_process(compiled: bool) -> None:
    distributed.init_process_group(
        "gloo", store=torch._C._distributed_c10d.HashStore(), rank=0, world_size=1
    )
    try:
        two = DistributedContext(0, 2, torch.device("cpu"))
        state = initial_state(
            baselines.network("edvr-s"), tiny(network="edvr-s"), two, compiled=compiled
        )
        [parallel] = [
            one for one in state.model.modules() if isinstance(one, DistributedDataParallel)
        ]
        with state.no_sync():
            assert not parallel.require_backward_grad_sync
        assert parallel.require_backward_grad_sync
    finally:
        distributed.destroy_process_group()


@pytest.mark.parametrize("text", ["abc", "0", "-1", "1.5", "", "²"])
def test_a_world_size_that_is_no_number_is_one_line(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("WORLD_SIZE", text)
    line = f"^WORLD_SIZE={text}: expected a whole number"
    with pytest.raises(UsageError, match=line), distributed_context("cpu"):
        pass


def test_a_world_size_without_torchrun_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(
            UsageError, match="^WORLD_SIZE=2, but RANK, .* not set: start it by torchrun"
        ),
        distributed_context("cpu"),
    ):
        pass
