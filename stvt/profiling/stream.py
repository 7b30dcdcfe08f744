"""The stream comparison: a method as a stream and window by window, in turns, on the same frames."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from stvt.baselines import Method, MethodError, compile_networks, reference_kernels
from stvt.device import device_name
from stvt.profiling.breakdown import Breakdown, Cost
from stvt.profiling.flops import device_of, low_resolution, reach
from stvt.profiling.synthetic import kind_of, moving_scene

FormName = Literal["published", "moments", "windows", "stream", "compiled", "graphs"]
COMPILED: dict[FormName, str] = {"compiled": "parts", "graphs": "graphs"}
MEGAPIXEL = 1e6
NEAR = 1e-6  # of two times of one frame


@dataclass
class Part:
    """The cost of a part of a method, or of the whole, in each lap: all outputs of an interval between
    two input frames. Multiply-accumulates and bytes are of one lap."""

    laps: list[Cost] = field(default_factory=list)
    multiply_accumulates: float = 0.0
    bytes: float = 0.0

    def add(self, cost: Cost, *, timed: bool) -> None:
        """Adds a lap, or takes what was counted in one that is not timed."""
        if timed:
            self.laps.append(cost)
        else:
            self.multiply_accumulates, self.bytes = cost.multiply_accumulates, cost.bytes

    def facts(self) -> dict[str, Any]:
        laps = [{"wall": lap.wall, "process": lap.process} for lap in self.laps]
        return vars(self) | {"laps": laps}


@dataclass
class Form:
    """A way to run a method, and what it cost."""

    name: FormName
    whole: Part = field(default_factory=Part)
    parts: dict[str, Part] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """A method by several forms.

    outputs:    frames that each interval makes; megapixels: in all of them.
    difference: largest of the outputs of the other forms to those of the first, relative to the
                largest output.
    """

    method: str
    weights: str
    height: int
    width: int
    times: tuple[float, ...]
    outputs: int
    megapixels: float
    device: str
    precision: str
    on_cpu: bool
    forms: list[Form]
    difference: float

    def seconds(self, part: Part) -> list[float]:
        """The seconds of each lap: of the processor where that computes, for other programs do not disturb
        it as much as the clock on the wall; else by that clock."""
        return [lap.process if self.on_cpu else lap.wall for lap in part.laps]

    def facts(self) -> dict[str, Any]:
        """The comparison as plain values for JSON."""
        told = {name: value for name, value in vars(self).items() if name != "forms"}
        told["forms"] = {
            form.name: form.whole.facts()
            | {"parts": {name: part.facts() for name, part in form.parts.items()}}
            for form in self.forms
        }
        return told


def compare(
    spec: str,
    method: Method,
    height: int,
    width: int,
    times: Sequence[float] = (0.5,),
    *,
    forms: Sequence[FormName] = ("windows", "stream"),
    rounds: int = 3,
    precision: str = "fp32",
    count: bool = True,
) -> Comparison:
    """Runs a method by each form in turn, interval by interval: A B A B.

    published: all outputs of an interval by themselves, in float32, by PyTorch's convolutions
             in its default layout, whatever the precision of the others.
    moments: every output by itself, from the input frames that it reads alone.
    windows: all outputs of an interval by themselves: the published programs' way.
    stream:  the outputs of one interval after another, sharing what `Method.stream` shares.
    compiled, graphs: the stream of networks that torch.compile made, `graphs` with CUDA graphs.

    One round before those that are timed fills the stream's memory; another, not timed, counts
    multiply-accumulates. height, width: of the outputs, about.
    """
    kind = kind_of(spec)
    times = () if kind == "spatial" else tuple(times)
    moments = times if kind == "temporal" else (0.0, *times)
    if not moments:
        raise MethodError(f"{method.name} makes no frames but new ones; ask for one (--times 1)")
    before, after = reach(method, moments, times)
    uncounted = 1 + count
    dtype = next((p.dtype for n in method.networks() for p in n.parameters()), torch.float32)
    double = torch.float64 if dtype == torch.float64 else torch.float32
    scene = moving_scene(
        before + uncounted + rounds + after + 1, *low_resolution(method, height, width)
    )
    frames = [frame.to(device_of(method), double) for frame in scene]
    methods = {name: _method(name, method) for name in forms}
    runs = {name: _run(name, one, frames, times, moments) for name, one in methods.items()}
    results = [Form(name) for name in forms]
    breakdowns = {name: Breakdown(one) for name, one in methods.items()}
    difference, pixels = 0.0, 0
    for lap in range(uncounted + rounds):
        first: list[Tensor] = []
        for result in results:
            counting, timed = count and lap == 1, lap >= uncounted
            breakdown = breakdowns[result.name]
            kernels = reference_kernels() if result.name == "published" else nullcontext()
            with torch.inference_mode(), kernels, breakdown.measuring(counting=counting):
                outputs, cost = breakdown.run(partial(next, runs[result.name]))
            if counting or timed:
                result.whole.add(cost, timed=timed)
                for name, one in breakdown.costs.items():
                    result.parts.setdefault(name, Part()).add(one, timed=timed)
            breakdown.costs.clear()
            pixels = sum(frame[0].numel() for frame in outputs)
            first = first or outputs
            difference = max(difference, *map(_difference, first, outputs))
    device = device_of(method)
    return Comparison(
        method=method.name,
        weights=method.weights,
        height=height,
        width=width,
        times=times,
        outputs=len(moments),
        megapixels=pixels / MEGAPIXEL,
        device=device_name(device),
        precision="fp64" if double == torch.float64 else precision,
        on_cpu=device.type == "cpu",
        forms=results,
        difference=difference,
    )


def _method(form: FormName, method: Method) -> Method:
    """The method, or a copy of it, as the form runs it."""
    if form in COMPILED:
        copied = copy.deepcopy(method)
        compile_networks(copied, COMPILED[form], device_of(method).type)
        return copied
    return _as_published(method) if form == "published" else method


def _as_published(method: Method) -> Method:
    """The same in float32 and in PyTorch's default layout."""
    copied = copy.deepcopy(method)
    for stage in copied.stages:
        for name, value in (("precision", "fp32"), ("layout", torch.contiguous_format)):
            if hasattr(stage, name):
                setattr(stage, name, value)
    for network in copied.networks():
        network.to(memory_format=torch.contiguous_format)
    return copied


