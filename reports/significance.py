"""Differences of two methods over the same scenes, with bootstrap confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .run_info import MetricInfo, declared
from .scores import decimals

if TYPE_CHECKING:
    from pandas import DataFrame

Scenes = dict[str, dict[int, float]]  # scene -> frame -> value
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


def by_scene(rows: DataFrame) -> Scenes:
    """Scene -> frame -> value of rows of one metric, data set, channel and method."""
    scenes: Scenes = {}
    for scene, frame, value in zip(rows["scene"], rows["frame"], rows["value"], strict=True):
        scenes.setdefault(str(scene), {})[int(frame)] = float(value)
    return scenes


def difference(
    a: Scenes,
    b: Scenes,
    metric: str,
    tolerance: float | None = None,
    seed: int = SEED,
    about: MetricInfo | None = None,
) -> Difference:
    """The difference of the scores `b` from `a`, both as `by_scene` gives them.

    Averaged over the frames of a scene, and paired over scenes. A scene counts where both have
    the same frames of it.
    tolerance: means nearer than that are the "same"; None is half the last printed digit.
    about:     what the metric declares; None is what is known of its name.
    """
    per_scene: list[float] = []
    means: list[tuple[float, float]] = []
    lacking_a, lacking_b = [], []
    alone_a = alone_b = 0
    for scene in dict.fromkeys([*a, *b]):
        frames_a, frames_b = a.get(scene, {}), b.get(scene, {})
        if frames_a.keys() != frames_b.keys():
            if frames_a.keys() - frames_b.keys():
                lacking_b.append(scene)
            if frames_b.keys() - frames_a.keys():
                lacking_a.append(scene)
            continue
        pairs = [(value, frames_b[frame]) for frame, value in frames_a.items()]
        alone_a += sum(math.isinf(x) and math.isfinite(y) for x, y in pairs)
        alone_b += sum(math.isinf(y) and math.isfinite(x) for x, y in pairs)
        # Frames that equal the truth in both do not differ, and count.
        differences = [0.0 if x == y else y - x for x, y in pairs]
        finite = [value for value in differences if math.isfinite(value)]
        if finite:
            per_scene.append(_mean(finite))
        both = [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]
        if both:
            means.append((_mean([x for x, _ in both]), _mean([y for _, y in both])))
    low, high = interval(np.array(per_scene), seed)
    result = Difference(
        metric,
        _mean(per_scene),
        low,
        high,
        len(per_scene),
        a=_mean([x for x, _ in means]),
        b=_mean([y for _, y in means]),
        lacking_a=tuple(lacking_a),
        lacking_b=tuple(lacking_b),
        identical_a=alone_a,
        identical_b=alone_b,
    )
    slack = 0.5 * 10 ** -decimals(metric) if tolerance is None else tolerance
    higher = (about or declared(metric)).higher_is_better
    return replace(result, verdict=_verdict(result, slack, higher))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


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
