"""Multiply-accumulates and parameters, against formulas on paper and the spec of STVUN."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torchvision.ops import deform_conv2d

from stvt.baselines import METHODS, MethodError, build, network
from stvt.baselines.method import IsWanted, Outputs, Settings, WindowMethod, everything
from stvt.baselines.stvun.method import StvunMethod
from stvt.baselines.stvun.network import STVUN
from stvt.profiling.flops import count, parameters
from stvt.profiling.timing import measure
from tests.builders.counting import operations_of


class Convolution(WindowMethod):
    """One convolution of the window's frames, enlarged by repeating."""

    name, scale, before, after = "convolution", 4, 1, 1

    def __init__(self) -> None:
        self.network = nn.Conv2d(3, 5, 3, padding=1, bias=False)

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        made = self.network(window)[:, :3].mean(0, keepdim=True)
        large = functional.interpolate(made, scale_factor=4)
        return large.expand(1 + len(times), -1, -1, -1)


class Looking(Convolution):
    """Looks at the numbers of its frames, as OpenCV would."""

    def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
        window.numpy()
        return super().__call__(window, times)


def macs(run: Any) -> float:
    return operations_of(run)[0]


def test_convolutions_and_matrix_products_count_once_a_multiplication() -> None:
    x = torch.zeros(2, 8, 10, 12)
    assert macs(lambda: nn.Conv2d(8, 6, 3, padding=1)(x)) == 2 * 6 * 8 * 9 * 120
    assert macs(lambda: nn.Conv2d(8, 6, 3, padding=1, groups=2)(x)) == 2 * 6 * 4 * 9 * 120
    assert macs(lambda: torch.zeros(3, 4, 5) @ torch.zeros(5, 7)) == 3 * 4 * 5 * 7
    assert macs(lambda: functional.linear(torch.zeros(9, 4), torch.zeros(2, 4))) == 9 * 4 * 2


def test_in_inference_mode_the_count_is_the_same() -> None:
    with torch.inference_mode():
        x = torch.zeros(2, 8, 10, 12)
        assert macs(lambda: nn.Conv2d(8, 6, 3, padding=1)(x)) == 2 * 6 * 8 * 9 * 120
        assert macs(lambda: torch.zeros(3, 4, 5) @ torch.zeros(5, 7)) == 3 * 4 * 5 * 7


def test_grid_sampling_mixes_four_values_for_each() -> None:
    x, grid = torch.zeros(2, 5, 8, 8), torch.zeros(2, 3, 7, 2)
    assert macs(lambda: functional.grid_sample(x, grid, align_corners=True)) == 4 * 2 * 5 * 21
    assert macs(lambda: functional.grid_sample(x, grid, "nearest", align_corners=True)) == 0


def test_deformable_convolution_counts_the_convolution_and_its_samples() -> None:
    x, weight = torch.zeros(2, 8, 6, 6), torch.zeros(4, 8, 3, 3)
    offset, mask = torch.zeros(2, 2 * 18, 6, 6), torch.zeros(2, 2 * 9, 6, 6)
    count, uncounted = operations_of(
        lambda: deform_conv2d(x, offset, weight, padding=(1, 1), mask=mask)
    )
    assert count == 2 * 36 * (4 * 8 * 9 + 4 * 8 * 9)
    assert uncounted == {}


def test_a_weighted_sum_of_rows_counts_each_value_read() -> None:
    table, index, weights = torch.zeros(50, 6), torch.zeros(20, 3).long(), torch.zeros(20, 3)

    def bag() -> None:
        functional.embedding_bag(index, table, mode="sum", per_sample_weights=weights)

    assert macs(bag) == 20 * 3 * 6


def test_a_product_that_is_summed_is_a_matrix_product_written_out() -> None:
    a, b = torch.zeros(1, 16, 5, 5), torch.zeros(1, 16, 5, 5)
    assert macs(lambda: (a * b).sum(1)) == 16 * 25
    assert macs(lambda: (a * b).mean(1)) == 16 * 25
    assert macs(lambda: a * b) == 0
    assert macs(lambda: (a * 2).sum(1)) == 0


