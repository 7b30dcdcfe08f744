"""Means over frames and then over scenes, and the places of methods among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from .run_info import MetricInfo, RunInfo, declared, is_untrained
from .scores import METRIC_ORDER, decimals

if TYPE_CHECKING:
    from pandas import DataFrame

METHODS_DRAWN = 24  # in a figure, at most: more cannot be told apart
Frames = Mapping[str, Mapping[str, Mapping[int, float]]]  # scene -> method -> frame -> value


def _is_better(frames: Frames, a: str, b: str, metric: str, higher: bool) -> bool:
    """Whether a is better than b over the frames that both have finite, or has more identical."""
    means: list[tuple[float, float]] = []
    identical = 0
    for of in frames.values():
        of_a, of_b = of.get(a, {}), of.get(b, {})
        identical += sum(map(math.isinf, of_a.values())) - sum(map(math.isinf, of_b.values()))
        pairs = [(value, of_b[frame]) for frame, value in of_a.items() if frame in of_b]
        if both := [pair for pair in pairs if all(map(math.isfinite, pair))]:
            means.append((fmean(x for x, _ in both), fmean(y for _, y in both)))
    apart = 0.0
    if means:
        mean_a, mean_b = (fmean(pair[place] for pair in means) for place in (0, 1))
        apart = round(mean_a, decimals(metric)) - round(mean_b, decimals(metric))
    return (apart if higher else -apart) > 0 or (apart == 0 and identical > 0)


class Rank(NamedTuple):
    """A place among `last` places; equal means share one, and the next ones are left out."""

    place: int
    last: int

    @property
    def mark(self) -> Literal["best", "second", ""]:
        """What a table marks: nobody is second where two are best, or where the second is last."""
        return "best" if self.place == 1 else "second" if self.place == 2 < self.last else ""


@dataclass(frozen=True)
class Mean:
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


Column = tuple[str, str]  # data set, channel


@dataclass(frozen=True)
class Averages:
    """All means of a run, and the order in which tables and figures show things.

    columns: (data set, channel) pairs; metrics of each: `metrics`.
    total:   (data set, channel, method, metric) -> Mean.
    scene:   (data set, channel, scene, method, metric) -> Mean of that scene alone.
    frames:  (data set, scene, method) -> how many frames of it were scored.
    infinite: (data set, channel, metric) -> the value of each frame, where some are infinite.
    measures: metric -> what it declares: its direction and unit.
    """

    columns: Sequence[Column]
    methods: Sequence[str]
    scenes: Mapping[str, Sequence[str]]
    metrics: Mapping[Column, Sequence[str]]
    untrained: frozenset[str]
    total: Mapping[tuple[str, str, str, str], Mean]
    scene: Mapping[tuple[str, str, str, str, str], Mean]
    frames: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    infinite: Mapping[tuple[str, str, str], Frames] = field(default_factory=dict)
    measures: Mapping[str, MetricInfo] = field(default_factory=dict)
    known_ranks: dict[tuple[str | None, ...], dict[str, Rank]] = field(default_factory=dict)

    def ranks(self, column: Column, metric: str, scene: str | None = None) -> dict[str, Rank]:
        """The place of each mean as it is printed, equal ones sharing theirs; none without a rival.

        Untrained methods and means over fewer scenes than the others' do not take part, and there
        are no places among means over different frames. Where frames equal the truth, two methods
        are compared by those that neither has so, then by how many they have so.
        """
        key = (*column, metric, scene)
        if key not in self.known_ranks:
            self.known_ranks[key] = self._ranks(column, metric, scene)
        return self.known_ranks[key]

    def _ranks(self, column: Column, metric: str, scene: str | None) -> dict[str, Rank]:
        frames = self.infinite.get((*column, metric), {})
        if scene is not None:
            frames = {scene: frames[scene]} if scene in frames else {}
        values: dict[str, float] = {}
        higher = self.about(metric).higher_is_better
        for method in self.methods:
            mean = self.mean(column, method, metric, scene)
            if method not in self.untrained and mean.complete:
                sign = -1 if higher else 1
                values[method] = sign * round(mean.value, decimals(metric))
        if len(values) < 2 or len({self.frame_count(column[0], scene, m) for m in values}) > 1:
            return {}

        def is_better(a: str, b: str) -> bool:
            return _is_better(frames, a, b, metric, higher) if frames else values[a] < values[b]

        places = {m: 1 + sum(is_better(other, m) for other in values) for m in values}
        return {method: Rank(place, max(places.values())) for method, place in places.items()}

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

    def about(self, metric: str) -> MetricInfo:
        """What a metric declares, also one that was not measured."""
        return self.measures.get(metric) or declared(metric)

    def mean(self, column: Column, method: str, metric: str, scene: str | None = None) -> Mean:
        dataset, channel = column
        if scene is None:
            nothing = Mean(math.nan, 0, len(self.scenes.get(dataset, ())))
            return self.total.get((dataset, channel, method, metric), nothing)
        nothing = Mean(math.nan, 0, 1)
        return self.scene.get((dataset, channel, scene, method, metric), nothing)


def averages(scores: DataFrame, info: RunInfo) -> Averages:
    """Means over frames, then over scenes, as the paper takes them.

    scores: as `checked` gives them.
    info:   methods and data sets in the order to show, the scenes that were to be scored.
    """
    failed = [failure.method for failure in info.failures]
    methods = _in_order([*info.methods, *scores["method"].unique()], failed)
    datasets = _in_order(info.datasets, scores["dataset"].unique())
    scenes = {
        dataset: _in_order(
            info.datasets[dataset].scenes if dataset in info.datasets else (),
            sorted(
                {str(s) for s in scores.loc[scores["dataset"] == dataset, "scene"].unique()}
                | {failure.scene for failure in info.failures if failure.dataset == dataset}
            ),
        )
        for dataset in datasets
    }
    scores, columns, metrics = _columns(scores, datasets)
    per_scene = _scene_means(scores, info.common_frames)
    single = scores["value"].notna() & (scores["kind"] != "scene")
    scored = scores[single].groupby(["dataset", "scene", "method"])["frame"]
    weights = scores.groupby("method")["weights"].first()
    used = {name: of.weights for name, of in info.methods.items()}
    used.update({str(method): str(w) for method, w in weights.items()})
    counts: Any = scored.nunique().to_dict()
    total = {}
    for column in columns:
        dataset, channel = column
        for metric in metrics[column]:
            for method in methods:
                found = [
                    per_scene[key]
                    for scene in scenes[dataset]
                    if (key := (dataset, channel, scene, method, metric)) in per_scene
                ]
                total[dataset, channel, method, metric] = _over_scenes(found, len(scenes[dataset]))
    return Averages(
        columns=columns,
        methods=methods,
        scenes=scenes,
        metrics=metrics,
        untrained=frozenset(name for name, w in used.items() if is_untrained(w)),
        total=total,
        scene=per_scene,
        frames=counts,
        infinite=_infinite(scores),
        measures={metric: info.metric(metric) for of in metrics.values() for metric in of},
    )


def _infinite(scores: DataFrame) -> dict[tuple[str, str, str], Frames]:
    """The frames of `Averages.infinite`."""
    kinds: dict[tuple[str, str, str], dict[str, dict[str, dict[int, float]]]] = {}
    keys = ["dataset", "channel", "metric"]
    some = scores.loc[np.isinf(scores["value"]), keys].drop_duplicates()
    rows = scores.merge(some, on=keys)[[*keys, "scene", "method", "frame", "value"]]
    for dataset, channel, metric, scene, method, frame, value in rows.itertuples(
        index=False, name=None
    ):
        scenes = kinds.setdefault((dataset, channel, metric), {})
        scenes.setdefault(scene, {}).setdefault(method, {})[frame] = value
    return dict(kinds)


def _in_order(first: Any, then: Any) -> list[str]:
    return list(dict.fromkeys([*map(str, first), *map(str, then)]))


def _columns(
    scores: DataFrame, datasets: Sequence[str]
) -> tuple[DataFrame, list[Column], dict[Column, list[str]]]:
    """(data set, channel) pairs and what is measured in them.

    LPIPS has no channel to choose: where PSNR is of luma alone its rows join that column.
    """
    chosen = scores["metric"].isin(["psnr", "ssim"])
    channels = sorted(scores.loc[chosen if chosen.any() else chosen | True, "channel"].unique())
    if channels:
        scores = scores.assign(
            channel=scores["channel"].where(scores["channel"].isin(channels), channels[0])
        )
    rank = {metric: place for place, metric in enumerate(METRIC_ORDER)}
    columns = [(dataset, channel) for dataset in datasets for channel in channels or [""]]
    pairs = set(scores[["metric", "channel"]].drop_duplicates().itertuples(index=False, name=None))
    metrics = {
        (dataset, channel): sorted(
            (m for m, c in pairs if c == channel), key=lambda m: (rank.get(m, len(rank)), m)
        )
        for dataset, channel in columns
    }
    return scores, columns, metrics


def _scene_means(
    scores: DataFrame, common_frames: bool
) -> dict[tuple[str, str, str, str, str], Mean]:
    finite = np.isfinite(scores["value"])
    rows = scores.assign(
        value=scores["value"].where(finite),
        identical=np.isinf(scores["value"]),
        scored=scores["value"].notna(),
    )
    rows = rows[rows["scored"]]
    by_scene = ["dataset", "channel", "scene", "metric"]
    most = rows.groupby(by_scene)[["frame"]].nunique()["frame"].to_dict()
    grouped = rows.groupby(["dataset", "channel", "scene", "method", "metric"])
    means = grouped.agg(
        value=("value", "mean"), frames=("frame", "nunique"), identical=("identical", "sum")
    )
    result = {}
    by_key: Any = means.to_dict("index")
    for key, of in by_key.items():
        dataset, channel, scene, _, metric = key
        whole = not common_frames or of["frames"] == most[dataset, channel, scene, metric]
        value = math.inf if of["identical"] == of["frames"] else of["value"]
        result[key] = Mean(value, scenes=int(whole), of=1, identical=of["identical"])
    return result


def _over_scenes(scenes: Sequence[Mean], of: int) -> Mean:
    finite = [scene.value for scene in scenes if math.isfinite(scene.value)]
    nothing = math.inf if scenes else math.nan
    return Mean(
        value=math.fsum(finite) / len(finite) if finite else nothing,
        scenes=sum(scene.scenes for scene in scenes),
        of=of,
        identical=sum(scene.identical for scene in scenes),
        dropped=len(scenes) - len(finite),
    )
