"""Differences of two methods over the same scenes, how sure they are, and means by time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .formatting import NOTHING, name, of_channel, signed
from .scores import LOWER_IS_BETTER, Averages, Column, Facts, averages
from .tables.run_tables import metric_names, quality_entry, records_of
from .tables.table import Entry, Grid

if TYPE_CHECKING:
    from pandas import DataFrame

Scenes = dict[str, dict[int, float]]  # scene -> frame -> value
RESAMPLES = 10_000
SEED = 0
CONFIDENCE = 0.95
FEW = 6  # scenes: fewer cannot differ by chance in one direction in less than 5 % of the cases
AT_ONCE = 1_000_000  # numbers drawn at a time
# Half of the last digit that is printed: what two machines may differ by.
TOLERANCES = {"psnr": 0.005, "ssim": 0.00005, "lpips": 0.00005}


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
        """What a reader has to know beside the numbers."""
        said = []
        if self.scenes == 1:
            said.append("One scene: no interval, the difference alone decides.")
        elif 0 < self.scenes < FEW:
            said.append(f"{self.scenes} scenes: the interval is a rough one.")
        for which, scenes in (("first", self.lacking_a), ("second", self.lacking_b)):
            if scenes:
                listed = ", ".join(scenes[:3]) + (" ..." if len(scenes) > 3 else "")
                said.append(f"{len(scenes)} scenes lack scores of the {which}: {listed}.")
        for which, frames in (("first", self.identical_a), ("second", self.identical_b)):
            if frames:
                plural = "s equal" if frames > 1 else " equals"
                said.append(f"{frames} frame{plural} the truth in the {which} alone: left out.")
        return said


def interval(differences: NDArray[np.float64], seed: int = SEED) -> tuple[float, float]:
    """The 95 % confidence interval of their mean: scenes drawn anew, with repetition, 10,000 times.

    The percentiles of the means drawn. The same differences give the same interval.
    """
    number = len(differences)
    if number < 2:
        return (float(differences[0]),) * 2 if number else (math.nan, math.nan)
    random = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    step = max(1, AT_ONCE // number)
    for start in range(0, RESAMPLES, step):
        drawn = random.integers(0, number, (min(step, RESAMPLES - start), number))
        means[start : start + step] = differences[drawn].mean(axis=1)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)


def by_scene(rows: DataFrame) -> Scenes:
    """Scene -> frame -> value of rows of one metric, data set, channel and method."""
    found: Scenes = {}
    for scene, frame, value in zip(rows["scene"], rows["frame"], rows["value"], strict=True):
        found.setdefault(str(scene), {})[int(frame)] = float(value)
    return found


def difference(
    a: Scenes, b: Scenes, metric: str, tolerance: float | None = None, seed: int = SEED
) -> Difference:
    """How the scores `b` differ from `a`, both as `by_scene` gives them.

    Averaged over the frames of a scene, and paired over scenes. A scene counts where both have
    the same frames of it.
    tolerance: means nearer than that are the "same"; None is half the last printed digit.
    """
    found: list[float] = []
    means: list[tuple[float, float]] = []
    lacking_a, lacking_b = [], []
    alone_a = alone_b = 0
    for scene in dict.fromkeys([*a, *b]):
        ours, theirs = a.get(scene, {}), b.get(scene, {})
        if ours.keys() != theirs.keys():
            if ours.keys() - theirs.keys():
                lacking_b.append(scene)
            if theirs.keys() - ours.keys():
                lacking_a.append(scene)
            continue
        pairs = [(value, theirs[frame]) for frame, value in ours.items()]
        alone_a += sum(math.isinf(x) and math.isfinite(y) for x, y in pairs)
        alone_b += sum(math.isinf(y) and math.isfinite(x) for x, y in pairs)
        # Frames that equal the truth in both do not differ, and count.
        apart = [0.0 if x == y else y - x for x, y in pairs]
        finite = [value for value in apart if math.isfinite(value)]
        if finite:
            found.append(_mean(finite))
        both = [(x, y) for x, y in pairs if math.isfinite(x) and math.isfinite(y)]
        if both:
            means.append((_mean([x for x, _ in both]), _mean([y for _, y in both])))
    low, high = interval(np.array(found), seed)
    result = Difference(
        metric,
        _mean(found),
        low,
        high,
        len(found),
        a=_mean([x for x, _ in means]),
        b=_mean([y for _, y in means]),
        lacking_a=tuple(lacking_a),
        lacking_b=tuple(lacking_b),
        identical_a=alone_a,
        identical_b=alone_b,
    )
    slack = TOLERANCES.get(metric, 0.0) if tolerance is None else tolerance
    return replace(result, verdict=_verdict(result, slack))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _verdict(of: Difference, tolerance: float) -> str:
    sign = -1 if of.metric in LOWER_IS_BETTER else 1
    if math.isnan(of.mean):
        # Nothing but frames that equal the truth: to have more of them is to be better.
        if of.identical_a == of.identical_b:
            return "not comparable"
        return "better" if of.identical_b > of.identical_a else "worse"
    if abs(of.mean) <= tolerance:
        return "same"
    if of.low <= 0 <= of.high:
        return "not significant"
    return "better" if sign * of.mean > 0 else "worse"


def difference_entries(grid: Grid, of: Difference) -> list[Entry]:
    """The difference, its interval and the number of scenes, as cells of a table."""
    notes = tuple(grid.note(text) for text in of.notes())
    shown = NOTHING if math.isnan(of.mean) else signed(of.metric, of.mean)
    ends = f"{signed(of.metric, of.low)} to {signed(of.metric, of.high)}"
    return [
        Entry((shown,), notes=notes),
        Entry((ends if of.scenes > 1 else NOTHING,)),
        Entry((str(of.scenes),)),
    ]


def difference_grid(
    rows: DataFrame, means: Averages, column: Column, metric: str, tolerance: float | None = None
) -> Grid:
    """Each two methods of a run on one data set: the difference, its interval, and whether it is
    one."""
    dataset, channel = column
    grid = Grid(
        caption=f"{dataset}, differences in {name(metric)}{of_channel(channel)} of each two "
        f"methods: mean over scenes, {CONFIDENCE:.0%} confidence interval by resampling the scenes "
        f"{RESAMPLES:,} times (bootstrap, paired).",
        header=["methods", "difference", "interval", "scenes", "significant"],
    )
    significant = {"same": "no", "not significant": "no", "not comparable": NOTHING}
    trained = [method for method in means.methods if method not in means.untrained]
    of = rows[(rows["dataset"] == dataset) & (rows["metric"] == metric)]
    if metric in ("psnr", "ssim"):  # LPIPS has no channel to choose
        of = of[of["channel"] == channel]
    parts = {str(method): by_scene(found) for method, found in of.groupby("method")}
    for a, b in combinations([method for method in trained if method in parts], 2):
        found = difference(parts[a], parts[b], metric, tolerance)
        grid.rows.append(
            [
                Entry((f"{b} against {a}",)),
                *difference_entries(grid, found),
                Entry((significant.get(found.verdict, f"yes, {found.verdict}"),)),
            ]
        )
        grid.records.append(
            {"dataset": dataset, "a": a, "b": b, **record(found), "channel": channel}
        )
    if not grid.rows:
        grid.remarks.append("There are no two methods with scores and trained weights.")
    return grid


def record(of: Difference) -> dict[str, object]:
    """A difference as plain values for CSV."""
    return {
        "metric": of.metric,
        "difference": f"{of.mean:.6f}",
        "low": f"{of.low:.6f}",
        "high": f"{of.high:.6f}",
        "scenes": of.scenes,
        "verdict": of.verdict,
        "note": " ".join(of.notes()),
    }


def time_grid(rows: DataFrame, means: Averages, facts: Facts, column: Column) -> Grid:
    """Methods x positions between two input frames (t = 0 is in register with one)."""
    dataset, channel = column
    here = rows[rows["dataset"] == dataset]
    times = sorted(here["time"].unique())
    grid = Grid(
        caption=f"{dataset}, {metric_names(means, column)}{of_channel(channel)} by the time t "
        "between two input frames, mean over frames and then over scenes.",
        header=["method", *[f"t = {t:.4g}{'' if t else ' (existing)'}" for t in times]],
    )
    only = {**facts, "datasets": {dataset: facts.get("datasets", {}).get(dataset, {})}}
    parts = [(t, averages(here[here["time"] == t], only)) for t in times]
    for method in means.methods:
        row = [Entry((method,))]
        for t, of in parts:
            row.append(
                quality_entry(grid, of, only, column, method)
                if column in of.metrics
                else Entry((NOTHING,))
            )
            grid.records += [
                {"t": f"{t:.6g}", **values} for values in records_of(of, only, column, method)
            ]
        grid.rows.append(row)
    return grid