def test_what_has_no_formula_is_named_and_what_moves_data_is_not() -> None:
    x = torch.zeros(1, 4, 8, 8)

    def run() -> None:
        y = functional.leaky_relu(torch.cat([x, x.flip(2)], 1).reshape(2, 4, 8, 8) + 1)
        functional.pixel_shuffle(functional.pad(y.permute(0, 1, 3, 2).contiguous(), (1, 1)), 2)
        torch.fft.rfft2(x)

    assert operations_of(run) == (0, {"aten._fft_r2c": 1})


@pytest.mark.parametrize(("times", "millions"), [(0, 31.37 - 5.877), (1, 52.09), (3, 93.52)])
def test_a_window_of_stvun_costs_what_its_spec_says(times: int, millions: float) -> None:
    """Without times no flow is made here; the spec's 5.877 are the flow."""
    stvun, moments = network("stvun"), [(k + 1) / (times + 1) for k in range(times)]
    window = torch.zeros(1, 7, 3, 64, 64)
    with torch.inference_mode(), FakeTensorMode(allow_non_fake_inputs=True):
        found = macs(lambda: stvun(window, moments))
    assert found / 64**2 / 1e6 == pytest.approx(millions, rel=0.005)


def test_in_a_sequence_stvun_costs_less_by_what_its_spec_says() -> None:
    method = StvunMethod(STVUN().eval(), Settings())
    found = count(method, 540, 960)
    padded = 144 * 240  # of 135 x 240, to multiples of 16
    assert found.multiply_accumulates == pytest.approx((52.09 - 3.82) * 1e6 * padded, rel=0.005)
    assert found.counted_at == (540, 960)
    assert set(found.uncounted) == {"aten.avg_pool2d"}


def test_a_frame_without_numbers_costs_what_one_with_numbers_does() -> None:
    plain, looking = count(Convolution(), 80, 96), count(Looking(), 80, 96)
    assert plain.multiply_accumulates == 3 * 3 * 5 * 9 * 20 * 24
    assert looking.multiply_accumulates == plain.multiply_accumulates
    assert plain.counted_at == (80, 96) and looking.counted_at == (20, 24)


def test_a_branch_on_numbers_is_taken_as_if_true_and_said() -> None:
    class Branching(Convolution):
        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            made = super().__call__(window, times)
            return made if bool((made > 0).all()) else made + 1

    found = count(Branching(), 80, 96)
    assert found.counted_at == (80, 96)
    assert found.uncounted["branches on numbers, taken as if true"] == 1


def test_a_size_that_does_not_divide_by_four_is_scaled_by_area() -> None:
    found = count(Looking(), 540, 960)
    assert found.counted_at == (132, 240)
    assert found.multiply_accumulates == 3 * 3 * 5 * 9 * 135 * 240


def test_counting_leaves_the_method_as_it_was() -> None:
    class Keeping(Convolution):
        kept: Tensor | None = None

        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            self.kept = window if self.kept is None else self.kept
            return super().__call__(window, times) + self.kept.sum()

    method = Keeping()
    before = method.network.weight.clone()
    count(method, 64, 64)
    assert method.kept is None
    torch.testing.assert_close(method.network.weight, before)
    assert method(torch.ones(3, 3, 8, 8), [0.5]).isfinite().all()


def test_what_a_room_keeps_in_a_cached_function_has_numbers_after_counting() -> None:
    from stvt.baselines.classical import resize as enlarge

    class Cached(Convolution):
        def __call__(self, window: Tensor, times: Sequence[float]) -> Tensor:
            return super().__call__(window, times) + enlarge.resampling("bicubic", 4, 0.0)[0].sum()

    count(Cached(), 32, 32)
    assert type(enlarge.resampling("bicubic", 4, 0.0)[0]) is Tensor


