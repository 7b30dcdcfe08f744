"""Two runs side by side: how their scores differ, and whether one is worse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from stvt.core.suggestions import did_you_mean

from .averages import Column
from .errors import ReportError
from .run_info import RunInfo, is_untrained
from .scores import checked, differing_parts, metric_order, one_signature
from .significance import Difference, difference
from .tables.render import render
from .tables.significance_tables import comparison_table

if TYPE_CHECKING:
    from pandas import DataFrame, Series

NEVER_MATTERS = frozenset({"stvt"})  # parts of the signature: comparing versions is what for


class Comparison:
    """The scores of a second run against those of a first, method by method.

    first, second: scores and description of each, as `run_table` takes them.
    methods: pairs of a method of the first and one of the second; none given: those of the same
             name in both.
    metrics: which; none given: all that both scored, or were asked for and failed in.
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
        tables = [checked(scores) for scores, _ in (first, second)]
        parts, others = map(_parts, tables)
        sides = [(first[1], second[1], "first"), (second[1], first[1], "second")]
        pairs = list(methods) or [(m, m) for m in first[1].methods if m in second[1].methods]
        for place, (info, _, which) in enumerate(sides):
            if missing := [pair[place] for pair in pairs if pair[place] not in info.methods]:
                has = ", ".join(info.methods)
                raise ReportError(f"the {which} run has no method '{missing[0]}'; it has {has}")
        scored = [{key[1] for key in of} for of in (parts, others)]
        asked = [of | {*info.metrics} for of, (info, _, _) in zip(scored, sides, strict=True)]
        for known, (*_, which) in zip(asked, sides, strict=True):
            if unknown := sorted(set(metrics) - known):
                hint = did_you_mean(unknown[0], known) or f"; it has {', '.join(sorted(known))}"
                raise ReportError(f"the {which} run has no metric '{unknown[0]}'{hint}")
        chosen = set(metrics) or asked[0] & asked[1] & (scored[0] | scored[1])
        if "metrics" not in allow:
            same_metrics(first[1], second[1], chosen)
        none = tables[0].set_index(["scene", "frame"])["value"][:0]
        self.differences: list[tuple[Column, str, str, Difference]] = []
        for dataset in [name for name in first[1].datasets if name in second[1].datasets]:
            measured = {key[1:3] for key in (*parts, *others) if key[0] == dataset}
            for metric, channel in sorted(measured, key=lambda pair: (metric_order(pair[0]), pair)):
                if metric not in chosen:
                    continue
                higher = first[1].metric(metric).higher_is_better
                for a, b in pairs:
                    ours = parts.get((dataset, metric, channel, a), none)
                    theirs = others.get((dataset, metric, channel, b), none)
                    of = difference(ours, theirs, metric, tolerance, higher)
                    self.differences.append(((dataset, channel), a, b, of))
        if not any(of.scenes or of.lacking_a or of.lacking_b for *_, of in self.differences):
            raise ReportError("the two runs have no scores in common: no data set, method, metric")
        lone = [
            (
                which,
                words,
                [name for name in getattr(info, what) if name not in getattr(other, what)],
            )
            for what, words in [("methods", "")] * (not methods) + [("datasets", "the data set ")]
            for info, other, which in sides
        ]
        if not metrics:
            lone.append(("first", "the metric ", sorted(scored[0] - asked[1])))
            lone.append(("second", "the metric ", sorted(scored[1] - asked[0])))
        self.notes = [
            f"Only the {which} run has {words}{', '.join(names)}."
            for which, words, names in lone
            if names
        ]
        compared = {name for _, a, b, _ in self.differences for name in (a, b)}
        random = {
            m for rows in tables for m in rows.loc[rows["weights"].map(is_untrained), "method"]
        }
        if compared & random:
            listed = ", ".join(sorted(compared & random))
            self.notes.append(f"Untrained: {listed}. Their scores say that they ran, no more.")

    @property
    def worse(self) -> bool:
        """Whether the second is significantly worse in anything, or lacks scenes of the first."""
        return any(of.verdict == "worse" or of.lacking_b for *_, of in self.differences)

    def verdict(self) -> str:
        """The verdict over all comparisons, in one line."""
        verdicts = Counter(of.verdict for *_, of in self.differences)
        incomplete = sum(bool(of.lacking_b) for *_, of in self.differences)
        of_all = f"of {len(self.differences)} comparisons"
        texts = []
        if verdicts["worse"]:
            texts.append(f"significantly worse in {verdicts['worse']} {of_all}")
        if incomplete:
            texts.append(f"without scores for scenes of the first in {incomplete}")
        if texts:
            return f"worse: {' and '.join(texts)}"
        if verdicts["better"]:
            return f"not worse: significantly better in {verdicts['better']} {of_all}"
        if all(of.verdict == "same" and of.mean == 0 for *_, of in self.differences):
            return "the same"
        return "not worse: no significant difference"

    def table(self, format: str = "terminal") -> str:
        """All differences as a table in one of FORMATS."""
        return render([comparison_table(self.differences, self.notes)], format)


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
            + f", or: stvt compare --allow {','.join(differing)}"
        )
    if "data" in allow:
        return
    known, others = first[1].datasets, second[1].datasets
    for dataset in known.keys() & others.keys():
        hashes = {sets[dataset].manifest_sha256[:12] for sets in (known, others)}
        if len(hashes) > 1:
            raise ReportError(
                f"{dataset}: the frames of the two runs differ (sha256 {' and '.join(sorted(hashes))}); "
                "prepare it again, or: stvt compare --allow data"
            )


def same_metrics(first: RunInfo, second: RunInfo, chosen_metrics: Collection[str]) -> None:
    """Raises ReportError if a metric of both is another in each, as far as they say."""
    for metric in sorted(chosen_metrics):
        definitions = [info.metric(metric).definition for info in (first, second)]
        if all(definitions) and definitions[0] != definitions[1]:
            raise ReportError(
                f"{metric}: the two runs have two metrics of that name ({' and '.join(definitions)}); "
                "evaluate both with one, or: stvt compare --allow metrics"
            )


def _parts(rows: DataFrame) -> dict[tuple[str, ...], Series[float]]:
    """(data set, metric, channel, method) -> scores by scene and frame."""
    values = rows.set_index(["scene", "frame"])["value"]
    groups: Any = values.groupby(
        [rows[key].to_numpy() for key in ("dataset", "metric", "channel", "method")]
    )
    return dict(iter(groups))
