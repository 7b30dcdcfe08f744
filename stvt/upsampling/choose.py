"""The choice of a method: the named one, of which only the parts that a job needs, or the best there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import tee

import torch
from torch import Tensor

from stvt import baselines
from stvt.baselines import Method, MethodError, PrecomputedFrames, Settings, WeightFiles

# The best first.
PREFERRED = ("stvun", "v2f", "stvun-s")
FALLBACK = "bicubic+flow"  # which needs no weights
IDENTITY = "repeat"  # at scale 1 and without new frames
LARGEST_SCALE = 4


class SideBySide(Method):
    """Two methods side by side, bicubic on the left; for looking at both at once."""

    def __init__(self, plain: Method, method: Method) -> None:
        self.plain, self.method = plain, method
        self.name, self.scale = f"{plain.name} | {method.name}", method.scale

    @property
    def stages(self) -> tuple[Method, ...]:
        return (*self.plain.stages, *self.method.stages)

    def support(self, t: float, times: Sequence[float]) -> tuple[int, int]:
        return self.method.support(t, times)

    def stream(
        self,
        frames: Iterable[Tensor],
        times: Sequence[float],
        is_wanted: Callable[[float], bool] = lambda _: True,
    ) -> Iterator[tuple[float, Tensor]]:
        one, other = tee(frames)
        right = self.method.stream(other, times, is_wanted)
        left = self.plain.stream(one, times, is_wanted)
        # The right one first: it reads ahead further, and so settles for both what is wanted.
        for (time, output), (_, plain) in zip(right, left, strict=True):
            yield time, torch.cat([plain.to(output.device), output], -1)


def choose_method(spec: str | None, settings: Settings, *, new: bool) -> Method:
    """The method of that name for this scale, or the best whose weights are there.

    new: whether new frames are made. Of a composition only the part that is needed is
    built: scale 1 needs no spatial one, and no new frames need no temporal one.
    A method that has a larger scale only, or weights of one, is built for that; see its `scale`.

    Raises MethodError if it cannot be built, or if weights are given that no part of it takes.
    """
    if settings.scale == 1 and not new:
        return baselines.build(IDENTITY, settings)
    spec = spec or preferred_method(settings)
    expression = baselines.ALIASES.get(spec, spec)
    parts = baselines.components(expression)
    if len(parts) == 2 and not (settings.scale > 1 and new):
        kinds = [
            baselines.METHODS[part].kind if part in baselines.METHODS else None for part in parts
        ]
        needed = "temporal" if new else "spatial"
        parts = [part for part, kind in zip(parts, kinds, strict=True) if kind in (None, needed)]
        expression = "+".join(parts)
    settings = replace(settings, weights=WeightFiles(settings.weights))
    method = _build(expression, settings, new)
    baselines.check_weights([spec], settings)
    if isinstance(method, PrecomputedFrames):
        raise MethodError(f"{spec}: frames that are made already are for `stvt evaluate` alone")
    if settings.scale == 1 and method.scale != 1:
        raise MethodError(f"{expression} enlarges; for --scale 1 take flow, blend, dain or repeat")
    if len(parts) == 2:
        method.name = spec
    return method


def preferred_method(settings: Settings) -> str:
    """The best method whose weights are there."""
    if settings.untrained:
        return FALLBACK
    names = (n for n in PREFERRED if _has_scale(baselines.ALIASES.get(n, n), settings.scale))
    return next((name for name in names if baselines.has_weights(name, settings)), FALLBACK)


def _build(expression: str, settings: Settings, new: bool) -> Method:
    """The method at the least scale, from the one asked for on, that it has and its weights are of."""
    asked = settings.scale
    scales = range(asked, LARGEST_SCALE + 1) if asked > 1 else (asked,)
    at_scales = [
        replace(settings, scale=scale, phase=(scale - 1) / 2) if scale > asked else settings
        for scale in scales
        if _has_scale(expression, scale)
    ]
    ready = [one for one in at_scales if baselines.has_weights(expression, one)]
    fault: MethodError | None = None
    for one in ready or at_scales[:1] or [settings]:
        try:
            return baselines.build(expression, one, larger=asked > 1, new=new)
        except MethodError as error:  # such as a file of another scale's weights
            fault = fault or error
    raise fault or MethodError(expression)


def _has_scale(expression: str, scale: int) -> bool:
    """Whether those of a method's parts that stvt knows enlarge by so much."""
    specs = [baselines.METHODS.get(part) for part in baselines.components(expression)]
    return all(spec is None or spec.kind == "temporal" or scale in spec.scales for spec in specs)