class Spatial(Convolution):
    """Makes no new frames, as EDVR."""

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
    ) -> Outputs:
        return super().stream(frames, (), is_wanted)


def test_a_spatial_method_is_counted_on_a_frame_in_register() -> None:
    found = count(Spatial(), 80, 96, time=0)
    assert found.multiply_accumulates == count(Convolution(), 80, 96).multiply_accumulates
    assert count(Convolution(), 80, 96, time=0).multiply_accumulates == found.multiply_accumulates


def test_only_the_outputs_that_were_asked_for_count() -> None:
    class Generous(Convolution):
        """Makes every output, whichever are wanted."""

        def stream(
            self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
        ) -> Outputs:
            for at, output in super().stream(frames, times):
                with torch.no_grad():
                    self.network(output[None])  # each output costs
                yield at, output

    each = 3 * 5 * 9 * 80 * 96
    window = 3 * 3 * 5 * 9 * 20 * 24
    assert count(Generous(), 80, 96).multiply_accumulates == window + 2 * each
    assert count(Generous(), 80, 96, time=0).multiply_accumulates == window + each


def test_an_endless_sequence_ends_where_no_output_comes() -> None:
    class Whole(Convolution):
        """Reads the sequence to its end before it makes anything."""

        def stream(
            self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
        ) -> Outputs:
            return super().stream(list(frames), times, is_wanted)

    class Short(Convolution):
        def stream(
            self, frames: Iterable[Tensor], times: Sequence[float], is_wanted: IsWanted = everything
        ) -> Outputs:
            return super().stream(islice(frames, 5), times, is_wanted)

    for method, time, said in (
        (Spatial(), 0.5, "made no new frame"),
        (Whole(), 0.5, "made no new frame from 100 input frames"),
        (Whole(), 0, "made no frame in register"),
        (Short(), 0.5, "made no more new frames"),
    ):
        with pytest.raises(MethodError, match=said):
            count(method, 32, 32, time=time)
        with pytest.raises(MethodError, match=said):
            measure(method, 32, 32, time, warm_up=1, max_repeats=50)


@pytest.mark.parametrize("time", [0, 0.5])
@pytest.mark.parametrize(
    "spec",
    [
        *("bicubic", "edvr-s", "blend", "flow", "stvun-s", "edvr-s+blend"),
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("blend+edvr-s", "dain", "fisr", "rife", "zsm", "rstt-s")
        ),
    ],
)
def test_every_method_is_counted_and_timed_or_refused_at_once(spec: str, time: float) -> None:
    kind, scales = (METHODS[spec].kind, METHODS[spec].scales) if spec in METHODS else ("", (4,))
    method = build(spec, Settings(scale=scales[-1], untrained=True))
    size = (16 * method.scale, 16 * method.scale)
    if kind == "spatial" and time:
        with pytest.raises(MethodError, match="made no new frame"):
            measure(method, *size, time, budget_seconds=0)
        return
    assert measure(method, *size, time, warm_up=1, min_repeats=1, budget_seconds=0).n == 1
    found = count(method, *size, time)
    assert (found.multiply_accumulates is None) == (not method.networks())


def test_a_method_without_networks_has_no_operations() -> None:
    class Plain(Convolution):
        def networks(self) -> list[nn.Module]:
            return []

    assert count(Plain()).multiply_accumulates is None
    assert parameters(Plain()) == 0


def test_parameters_count_once_each_and_buffers_not() -> None:
    class Shared(Convolution):
        def __init__(self) -> None:
            self.first, self.second = nn.BatchNorm2d(7), nn.Linear(3, 4)

        def networks(self) -> list[nn.Module]:
            return [nn.ModuleList([self.first, self.second]), self.second]

    assert parameters(Shared()) == 2 * 7 + 3 * 4 + 4


def test_stvun_has_the_parameters_of_its_spec() -> None:
    assert parameters(StvunMethod(STVUN().eval(), Settings())) == 30_882_276
