"""`accelerate`: the layers of a network become fast, and nothing else of it changes."""

import copy
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from stvt.baselines.acceleration import processor
from stvt.baselines.acceleration.processor import reference_kernels
from stvt.baselines.acceleration.swap import FastConv2d, FastSequential, accelerate
from tests.builders.counting import operations_of


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(96, 96, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.one(x)
        return y


class FastBlock(Block):
    def forward(self, x: Tensor) -> Tensor:
        assert isinstance(self.one, FastConv2d)
        y: Tensor = self.one(x, residual=x)
        return y


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 96, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(96, 96, 3, padding=1), nn.LeakyReLU(0.1)),
        Block(),
        nn.Conv2d(96, 32, 3, padding=2, dilation=2, bias=False),
        nn.LeakyReLU(0.2),
        nn.BatchNorm2d(32),
        nn.Conv2d(32, 32, 1),
        nn.PReLU(),
        nn.Conv2d(32, 32, (1, 3), padding=(0, 1)),
        nn.Conv2d(32, 32, 3, padding="same", groups=4),
        nn.Conv2d(32, 3, 3, padding=1, padding_mode="reflect"),
    ).eval()


@pytest.fixture
def frame() -> Tensor:
    return torch.randn(2, 3, 72, 80, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def without_amx(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(processor, "has_amx", lambda: False)  # whatever runs the tests
    yield


def accelerated() -> nn.Sequential:
    made = network()
    accelerate(made, {Block: FastBlock})
    return made


@torch.inference_mode()
def test_what_it_computes_is_the_same_but_for_rounding(frame: Tensor) -> None:
    plain, fast = network(), accelerated()
    assert type(fast) is type(fast[2]) is FastSequential and type(fast[3]) is FastBlock
    torch.testing.assert_close(fast(frame), plain(frame), rtol=1e-3, atol=1e-4)
    if processor.has_nnpack():
        assert not torch.equal(fast(frame), plain(frame)), "no fast kernel was taken"
    assert torch.equal(fast.double()(frame.double()), plain.double()(frame.double()))


def test_the_state_keeps_its_names_and_can_be_loaded(frame: Tensor) -> None:
    plain, fast = network(), accelerated()
    assert list(fast.state_dict()) == list(plain.state_dict())
    for parameter in fast.parameters():
        parameter.data.zero_()
    fast.load_state_dict(plain.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(fast(frame), plain(frame), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(copy.deepcopy(fast)(frame), fast(frame))


def test_gradients_are_pytorchs_own(frame: Tensor) -> None:
    plain, fast = network(), accelerated()
    for one in (plain, fast):
        torch.autograd.backward(one(frame).square().sum())
    for (name, a), b in zip(plain.named_parameters(), fast.parameters(), strict=True):
        assert a.grad is not None and b.grad is not None and torch.equal(a.grad, b.grad), name


@torch.inference_mode()
def test_reference_kernels_leave_it_out(frame: Tensor) -> None:
    plain, fast = network(), accelerated()
    with reference_kernels():
        assert torch.equal(fast(frame), plain(frame))
        left_out = network()
        accelerate(left_out)
    assert type(left_out[0]) is nn.Conv2d and type(left_out) is nn.Sequential


def test_the_environment_leaves_it_out_too() -> None:
    program = (
        "from torch import nn; from stvt.baselines.acceleration.swap import accelerate; "
        "layer = nn.Conv2d(3, 3, 3); accelerate(layer); print(type(layer).__name__)"
    )
    for asked, name in (("1", "Conv2d"), ("0", "FastConv2d")):
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "STVT_REFERENCE_KERNELS": asked},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.strip() == name


@torch.inference_mode()
def test_bfloat16_by_autocast_stays_near(frame: Tensor) -> None:
    plain, fast = network(), accelerated()
    last = frame.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        made = fast.to(memory_format=torch.channels_last)(last)
    assert made.dtype == torch.bfloat16
    torch.testing.assert_close(made.float(), plain(frame), rtol=0.1, atol=0.05)


@torch.inference_mode()
def test_what_is_counted_is_the_plain_network(frame: Tensor) -> None:
    plain, fast = network(), accelerated()
    assert operations_of(lambda: fast(frame))[0] == operations_of(lambda: plain(frame))[0] > 0


@torch.inference_mode()
def test_it_can_be_compiled(frame: Tensor) -> None:
    fast = accelerated()
    compiled = torch.compile(fast, backend="eager")
    torch.testing.assert_close(compiled(frame), fast(frame), rtol=1e-3, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_it_never_computes_with_weights_of_before(kind: torch.dtype) -> None:
    x, one, other = torch.randn(1, 96, 32, 32).to(kind), Block().to(kind), Block().to(kind)
    for block in (one, other):
        accelerate(block)
    assert not torch.equal(one(x), other(x))
    one.load_state_dict(other.state_dict())
    assert torch.equal(one(x), other(x))
    for parameter in one.parameters():
        parameter.data.zero_()
    assert torch.equal(one(x), x)
