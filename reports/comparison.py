"""Two runs side by side: how their scores differ, and whether one is worse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from .errors import ReportError
from .run_info import RunInfo, is_untrained
from .scores import METRIC_ORDER, checked, differing_parts, one_signature
from .significance import Difference, Scenes, by_scene, difference
from .tables.render import render
from .tables.significance_tables import comparison_table

if TYPE_CHECKING:
    from pandas import DataFrame

Key = tuple[str, str, str, str]  # data set, metric, channel, method
NEVER_MATTERS = frozenset({"stvt"})  # parts of the signature: comparing versions is what for


class Comparison:
    """The scores of a second run against those of a first, method by method.

    first, second: scores and description of each, as `run_table` takes them.
    methods: pairs of a method of the first and one of the second; none given: those of the same
             name in both.
    metrics: which; none given: all that both have.
    allow:   parts of the protocol's signature that may differ, and "data", "metrics".

    Raises ReportError, which names the parts, where the runs' protocols or data differ, or there
    is nothing that both have.
    """

    def __init__(
        self,
        first: tuple[DataFrame, RunInfo],
        second: tuple[DataFrame, RunInfo],
        *,
        methods: Sequence[tuple[str, str]] = (),
        metrics: Collection[str] = (),
        tolerance: float | None = None,
        allow: Collection[str] = (),
    ) -> None:
        same_protocol(first, second, allow)
        self.notes: list[str] = []
        parts, others = _parts(first[0]), _parts(second[0])
        pairs = list(methods) or self._common_methods(first[1], second[1])
        for place, (info, which) in enumerate(((first[1], "first"), (second[1], "second"))):
            for pair in pairs:
                if pair[place] not in info.methods:
                    has = ", ".join(info.methods)
                    raise ReportError(
                        f"the {which} run has no method '{pair[place]}'; it has {has}"
                    )
        chosen_metrics = set(metrics) or {key[1] for key in parts} & {key[1] for key in others}
        if "metrics" not in allow:
            same_metrics(first[1], second[1], chosen_metrics)
        shared = [name for name in first[1].datasets if name in second[1].datasets]
        self.differences: list[tuple[Key, str, Difference]] = []
        for dataset in shared:
            for metric, channel in _metrics(parts, others, dataset, chosen_metrics):
                for a, b in pairs:
                    ours: Scenes = parts.get((dataset, metric, channel, a), {})
                    theirs: Scenes = others.get((dataset, metric, channel, b), {})
                    about = first[1].metric(metric)
                    of = difference(ours, theirs, metric, tolerance, about=about)
                    self.differences.append(((dataset, metric, channel, a), b, of))
        if not any(of.scenes or of.lacking_a or of.lacking_b for _, _, of in self.differences):
            raise ReportError("the two runs have no scores in common: no data set, method, metric")
        for info, other, which in (
            (first[1], second[1], "first"),
            (second[1], first[1], "second"),
        ):
            lone = [dataset for dataset in info.datasets if dataset not in other.datasets]
            if lone:
                self.notes.append(f"Only the {which} run has the data set {', '.join(lone)}.")
        self._untrained(first[0], second[0])

    def _common_methods(self, first: RunInfo, second: RunInfo) -> list[tuple[str, str]]:
        for info, other, which in ((first, second, "first"), (second, first, "second")):
            lone = [method for method in info.methods if method not in other.methods]
            if lone:
                self.notes.append(f"Only the {which} run has {', '.join(lone)}.")
        return [(method, method) for method in first.methods if method in second.methods]

    def _untrained(self, *scores: DataFrame) -> None:
        compared = {name for (_, _, _, a), b, _ in self.differences for name in (a, b)}
        random = {
            str(method)
            for rows in scores
            for method, weights in zip(rows["method"], rows["weights"], strict=True)
            if is_untrained(str(weights))
        }
        if compared & random:
            listed = ", ".join(sorted(compared & random))
            self.notes.append(f"Untrained: {listed}. Their scores say that they ran, no more.")

    @property
    def worse(self) -> bool:
        """Whether the second is significantly worse in anything, or lacks scenes of the first."""
        return any(of.verdict == "worse" or of.lacking_b for _, _, of in self.differences)

    def verdict(self) -> str:
        """The verdict over all comparisons, in one line."""
        if self.worse:
            incomplete = sum(bool(of.lacking_b) for _, _, of in self.differences)
            much = sum(of.verdict == "worse" for _, _, of in self.differences)
            texts = [
                f"significantly worse in {much} of {len(self.differences)} comparisons"
            ] * bool(much)
            texts += [f"without scores for scenes of the first in {incomplete}"] * bool(incomplete)
            return f"worse: {' and '.join(texts)}"
        better = sum(of.verdict == "better" for _, _, of in self.differences)
        if better:
            return f"not worse: significantly better in {better} of {len(self.differences)} comparisons"
        if all(of.verdict == "same" and of.mean == 0 for _, _, of in self.differences):
            return "the same"
        return "not worse: no significant difference"

    def table(self, format: str = "terminal") -> str:
        """All differences as a table in one of FORMATS."""
        rows = [
            ((dataset, channel), a, b, of) for (dataset, _, channel, a), b, of in self.differences
        ]
        return render([comparison_table(rows, self.notes)], format)


def same_protocol(
    first: tuple[DataFrame, RunInfo], second: tuple[DataFrame, RunInfo], allow: Collection[str] = ()
) -> None:
    """Raises ReportError where the protocols of two runs, or their data, differ; but for `allow`."""
    signatures = [one_signature(scores, info.signature) for scores, info in (first, second)]
    differing = {
        part: values
        for part, values in differing_parts(signatures).items()
        if part not in NEVER_MATTERS and part not in allow
    }
    if differing:
        listed = ", ".join(f"{part} is {' or '.join(v)}" for part, v in differing.items())
        raise ReportError(
            f"scores of two protocols do not compare: {listed}; evaluate both under one"
            + (" (the same methods, or --ends replicate)" if "window" in differing else "")
            + f", or allow it: {','.join(differing)}"
        )
    if "data" in allow:
        return
    known, others = first[1].datasets, second[1].datasets
    for dataset in known.keys() & others.keys():
        hashes = {sets[dataset].manifest_sha256[:12] for sets in (known, others)}
        if len(hashes) > 1:
            raise ReportError(
                f"{dataset}: the frames of the two runs differ (sha256 {' and '.join(sorted(hashes))}); "
                "prepare it again, or allow it: data"
            )


def same_metrics(first: RunInfo, second: RunInfo, chosen_metrics: Collection[str]) -> None:
    """Raises ReportError if a metric of both is another in each, as far as they say."""
    for metric in sorted(chosen_metrics):
        definitions = [info.metric(metric).definition for info in (first, second)]
        if all(definitions) and definitions[0] != definitions[1]:
            raise ReportError(
                f"{metric}: the two runs have two metrics of that name ({' and '.join(definitions)}); "
                "evaluate both with one, or allow it: metrics"
            )


def _parts(scores: DataFrame) -> Mapping[Key, Scenes]:
    groups = checked(scores).groupby(["dataset", "metric", "channel", "method"])
    return {(str(d), str(m), str(c), str(n)): by_scene(rows) for (d, m, c, n), rows in groups}


def _metrics(
    parts: Mapping[Key, Scenes],
    others: Mapping[Key, Scenes],
    dataset: str,
    chosen_metrics: Collection[str],
) -> list[tuple[str, str]]:
    """The (metric, channel) of a data set that are wanted, in the order of all tables."""
    measured = {
        key[1:3] for key in (*parts, *others) if key[0] == dataset and key[1] in chosen_metrics
    }
    rank = {metric: place for place, metric in enumerate(METRIC_ORDER)}
    return sorted(measured, key=lambda pair: (rank.get(pair[0], len(rank)), pair))
