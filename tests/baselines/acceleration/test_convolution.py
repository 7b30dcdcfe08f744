"""`conv2d` gives what PyTorch's own does, but for rounding, and only where it may."""

from collections.abc import Iterator
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from stvt.baselines.acceleration import convolution, processor, winograd
from stvt.baselines.acceleration.convolution import conv2d
from stvt.baselines.acceleration.processor import memory_format_for, reference_kernels
from tests.builders.counting import operations_of

NNPACK = processor.has_nnpack()

LAST = torch.channels_last


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.manual_seed(0)
    monkeypatch.setattr(processor, "has_amx", lambda: False)  # whatever runs the tests
    with torch.no_grad():
        yield


@pytest.fixture
def with_amx(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a processor with AMX."""
    monkeypatch.setattr(processor, "has_amx", lambda: True)


def layer(inputs: int, outputs: int, kernel: int = 3) -> tuple[Tensor, Tensor]:
    weight = torch.randn(outputs, inputs, kernel, kernel) / (inputs * kernel**2) ** 0.5
    return weight, torch.randn(outputs)


def convolve(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    dilation: int = 1,
    residual: Tensor | None = None,
    negative_slope: float | None = None,
) -> Tensor:
    """With zeros around that keep the size."""
    padding = dilation * (weight.shape[-1] // 2)
    return conv2d(
        x,
        weight,
        bias,
        padding=padding,
        dilation=dilation,
        residual=residual,
        negative_slope=negative_slope,
    )


def error(made: Tensor, truth: Tensor) -> float:
    return float((made.double() - truth).pow(2).mean().sqrt() / truth.pow(2).mean().sqrt())


def exact(x: Tensor, weight: Tensor, bias: Tensor, **named: int) -> Tensor:
    return F.leaky_relu(F.conv2d(x.double(), weight.double(), bias.double(), **named), 0.1)


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "dilation", "size"),
    [
        (32, 40, 3, 1, (37, 51)),
        (30, 33, 7, 1, (40, 45)),
        (24, 24, 11, 1, (40, 33)),
        (32, 32, 3, 2, (35, 40)),
        (24, 32, 3, 8, (50, 61)),
        (64, 2, 3, 1, (37, 51)),
        (40, 3, 3, 1, (40, 40)),
    ],
)
def test_single_precision_is_within_its_rounding(
    inputs: int, outputs: int, kernel: int, dilation: int, size: tuple[int, int]
) -> None:
    x, (weight, bias) = torch.randn(2, inputs, *size), layer(inputs, outputs, kernel)
    made = convolve(x, weight, bias, dilation=dilation, negative_slope=0.1)
    padding = dilation * (kernel // 2)
    truth = exact(x, weight, bias, padding=padding, dilation=dilation)
    assert made.shape == truth.shape and error(made, truth) < 1e-5
    if NNPACK or outputs < 4:
        assert not torch.equal(
            made, F.leaky_relu(F.conv2d(x, weight, bias, 1, padding, dilation), 0.1)
        ), "the fast way was not taken"


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "size"),
    [
        (192, 256, 3, (37, 51)),
        (256, 192, 3, (130, 9)),
        (64, 2, 3, (37, 51)),
        (30, 33, 7, (40, 45)),
    ],
)
@pytest.mark.usefixtures("with_amx")
def test_single_precision_with_channels_last_is_within_its_rounding(
    inputs: int, outputs: int, kernel: int, size: tuple[int, int]
) -> None:
    x, (weight, bias) = torch.randn(2, inputs, *size), layer(inputs, outputs, kernel)
    x, weight = x.contiguous(memory_format=LAST), weight.contiguous(memory_format=LAST)
    made = convolve(x, weight, bias, negative_slope=0.1)
    truth = exact(x, weight, bias, padding=kernel // 2)
    assert made.shape == truth.shape and error(made, truth) < 3e-6
    assert made.is_contiguous(memory_format=LAST), "the next layer would have to turn it"
    if NNPACK or kernel == 3:
        assert not torch.equal(made, by_pytorch(x, weight, bias)), "not the fast way"


@pytest.mark.usefixtures("with_amx")
def test_where_bfloat16_tiles_are_multiplied_pytorchs_own_is_taken() -> None:
    x, (weight, _) = torch.randn(1, 192, 40, 40).bfloat16(), layer(192, 256)
    x, half = x.contiguous(memory_format=LAST), weight.bfloat16()
    assert is_ordinary(x, half)
    with torch.autocast("cpu", torch.bfloat16):
        assert is_ordinary(x.float(), weight)


@pytest.mark.usefixtures("with_amx")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("stride", "kernel"), [(1, 3), (2, 3), (1, 1)])
def test_pytorchs_own_takes_the_sum_and_the_activation_along(
    dtype: torch.dtype, stride: int, kernel: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, (weight, bias) = torch.randn(2, 40, 38, 44), layer(40, 33, kernel)
    x = x.contiguous(memory_format=LAST)
    padding = kernel // 2
    truth = F.conv2d(x.double(), weight.double(), bias.double(), stride, padding)
    residual = torch.randn(truth.shape).to(dtype)
    before = residual.clone()
    passes: list[str] = []
    monkeypatch.setattr(F, "conv2d", lambda *_: passes.append("conv2d"))
    limit = 1e-6 if dtype == torch.float32 else 5e-3
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        for slope in (0.0, 0.1):
            made = conv2d(x, weight, bias, stride, padding, negative_slope=slope)
            assert made.dtype == dtype and made.is_contiguous(memory_format=LAST)
            assert error(made, F.leaky_relu(truth, slope)) < limit
        for slope_after_sum in (None, 0.0):
            made = conv2d(
                x, weight, bias, stride, padding, residual=residual, negative_slope=slope_after_sum
            )
            whole = truth + residual
            assert error(made, whole if slope_after_sum is None else whole.relu()) < limit
    assert not passes and torch.equal(residual, before)


def test_memory_of_a_layer_is_kept_for_the_next() -> None:
    resource = pytest.importorskip("resource")
    processor.tune_allocation.__wrapped__()
    x, (weight, bias) = torch.randn(1, 64, 144, 240).contiguous(memory_format=LAST), layer(64, 64)

    def run() -> int:
        before: int = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        convolve(convolve(x, weight, bias, negative_slope=0.0), weight, bias, residual=x)
        return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt) - before

    first = run()
    assert min(run(), run(), run()) < max(first // 10, 100)


def test_frames_lie_as_the_processor_reads_them_best(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert memory_format_for(cpu, "fp32") == torch.contiguous_format
    assert memory_format_for(cpu, "bf16") == memory_format_for(gpu, "fp32") == LAST
    monkeypatch.setattr(processor, "has_amx", lambda: True)
    assert memory_format_for(cpu, "fp32") == LAST


@pytest.mark.parametrize("size", [(32, 32), (37, 51), (130, 9)])
def test_bfloat16_errs_by_a_few_roundings(size: tuple[int, int]) -> None:
    x, (weight, bias) = torch.randn(2, 192, *size).bfloat16(), layer(192, 256)
    x = x.contiguous(memory_format=torch.channels_last)
    made = convolve(x, weight.bfloat16(), bias.bfloat16(), negative_slope=0.1)
    assert made.dtype == torch.bfloat16
    assert made.is_contiguous(memory_format=torch.channels_last)
    truth = exact(x, weight, bias, padding=1)
    ordinary = by_pytorch(x, weight.bfloat16(), bias.bfloat16())
    assert 0.001 < error(ordinary, truth) < error(made, truth) < 0.02


def by_pytorch(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    with reference_kernels():
        return convolve(x, weight, bias, negative_slope=0.1)


def test_under_autocast_single_precision_is_read_and_bfloat16_made() -> None:
    x, (weight, bias) = torch.randn(1, 192, 32, 40), layer(192, 256)
    with torch.autocast("cpu", torch.bfloat16):
        made = convolve(x, weight, bias, negative_slope=0.1)
        wide = convolve(x[:, :30], *layer(30, 32, 7))
    assert made.dtype == wide.dtype == torch.bfloat16
    assert error(made, exact(x, weight, bias, padding=1)) < 0.02


def test_without_padding_only_whole_kernels_count() -> None:
    x, (weight, bias) = torch.randn(1, 32, 40, 50), layer(32, 24, 7)
    made = conv2d(x, weight, bias, negative_slope=0.1)
    assert made.shape == (1, 24, 34, 44) and error(made, exact(x, weight, bias)) < 1e-5


@pytest.mark.parametrize(
    ("inputs", "outputs", "dilation", "last", "tiles"),
    [
        (32, 40, 1, False, False),  # by NNPACK
        (32, 32, 2, False, False),  # of its phases
        (192, 256, 1, True, True),  # by tiles
        (64, 3, 1, True, True),  # by taps
        (8, 8, 1, False, False),  # PyTorch's own
    ],
)
def test_what_is_added_comes_before_the_activation(
    inputs: int,
    outputs: int,
    dilation: int,
    last: bool,
    tiles: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processor, "has_amx", lambda: tiles)
    monkeypatch.setattr(winograd, "STRIP", {torch.float32: 1 << 20})
    x, (weight, bias) = torch.randn(2, inputs, 37, 41), layer(inputs, outputs)
    residual = torch.randn(2, outputs + 1, 37, 41)[:, 1:]
    layout = LAST if last else torch.contiguous_format
    x, weight = (one.contiguous(memory_format=layout) for one in (x, weight))
    before = residual.clone()
    named = {"dilation": dilation, "residual": residual, "negative_slope": 0.1}
    made = convolve(x, weight, bias, **named)  # type: ignore[arg-type]
    whole = F.conv2d(x.double(), weight.double(), bias.double(), 1, dilation, dilation) + residual
    assert torch.equal(residual, before)
    assert error(made, F.leaky_relu(whole, 0.1)) < 1e-5
    with reference_kernels():
        reference = convolve(x, weight, bias, **named)  # type: ignore[arg-type]
    assert error(reference, F.leaky_relu(whole, 0.1)) < 1e-5 and torch.equal(residual, before)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_strips_do_not_show(kind: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == torch.float32:
        monkeypatch.setattr(processor, "has_amx", lambda: True)
    x = torch.randn(1, 208, 70, 40).to(kind).contiguous(memory_format=LAST)
    weight, bias = (one.to(kind) for one in layer(208, 208))
    few = layer(208, 3)[0].to(kind)
    whole, thin = convolve(x, weight, bias), convolve(x, few)
    planes = x.contiguous()  # which NNPACK reads
    by_planes = convolve(planes, weight, bias)
    monkeypatch.setattr(convolution, "WORKSPACE", 1)
    monkeypatch.setattr(winograd, "STRIP", {kind: 1})
    torch.testing.assert_close(convolve(planes, weight, bias), by_planes, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(convolve(x, weight, bias), whole, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(convolve(x, few), thin, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "layout"),
    list(product((torch.float32, torch.bfloat16), (torch.contiguous_format, LAST))),
)
def test_some_channels_of_a_buffer_are_read_as_they_lie(
    kind: torch.dtype, layout: torch.memory_format
) -> None:
    x = torch.randn(2, 64, 32, 36).to(kind).contiguous(memory_format=layout)
    weight, bias = (one.to(kind) for one in layer(64, 128))
    buffer = torch.empty(2, 197, 32, 36, dtype=kind, memory_format=layout)
    buffer[:, 128:192] = x
    tolerance = 1e-4 if kind == torch.float32 else 0.1
    torch.testing.assert_close(
        convolve(buffer[:, 128:192], weight, bias),
        convolve(x, weight, bias),
        rtol=tolerance,
        atol=tolerance,
    )


def is_ordinary(x: Tensor, weight: Tensor) -> bool:
    return torch.equal(convolve(x, weight), F.conv2d(x, weight, padding=1))


def test_it_is_pytorchs_own_where_it_must_be() -> None:
    x, (weight, _) = torch.randn(1, 64, 40, 40), layer(64, 64)
    if NNPACK:
        assert not is_ordinary(x, weight)
        with reference_kernels():
            assert is_ordinary(x, weight)
    assert is_ordinary(x.double(), weight.double())
    assert is_ordinary(x[..., :16], weight)  # small
    assert is_ordinary(x[:, :8].contiguous(), weight[:, :8])  # thin
    assert is_ordinary(x.contiguous(memory_format=torch.channels_last), weight)


def test_it_counts_as_the_plain_convolution() -> None:
    x, (weight, bias) = torch.randn(1, 64, 40, 40), layer(64, 96)
    counted, uncounted = operations_of(lambda: convolve(x, weight, bias, negative_slope=0.1))
    assert counted == 1600 * 64 * 96 * 9 and not uncounted
    counted, _ = operations_of(lambda: convolve(x.bfloat16(), weight.bfloat16()))
    assert counted == 1600 * 64 * 96 * 9


def test_without_nnpack_it_is_pytorchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "has_nnpack", lambda: False)
    x, (weight, _) = torch.randn(1, 64, 40, 40), layer(64, 64)
    assert is_ordinary(x, weight)
