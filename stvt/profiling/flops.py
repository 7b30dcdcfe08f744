"""Parameters of a method, and the multiply-accumulates of one frame, by torch's FlopCounterMode."""

from __future__ import annotations

import copy
import sys
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any, Self

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from stvt.baselines import Method, MethodError, Scene, whole_frame_blocks

WARM_UP = 4  # outputs before those that are counted: by then every window is full of frames
COUNTED = 2  # outputs
PATIENCE = 100  # input frames without an output, after which none is expected any more
REDUCED = 4  # how many times smaller in each direction a count with numbers is made


@dataclass(frozen=True)
class Operations:
    """The operations of one frame in the middle of a sequence.

    multiply_accumulates: of what ran, so what a method reuses between frames is counted once; None
                for a method without networks. Half of what torch's flop counter says of matrix
                products and convolutions, and the formulas below; element-wise arithmetic is not
                counted, by custom.
    uncounted:  operators that ran for it, do arithmetic and have no formula: name -> how often.
    counted_at: height and width of the enlarged frame at which the count was made. If that is not
                the size asked for, the method would not run without numbers, and the count was
                scaled by area (exact but for what a network pads).
    """

    multiply_accumulates: int | None
    uncounted: dict[str, int]
    counted_at: tuple[int, int]


def parameters(method: Method) -> int:
    """Parameters of the method's networks, each counted once however often it is used.

    Buffers are not parameters.
    """
    parameters = (p for network in method.networks() for p in network.parameters())
    return sum({id(parameter): parameter.numel() for parameter in parameters}.values())


def device_of(method: Method) -> torch.device:
    """The device of the method's networks; the CPU if it has none."""
    devices = (p.device for network in method.networks() for p in network.parameters())
    return next(devices, torch.device("cpu"))


