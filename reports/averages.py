"""Means over frames and then over scenes, and the places of methods among them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .run_info import RunInfo, is_untrained
from .scores import decimals, metric_order, of_frames

if TYPE_CHECKING:
    from pandas import DataFrame

METHODS_DRAWN = 24  # in a figure, at most: more cannot be told apart
Column = tuple[str, str]  # data set, channel
Frames = Mapping[str, Mapping[str, Mapping[int, float]]]  # scene -> method -> frame -> value


class Rank(NamedTuple):
    """A place among `last` places; equal means share one, and the next ones are left out."""

    place: int
    last: int

    @property
    def mark(self) -> Literal["best", "second", ""]:
        """What a table marks: nobody is second where two are best, or where the second is last."""
        return "best" if self.place == 1 else "second" if self.place == 2 < self.last else ""


def ranks(
    metric: str, higher: bool, means: Mapping[str, float], frames: Frames | None = None
) -> dict[str, Rank]:
    """The place of each method's mean as it is printed, equal ones sharing theirs.

    frames: of which some equal the truth, if any do: two methods are compared by those that
    neither has so, then by how many they have so.
    """
    sign = -1 if higher else 1
    printed = {method: sign * round(mean, decimals(metric)) for method, mean in means.items()}

    def is_better(a: str, b: str) -> bool:
        if not frames:
            return printed[a] < printed[b]
        pairs: list[tuple[float, float]] = []
        identical = 0
        for of in frames.values():
            of_a, of_b = of.get(a, {}), of.get(b, {})
            identical += sum(map(math.isinf, of_a.values())) - sum(map(math.isinf, of_b.values()))
            both = [(of_a[frame], of_b[frame]) for frame in of_a if frame in of_b]
            if finite := [pair for pair in both if all(map(math.isfinite, pair))]:
                pairs.append((fmean(x for x, _ in finite), fmean(y for _, y in finite)))
        if pairs:
            mean_a, mean_b = (round(fmean(of), decimals(metric)) for of in zip(*pairs, strict=True))
            if mean_a != mean_b:
                return sign * mean_a < sign * mean_b
        return identical > 0

    places = {m: 1 + sum(is_better(other, m) for other in printed) for m in printed}
    return {method: Rank(place, max(places.values())) for method, place in places.items()}


class Mean(NamedTuple):
    """The mean of one metric over frames, then over scenes.

    value:     nan when nothing was scored, inf when every frame is identical to the truth.
    scenes:    how many of the `of` scenes have all their frames scored.
    identical: frames with an infinite value, which are left out of the mean.
    dropped:   scenes of identical frames only, which the mean over scenes therefore lacks.
    """

    value: float
    scenes: int
    of: int
    identical: int = 0
    dropped: int = 0

    @property
    def complete(self) -> bool:
        return self.scenes == self.of and not math.isnan(self.value)


@dataclass(frozen=True)
class Averages:
    """All means of a run, and the order in which tables and figures show things.

    columns: (data set, channel) pairs; metrics of each: `metrics`.
    total:   (data set, channel, method, metric) -> Mean.
    scene:   (data set, channel, scene, method, metric) -> Mean of that scene alone.
    frames:  (data set, scene, method) -> how many frames of it were scored.
    infinite: (data set, channel, metric) -> the value of each frame, where some are infinite.
    """

    info: RunInfo
    columns: Sequence[Column]
    methods: Sequence[str]
    scenes: Mapping[str, Sequence[str]]
    metrics: Mapping[Column, Sequence[str]]
    untrained: frozenset[str]
    total: Mapping[tuple[str, str, str, str], Mean]
    scene: Mapping[tuple[str, str, str, str, str], Mean]
    frames: Mapping[tuple[str, str, str], int]
    infinite: Mapping[tuple[str, str, str], Frames]
    known_ranks: dict[tuple[str | None, ...], dict[str, Rank]] = field(default_factory=dict)

    def ranks(self, column: Column, metric: str, scene: str | None = None) -> dict[str, Rank]:
        """The `ranks` of the means, none without a rival.

        Untrained methods and means over fewer scenes than the others' do not take part, and there
        are no places among means over different frames.
        """
        key = (*column, metric, scene)
        if key not in self.known_ranks:
            frames = self.infinite.get((*column, metric), {})
            if scene is not None:
                frames = {scene: frames[scene]} if scene in frames else {}
            means = {m: self.mean(column, m, metric, scene) for m in self.methods}
            values = {
                method: mean.value
                for method, mean in means.items()
                if method not in self.untrained and mean.complete
            }
            same = len({self.frame_count(column[0], scene, method) for method in values}) == 1
            higher = self.info.metric(metric).higher_is_better
            rivals = ranks(metric, higher, values, frames) if same and len(values) > 1 else {}
            self.known_ranks[key] = rivals
        return self.known_ranks[key]

    def leading(self, dataset: str) -> list[str]:
        """The methods that figures draw, in their order: all, or the best if there are too many.

        The best are those of the data set's first channel and metric.
        """
        if len(self.methods) <= METHODS_DRAWN:
            return list(self.methods)
        column = next((column for column in self.columns if column[0] == dataset), None)
        metric = next(iter(self.metrics[column]), "") if column else ""
        ranks = self.ranks(column, metric) if column and metric else {}
        last = Rank(len(self.methods), len(self.methods))
        best = sorted(self.methods, key=lambda method: ranks.get(method, last).place)
        return [method for method in self.methods if method in best[:METHODS_DRAWN]]

    def frame_count(self, dataset: str, scene: str | None = None, method: str | None = None) -> int:
        """How many frames of a data set, or a scene of it, were scored: of a method, or the most."""
        methods = self.methods if method is None else [method]
        return sum(
            max((self.frames.get((dataset, s, m), 0) for m in methods), default=0)
            for s in ([scene] if scene is not None else self.scenes.get(dataset, ()))
        )

    def mean(self, column: Column, method: str, metric: str, scene: str | None = None) -> Mean:
        dataset, channel = column
        if scene is None:
            nothing = Mean(math.nan, 0, len(self.scenes.get(dataset, ())))
            return self.total.get((dataset, channel, method, metric), nothing)
        return self.scene.get((dataset, channel, scene, method, metric), Mean(math.nan, 0, 1))


def averages(scores: DataFrame, info: RunInfo) -> Averages:
    """Means over frames, then over scenes, as the paper takes them.

    scores: as `checked` gives them.
    info:   methods and data sets in the order to show, the scenes that were to be scored.
    """
    methods = _distinct(info.methods, scores["method"].unique(), (f.method for f in info.failures))
    datasets = _distinct(info.datasets, scores["dataset"].unique())
    scenes = {}
    for name in datasets:
        known = info.datasets[name].scenes if name in info.datasets else ()
        others = {*scores.loc[scores["dataset"] == name, "scene"]}
        others |= {failure.scene for failure in info.failures if failure.dataset == name}
        scenes[name] = _distinct(known, sorted(others))
    scores, columns, metrics = _columns(scores, datasets, {f.metric for f in info.failures} - {""})
    total, scene = _means(scores, scenes, info.common_frames)
    single = of_frames(scores[scores["value"].notna()])
    counts: Any = single.groupby(["dataset", "scene", "method"])["frame"].nunique().to_dict()
    weights: dict[Any, str] = {name: about.weights for name, about in info.methods.items()}
    weights |= scores.groupby("method")["weights"].first().to_dict()
    return Averages(
        info=info,
        columns=columns,
        methods=methods,
        scenes=scenes,
        metrics=metrics,
        untrained=frozenset(name for name, used in weights.items() if is_untrained(used)),
        total=total,
        scene=scene,
        frames=counts,
        infinite=_infinite(scores),
    )


def _distinct(*names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(map(str, chain(*names))))


def _infinite(scores: DataFrame) -> dict[tuple[str, str, str], Frames]:
    """The frames of `Averages.infinite`."""
    kinds: Any = {}
    keys = ["dataset", "channel", "metric"]
    some = scores.loc[np.isinf(scores["value"]), keys].drop_duplicates()
    rows = scores.merge(some, on=keys)[[*keys, "scene", "method", "frame", "value"]]
    for *key, scene, method, frame, value in rows.itertuples(index=False, name=None):
        of_scene = kinds.setdefault(tuple(key), {}).setdefault(scene, {})
        of_scene.setdefault(method, {})[frame] = value
    return dict(kinds)


def _columns(
    scores: DataFrame, datasets: Sequence[str], failed: Collection[str]
) -> tuple[DataFrame, list[Column], dict[Column, list[str]]]:
    """(data set, channel) pairs and the metrics of each, last those that failed everywhere.

    LPIPS has no channel to choose: where PSNR is of luma alone its rows join that column.
    """
    chosen = scores["metric"].isin(["psnr", "ssim"])
    channels = sorted(scores.loc[chosen if chosen.any() else chosen | True, "channel"].unique())
    if channels:
        channel = scores["channel"]
        scores = scores.assign(channel=channel.where(channel.isin(channels), channels[0]))
    measured = scores.groupby("channel")["metric"].unique()
    columns = [(dataset, channel) for dataset in datasets for channel in channels or [""]]
    lost = sorted({*failed} - {*scores["metric"]}, key=metric_order)
    metrics = {c: sorted(measured.get(c[1], ()), key=metric_order) + lost for c in columns}
    return scores, columns, metrics


def _means(
    scores: DataFrame, scenes: Mapping[str, Sequence[str]], common_frames: bool
) -> tuple[dict[Any, Mean], dict[Any, Mean]]:
    """`Averages.total` and `Averages.scene`."""
    rows = scores[scores["value"].notna()]
    rows = rows.assign(
        finite=rows["value"].where(np.isfinite(rows["value"])), identical=np.isinf(rows["value"])
    )
    means = rows.groupby(["dataset", "channel", "scene", "method", "metric"]).agg(
        value=("finite", "mean"), frames=("frame", "nunique"), identical=("identical", "sum")
    )
    means["value"] = means["value"].where(means["identical"] < means["frames"], math.inf)
    index: Any = means.index
    most = rows.groupby(["dataset", "channel", "scene", "metric"])["frame"].nunique()
    whole = (
        most.reindex(index.droplevel("method")).to_numpy() == means["frames"]
        if common_frames
        else True
    )
    means["whole"] = np.asarray(whole, int)
    columns = (means[column].tolist() for column in ("value", "whole", "identical"))
    each = zip(means.index, *columns, strict=True)
    of_scene = {key: Mean(value, whole, 1, same) for key, value, whole, same in each}
    parts: dict[Any, list[Mean]] = defaultdict(list)
    for (dataset, channel, _, method, metric), mean in of_scene.items():
        parts[dataset, channel, method, metric].append(mean)
    total = {}
    for key, of in parts.items():
        finite = [mean.value for mean in of if math.isfinite(mean.value)]
        total[key] = Mean(
            value=math.fsum(finite) / len(finite) if finite else math.inf,
            scenes=sum(mean.scenes for mean in of),
            of=len(scenes[key[0]]),
            identical=sum(mean.identical for mean in of),
            dropped=len(of) - len(finite),
        )
    return total, of_scene
