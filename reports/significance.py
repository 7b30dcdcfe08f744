"""Differences of two methods over the same scenes, with bootstrap confidence intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .run_info import declared
from .scores import decimals

if TYPE_CHECKING:
    from pandas import Series

RESAMPLES = 10_000
SEED = 0
CONFIDENCE = 0.95
FEW = 6  # scenes: fewer cannot differ by chance in one direction in less than 5 % of the cases
AT_ONCE = 1_000_000  # numbers drawn at a time


@dataclass(frozen=True)
class Difference:
    """B minus A, the mean over the scenes that both have.

    low, high: confidence interval of the mean by resampling scenes; the mean itself for one scene.
    a, b:      the means of the two over those scenes, frames that equal the truth aside.
    scenes:    how many; `lacking_a`, `lacking_b`: scenes that only the other has.
    verdict:   "better", "worse", "same" (within the tolerance) or "not significant", for B.
    identical_a, identical_b: frames that equal the truth in that one alone; no difference can be
               taken of them, they are left out.
    """

    metric: str
    mean: float
    low: float
    high: float
    scenes: int
    a: float = math.nan
    b: float = math.nan
    verdict: str = ""
    lacking_a: tuple[str, ...] = ()
    lacking_b: tuple[str, ...] = ()
    identical_a: int = 0
    identical_b: int = 0

    def notes(self) -> list[str]:
        """Notes that a reader needs with the numbers."""
        sentences = []
        if self.scenes == 1:
            sentences.append("One scene: no interval, the difference alone decides.")
        elif 0 < self.scenes < FEW:
            sentences.append(f"{self.scenes} scenes: the interval is a rough one.")
        for which, scenes in (("first", self.lacking_a), ("second", self.lacking_b)):
            if scenes:
                listed = ", ".join(scenes[:3]) + (" ..." if len(scenes) > 3 else "")
                sentences.append(f"{len(scenes)} scenes lack scores of the {which}: {listed}.")
        for which, frames in (("first", self.identical_a), ("second", self.identical_b)):
            if frames:
                plural = "s equal" if frames > 1 else " equals"
                sentences.append(
                    f"{frames} frame{plural} the truth in the {which} alone: left out."
                )
        return sentences


def interval(differences: NDArray[np.float64], seed: int = SEED) -> tuple[float, float]:
    """The 95 % confidence interval of their mean: a percentile bootstrap of 10,000 resamples.

    The same differences give the same interval.
    """
    number = len(differences)
    if number < 2:
        return (float(differences[0]),) * 2 if number else (math.nan, math.nan)
    from scipy.stats import bootstrap

    result = bootstrap(
        (differences,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=max(1, AT_ONCE // number),
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(result.low), float(result.high)


def difference(
    a: Series[float],
    b: Series[float],
    metric: str,
    tolerance: float | None = None,
    higher_is_better: bool | None = None,
) -> Difference:
    """The difference of the scores `b` from `a`, both indexed by scene and frame.

    Averaged over the frames of a scene, and paired over scenes. A scene counts where both have
    the same frames of it.
    tolerance: means nearer than that are the "same"; None is half the last printed digit.
    higher_is_better: None is what is known of the metric's name.
    """
    lacking_a: tuple[str, ...] = ()
    lacking_b: tuple[str, ...] = ()
    if not a.index.equals(b.index):
        lacking_a, lacking_b = (
            tuple(more.index.difference(fewer.index).unique("scene"))
            for more, fewer in ((b, a), (a, b))
        )
        uneven = [*lacking_a, *lacking_b]
        a, b = (of[~of.index.isin(uneven, level="scene")].sort_index() for of in (a, b))
    index: Any = a.index
    scenes = index.codes[0]
    x, y = (np.asarray(of, np.float64) for of in (a, b))
    finite_x, finite_y = np.isfinite(x), np.isfinite(y)
    # Frames that equal the truth in both do not differ, and count.
    equal = x == y
    apart = np.subtract(y, x, out=np.zeros_like(x), where=~equal)
    per_scene = _scene_means(apart, scenes, np.isfinite(apart))
    both = finite_x & finite_y
    low, high = interval(per_scene)
    result = Difference(
        metric,
        _mean(per_scene),
        low,
        high,
        len(per_scene),
        a=_mean(_scene_means(x, scenes, both)),
        b=_mean(_scene_means(y, scenes, both)),
        lacking_a=lacking_a,
        lacking_b=lacking_b,
        identical_a=int((np.isinf(x) & finite_y).sum()),
        identical_b=int((np.isinf(y) & finite_x).sum()),
    )
    slack = 0.5 * 10 ** -decimals(metric) if tolerance is None else tolerance
    if higher_is_better is None:
        higher_is_better = declared(metric).higher_is_better
    return replace(result, verdict=_verdict(result, slack, higher_is_better))


def _scene_means(
    values: NDArray[np.float64], scenes: NDArray[np.intp], counted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The mean of the values of each scene that count, for scenes with any."""
    numbers = np.bincount(scenes[counted])
    sums = np.bincount(scenes[counted], values[counted])
    return sums[numbers > 0] / numbers[numbers > 0]


def _mean(values: NDArray[np.float64]) -> float:
    return math.fsum(values) / len(values) if len(values) else math.nan


def _verdict(of: Difference, tolerance: float, higher: bool) -> str:
    sign = 1 if higher else -1
    if math.isnan(of.mean):
        # Nothing but frames that equal the truth: to have more of them is to be better.
        if of.identical_a == of.identical_b:
            return "not comparable"
        return "better" if of.identical_b > of.identical_a else "worse"
    if abs(of.mean) <= tolerance:
        more = of.identical_b - of.identical_a
        return "same" if not more else "better" if more > 0 else "worse"
    if of.low <= 0 <= of.high:
        return "not significant"
    return "better" if sign * of.mean > 0 else "worse"