def low_resolution(method: Method, height: int, width: int) -> tuple[int, int]:
    """The size of input frame whose enlargement is at least that large: 135x240 for 540x960."""
    return -(-height // method.scale), -(-width // method.scale)


def reach(method: Method, moments: Sequence[float], times: Sequence[float]) -> tuple[int, int]:
    """The number of input frames before and after its own that the outputs at some times read.

    A new frame comes only where the next input frame does, even if it does not read that.
    """
    read = [method.support(t, times) for t in moments]
    return max(before for before, _ in read), max(any(moments), *(after for _, after in read))


def count(method: Method, height: int = 540, width: int = 960, time: float = 0.5) -> Operations:
    """The operations of one upsampled frame of that size, averaged over those between two input frames.

    time: of that frame, in (0, 1); 0 is the frame in register with each input frame, for methods
    that make no new ones.

    The method is run as `timing.measure` runs it, but on tensors without numbers: that takes
    seconds at any size. One that looks at the numbers on its way (with OpenCV, say) is run on
    real frames instead, four times smaller in each direction.
    """
    if not method.networks():
        return Operations(None, {}, (height, width))
    low = low_resolution(method, height, width)
    try:
        total, uncounted = _without_numbers(method, low, time)
        return Operations(round(total), uncounted, (height, width))
    except Exception:  # noqa: BLE001  # whatever it is that this method cannot do without numbers
        small = low[0] // REDUCED or 1, low[1] // REDUCED or 1
        total, uncounted = _counted(method, small, time)
    at = small[0] * method.scale, small[1] * method.scale
    return Operations(round(total * prod(low) / prod(small)), uncounted, at)


def begin_endless(method: Method, height: int, width: int) -> None:
    """Tells a method that the scene of a benchmark comes, whose enlarged frames have that size."""
    method.begin(Scene("timing", "synthetic", 2**31, 2, height, width))


def endless_outputs(method: Method, frames: Iterable[Tensor], time: float) -> Iterator[Tensor]:
    """One output for each of endless `frames`: the new one at k + time, or with time 0 that at k.

    Raises MethodError where there will be no more of them, instead of waiting without end: after
    `PATIENCE` frames without one, or when the method ends.
    """
    waiting = 0
    what = "new frame" if time else "frame in register with its input"

    def read() -> Iterator[Tensor]:
        nonlocal waiting
        for frame in frames:
            waiting += 1
            if waiting > PATIENCE:
                raise MethodError(
                    f"{method.name} made no {what} from {PATIENCE} input frames; it makes none, "
                    "or only from whole sequences, and an endless one cannot tell its cost"
                )
            yield frame

    def is_wanted(at: float) -> bool:
        return (at % 1 != 0) == (time != 0)

    for at, output in method.stream(read(), (time,) if time else (), is_wanted):
        if is_wanted(at):
            waiting = 0
            yield output
    raise MethodError(f"{method.name} made no more {what}s, though its input frames do not end")


def _without_numbers(
    method: Method, low: tuple[int, int], time: float
) -> tuple[float, dict[str, int]]:
    weights = [t for n in method.networks() for t in (*n.parameters(), *n.buffers())]
    # A copy that shares the weights: what it keeps for later will have no numbers.
    ghost = copy.deepcopy(method, {id(weight): weight for weight in weights})
    try:
        # No numbers, no memory: a whole frame as one block, for each operator takes its time to see.
        with FakeTensorMode(allow_non_fake_inputs=True), whole_frame_blocks():
            return _counted(ghost, low, time)
    finally:
        _empty_caches()


def _empty_caches() -> None:
    """Of the functions in the methods' modules: they too may now keep tensors without numbers."""
    for name, module in list(sys.modules.items()):
        if name.startswith("stvt.baselines."):
            for function in list(vars(module).values()):
                if hasattr(function, "cache_clear"):
                    function.cache_clear()


def _counted(method: Method, low: tuple[int, int], time: float) -> tuple[float, dict[str, int]]:
    """Multiply-accumulates of a frame, and what ran without being counted."""
    begin_endless(method, method.scale * low[0], method.scale * low[1])
    warm_up, number = (max(count, method.burst) for count in (WARM_UP, COUNTED))
    with Counter() as counter:
        outputs = endless_outputs(method, _frames(low, device_of(method)), time)
        take(outputs, warm_up)
        counter.reset()
        take(outputs, number)
    uncounted = {name: -(-times // number) for name, times in sorted(counter.uncounted.items())}
    return counter.multiply_accumulates / number, uncounted


def _frames(low: tuple[int, int], device: torch.device) -> Iterator[Tensor]:
    while True:
        # Each a tensor of its own: methods know frames that they have seen by identity.
        yield torch.zeros(3, *low, device=device)


def take(outputs: Iterator[Tensor], number: int) -> None:
    """Has so many outputs made, and lets them go."""
    for _ in islice(outputs, number):
        pass


class Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what runs while it is entered: FlopCounterMode, and in the operators that this hands on
    what it does not see.

    multiply_accumulates: by torch's counter with our formulas, and of products that are summed.
    bytes:     that operators read and write, each its inputs and its results in memory once. What
               stays in a cache between two of them costs less, what one reads several times more.
    uncounted: operators that do arithmetic and have no formula: name -> how often.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = FlopCounterMode(display=False, custom_mapping=FORMULAS)
        self.product: Callable[[], Any] = lambda: None
        self.reset()

    def __enter__(self) -> Self:
        super().__enter__()  # type: ignore[no-untyped-call]
        self.flops.__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: object) -> None:
        self.flops.__exit__(*error)  # type: ignore[no-untyped-call]
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def reset(self) -> None:
        """Forgets what was counted.

        torchvision takes seconds to load, so its operator has its formula once a method brought it.
        """
        if "torchvision" in sys.modules:
            operator = torch.ops.torchvision.deform_conv2d
            self.flops.flop_registry[operator] = _deformable_convolution
        self.flops.flop_counts.clear()
        self.bytes = self.sums = 0
        self.uncounted: dict[str, int] = defaultdict(int)

    @property
    def multiply_accumulates(self) -> float:
        return self.flops.get_total_flops() / 2 + self.sums

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.namespace == "prim":
            return func(*args, **kwargs)
        operator = func.overloadpacket
        if operator is aten._local_scalar_dense and isinstance(args[0], FakeTensor):
            return self._guess(args[0])
        output = func(*args, **kwargs)
        if not (_is_view(func) or operator.__name__ in EMPTY):
            self.bytes += _bytes([args, kwargs, output])
        if operator in SUMS and self.product() is args[0]:
            # A product that is then summed is a matrix product written out: that is how cost
            # volumes and attention scores are often computed.
            self.sums += int(args[0].numel())
        elif operator not in self.flops.flop_registry and not _moves_or_is_elementwise(func):
            self.uncounted[str(operator)] += 1
        if operator is aten.mul and isinstance(args[1], Tensor):
            self.product = weakref.ref(output)
        return output

    def _guess(self, value: FakeTensor) -> bool:
        """The condition that a branch waits for, where there are no numbers to decide it."""
        if value.dtype != torch.bool:
            raise ValueError("a number is needed where there are none")
        self.uncounted["branches on numbers, taken as if true"] += 1
        return True


def _moves_or_is_elementwise(func: Any) -> bool:
    if torch.Tag.pointwise in func.tags or func.overloadpacket.__name__ in MOVES:
        return True
    return _is_view(func)


def _is_view(func: Any) -> bool:
    returned = [result.alias_info for result in func._schema.returns]
    return any(alias is not None and not alias.is_write for alias in returned)


def _bytes(values: Any) -> int:
    """Of all tensors in it, one that is there twice twice."""
    if isinstance(values, Tensor):
        return values.nbytes
    if isinstance(values, dict):
        values = list(values.values())
    return sum(map(_bytes, values)) if isinstance(values, (list, tuple)) else 0


aten = torch.ops.aten
SUMS = (aten.sum, aten.mean)
_MOVING = """
    arange detach_ empty empty_like empty_permuted empty_strided eye fill_ full full_like lift_fresh
    linspace new_empty new_empty_strided new_full new_ones new_zeros ones ones_like scalar_tensor
    zero_ zeros zeros_like _assert_async _local_scalar_dense _pin_memory _reshape_copy _to_copy
    _unsafe_index _unsafe_view cat channel_shuffle clone constant_pad_nd copy_ flip gather im2col
    index index_put index_put_ index_select masked_select max_pool2d_with_indices pixel_shuffle
    pixel_unshuffle reflection_pad2d repeat replication_pad2d roll scatter select_scatter
    slice_scatter split_with_sizes_copy stack
"""
EMPTY = frozenset(["empty", "empty_like", "empty_permuted", "empty_strided", "new_empty"])
# The last three are element-wise, but not tagged so by every version.
MOVES = frozenset([*_MOVING.split(), "floor_divide", "leaky_relu", "leaky_relu_"])


def _deformable_convolution(
    x: Any, weight: Any, offset: Any, mask: Any, *_: Any, out_val: Any, **__: Any
) -> int:
    """The convolution, and the bilinear reading of its samples: 4 multiply-accumulates each."""
    rows, columns = weight.shape[2:]
    places = prod(out_val.shape[2:]) * out_val.shape[0]
    return int(2 * places * (prod(weight.shape) + 4 * x.shape[1] * rows * columns))


def _grid_sampling(x: Any, grid: Any, mode: int, *_: Any, out_val: Any, **__: Any) -> int:
    """Bilinear (0) mixes 2^n values for each one made, nearest (1) none, bicubic (2) 16."""
    mixed = {0: 2 ** (x.ndim - 2), 1: 0, 2: 16}[mode]
    return int(2 * mixed * out_val.numel())


def _weighted_bags(weight: Any, indices: Any, *_: Any, **__: Any) -> int:
    """Rows of a table, summed with weights: one multiply-accumulate for each value read."""
    return 2 * int(indices.numel()) * int(weight.shape[1])


FORMULAS: dict[Any, Callable[..., int]] = {
    aten.grid_sampler_2d: _grid_sampling,
    aten.grid_sampler_3d: _grid_sampling,
    aten.cudnn_grid_sampler: lambda x, grid, **k: _grid_sampling(x, grid, 0, **k),
    aten._embedding_bag: _weighted_bags,
    aten._embedding_bag_forward_only: _weighted_bags,
}


for _formula in FORMULAS.values():
    _formula._get_raw = True  # type: ignore[attr-defined]  # the tensors, not their shapes alone