def _run(
    form: FormName,
    method: Method,
    frames: Sequence[Tensor],
    times: tuple[float, ...],
    moments: Sequence[float],
) -> Iterator[list[Tensor]]:
    """The outputs of one interval after another, from the first whose window is full."""
    before, after = reach(method, moments, times)
    if form == "stream" or form in COMPILED:
        outputs = method.stream(
            iter(frames), times, lambda t: t >= before and _is_among(t % 1, moments)
        )
        while interval := [frame for _, frame in islice(outputs, len(moments))]:
            yield interval
        return
    groups = [[m] for m in moments] if form == "moments" else [list(moments)]
    for k in range(before, len(frames) - after):
        # Copies: nothing is known of them from the windows before.
        yield [
            frame
            for group in groups
            for frame in _alone(
                method,
                [frame.clone() for frame in frames[k - before : k + after + 1]],
                [m for m in group if m] if form == "moments" else times,
                {before + m for m in group},
            )
        ]


def _alone(
    method: Method, frames: Iterable[Tensor], times: Sequence[float], wanted: set[float]
) -> list[Tensor]:
    return [frame for _, frame in method.stream(frames, times, lambda t: _is_among(t, wanted))]


def _is_among(time: float, times: Iterable[float]) -> bool:
    """Whether it is one of the times: k + t loses digits of t."""
    return any(abs(time - one) < NEAR for one in times)


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().max() / one.abs().max().clamp(min=1e-12))


def parts_table(
    comparison: Comparison, ceiling: float, copying: float = 0.0
) -> list[dict[str, object]]:
    """One row a part: milliseconds and multiply-accumulates for each megapixel that is made.

    Milliseconds and ratios are medians over the laps, ratios with their p10 and p90. ceiling:
    multiply-accumulates a second, copying: bytes a second that the last form is compared with;
    nothing is said of bytes where that is 0.
    """
    rows: list[dict[str, object]] = []
    forms = comparison.forms
    names = list(dict.fromkeys(name for form in forms for name in form.parts))
    for name in [*names, "all"]:
        row: dict[str, object] = {"method": comparison.method, "part": name}
        parts = [f.whole if name == "all" else f.parts.get(name, Part()) for f in forms]
        spent = [comparison.seconds(part) for part in parts]
        medians = [float(np.median(one)) if one else 0.0 for one in spent]
        for form, part, median in zip(forms, parts, medians, strict=True):
            row[f"ms, {form.name}"] = round(1e3 * median / comparison.megapixels, 1)
            counted = part.multiply_accumulates / comparison.megapixels
            row[f"GMAC, {form.name}"] = round(counted / 1e9, 2)
        row |= _ratio(spent[0], spent[-1])
        last, seconds = parts[-1], medians[-1]
        rate = last.multiply_accumulates / seconds / ceiling if seconds else 0
        row["% of products"] = round(100 * rate)
        if copying:
            row["% of copying"] = round(100 * last.bytes / seconds / copying if seconds else 0)
        rows.append(row)
    return rows


def _ratio(first: Sequence[float], other: Sequence[float]) -> dict[str, object]:
    """How many times faster, lap by lap."""
    ratios = [a / b for a, b in zip(first, other, strict=False) if b]
    if not ratios:
        return {"ratio": None, "p10-p90": ""}
    p10, median, p90 = np.percentile(ratios, [10, 50, 90])
    return {"ratio": round(float(median), 2), "p10-p90": f"{p10:.2f}-{p90:.2f}"}


def stream_table(comparison: Comparison) -> list[dict[str, object]]:
    """One row a form: milliseconds for each interval, and how many times faster than the first."""
    rows: list[dict[str, object]] = []
    first = comparison.seconds(comparison.forms[0].whole)
    for form in comparison.forms:
        seconds = comparison.seconds(form.whole)
        rows.append(
            {
                "method": comparison.method,
                "N": len(comparison.times),
                "form": form.name,
                "median ms": round(1e3 * float(np.median(seconds)), 1),
                "least": round(1e3 * min(seconds), 1),
                "most": round(1e3 * max(seconds), 1),
                "median on the wall": round(
                    1e3 * float(np.median([lap.wall for lap in form.whole.laps])), 1
                ),
                **_ratio(first, seconds),
                "GMAC": round(form.whole.multiply_accumulates / 1e9, 2),
                "difference": f"{comparison.difference:.1e}",
            }
        )
    return rows
