"""Results of many runs as one leaderboard: a small JSON a method and data set, and their tables."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from stvt.core.files import read_json, reading, write_json
from stvt.core.records import from_dict

from .averages import Rank, averages, ranks
from .errors import ReportError
from .formatting import count, name, number, seconds, with_unit
from .run_info import DECLARED, MetricInfo, RunInfo, declared
from .scores import LARGEST, checked, one_signature
from .tables.render import render
from .tables.run_tables import PARAMETERS, missing_reason
from .tables.table import EMPTY, Cell, Row, Table, TableColumn, label

if TYPE_CHECKING:
    from pandas import DataFrame

SCHEMA = 1
ROUNDING = 2e-6  # scores are kept with six decimals
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Score:
    """A metric's mean over frames, then over scenes; of each scene in `scenes`.

    about: what the metric declares; None for those that `declared` knows.
    identical: frames that equal the truth; the mean is that of the others.
    """

    metric: str
    channel: str
    mean: float
    scenes: dict[str, float]
    about: MetricInfo | None = None
    identical: int = 0

    @property
    def kind(self) -> tuple[str, str, MetricInfo]:
        """What scores of one column of a table share."""
        return self.metric, self.channel, self.about or declared(self.metric)


@dataclass(frozen=True)
class Result:
    """What one method scored on one data set under one protocol.

    data:      sha256 of the prepared frames' checksums: the same data for everybody.
    signature: of the protocol, as every score has it. lacks: how much of the set there was, if not
               all: "2 of 4 scenes, as chosen".
    frames:    how many were scored; the windows of a run's other methods may leave some out.
    weights:   sha256 of the method's weights. seconds: of one frame, as `conditions` say.
    """

    method: str
    spec: str
    dataset: str
    data: str
    signature: str
    scores: list[Score]
    frames: int
    lacks: str = ""
    weights: str = ""
    parameters: int | None = None
    seconds: float | None = None
    conditions: str = ""
    command: str = ""
    version: str = ""
    schema: int = field(default=SCHEMA)

    @property
    def protocol(self) -> str:
        """The signature without the version that measured: another version's scores compare."""
        return re.sub(r"\|stvt:[^|]*", "", self.signature)

    @property
    def part(self) -> tuple[str, ...]:
        """The scenes of a set that is not whole; none of a whole one, whose data tells them."""
        return tuple(sorted(self.scores[0].scenes)) if self.lacks else ()

    @property
    def file(self) -> str:
        """Its place in a folder of results; the protocol is in it by a few digits."""
        method = re.sub(r"[^\w.+-]", "_", self.method)
        group = f"{self.protocol} {self.data}{self.lacks}{' '.join(self.part)}"
        return f"{self.dataset}/{method}-{sha256(group.encode()).hexdigest()[:8]}.json"


def results_of(
    scores: DataFrame, info: RunInfo, methods: Collection[str] = ()
) -> tuple[list[Result], list[str]]:
    """The results of a run, and a line for each method and data set that has none and why.

    methods: only of these; none: of all.

    Raises ReportError for scores of several protocols.
    """
    rows = checked(scores)
    signature = one_signature(rows, info.signature)
    means = averages(rows, info)
    results: list[Result] = []
    left_out: list[str] = []
    for dataset, about in info.datasets.items():
        here = rows[rows["dataset"] == dataset]["metric"].unique()
        columns = [column for column in means.columns if column[0] == dataset]
        measured = [(c, m) for c in columns for m in means.metrics[c] if m in here]
        for method in [one for one in means.methods if not methods or one in methods]:
            scored: list[Score] = []
            reasons: list[str] = []
            for column, metric in measured:
                mean = means.mean(column, method, metric)
                if reason := missing_reason(means, column, method, mean):
                    reasons.append(reason)
                    continue
                if mean.dropped:
                    what = f"all frames of {mean.dropped} scene{'s' * (mean.dropped > 1)}"
                    reasons.append(f"{metric}: {what} equal the truth; evaluate without them")
                    continue
                by_scene = {
                    scene: round(means.mean(column, method, metric, scene).value, 6)
                    for scene in means.scenes[dataset]
                }
                own = None if metric in DECLARED else replace(info.metric(metric), spec="")
                value = round(mean.value, 6)
                scored.append(Score(metric, column[1], value, by_scene, own, mean.identical))
            if reasons or not scored:
                left_out.append(f"{dataset}: {method}: {reasons[0] if reasons else 'no scores'}")
                continue
            of = info.method(method)
            results.append(
                Result(
                    method=method,
                    spec=of.spec or method,
                    dataset=dataset,
                    data=about.manifest_sha256,
                    signature=signature,
                    scores=scored,
                    frames=means.frame_count(dataset, None, method),
                    lacks=about.lacks,
                    weights=of.weights,
                    parameters=of.parameters,
                    seconds=of.runtime.median if of.runtime else None,
                    conditions=of.runtime.conditions if of.runtime else "",
                    command=info.command,
                    version=info.version,
                )
            )
    return results, left_out


def add_results(results: Sequence[Result], folder: Path, overwrite: bool = False) -> list[Path]:
    """Writes a file a result. Raises ReportError, with nothing written, where one of another
    content is there, unless `overwrite`."""
    files = [folder / result.file for result in results]
    for result, file in zip(results, files, strict=True):
        if file.exists() and not overwrite and _read(file).scores != result.scores:
            raise ReportError(
                f"{file}: has other scores of {result.method}; --overwrite takes these"
            )
    for result, file in zip(results, files, strict=True):
        write_json(file, asdict(result))
    return files


def check_result(file: Path) -> tuple[Result, list[str]]:
    """A result that somebody sent in, and a line for each thing about it that cannot be.

    Raises ReportError if it is none. Whether the scores are true only its command can tell.
    """
    result = _read(file)
    faults = []
    if result.file != f"{file.parent.name}/{file.name}":
        faults.append(f"its content belongs in {result.file}")
    if not _HASH.fullmatch(result.data):
        faults.append(f"data is {result.data!r}, no sha256")
    if not all(_HASH.fullmatch(one) for one in result.weights.split("+") if one):
        faults.append(f"weights is {result.weights!r}, no sha256")
    if "|stvt:" not in result.signature or not result.command.startswith("stvt evaluate "):
        faults.append("its signature or its command is not of stvt evaluate")
    for score in result.scores:
        label = f"{score.metric} {score.channel}"
        values = list(score.scenes.values())
        if not values or abs(fmean(values) - score.mean) > ROUNDING:
            faults.append(f"{label}: {score.mean} is not the mean of its scenes")
        if score.scenes.keys() != result.scores[0].scenes.keys():
            faults.append(f"{label}: is of other scenes than {result.scores[0].metric}")
    return result, faults


def read_results(folder: Path) -> list[Result]:
    """All results below a folder. Raises ReportError if there are none, or for a file that is none."""
    results: dict[str, Result] = {}
    for file in sorted(folder.glob("*/*.json")):
        result = _read(file)
        if result.file in results:
            raise ReportError(f"{file}: is {folder / result.file} once more; delete one of them")
        results[result.file] = result
    if not results:
        raise ReportError(f"{folder}: no results there; `stvt results add RUN` puts some")
    return list(results.values())


def _read(file: Path) -> Result:
    result = from_dict(Result, read_json(file), str(file), ReportError)
    with reading(file, ReportError):  # half a surrogate pair is no text
        json.dumps(asdict(result), ensure_ascii=False).encode()
    if result.schema != SCHEMA:
        raise ReportError(f"{file}: is of schema {result.schema}; this version reads {SCHEMA}")
    if not result.scores:
        raise ReportError(f"{file}: it has no scores")
    for score in result.scores:
        if not all(abs(value) <= LARGEST for value in (score.mean, *score.scenes.values())):
            raise ReportError(f"{file}: {score.metric}: a score is no finite number")
    return result


def leaderboard_text(results: Sequence[Result], format: str = "markdown") -> str:
    """A table for each data set, state and part of it, and protocol, best first; none mixes two."""

    def key(result: Result) -> tuple[object, ...]:
        return result.dataset, result.protocol, result.data, result.lacks, result.part

    ordered = sorted(results, key=key)
    tables = [_table(list(group)) for _, group in groupby(ordered, key)]
    return render(tables, format)


def _table(results: list[Result]) -> Table:
    first = results[0]
    kinds = list(dict.fromkeys(s.kind for r in results for s in r.scores))
    names = [kind[:2] for kind in kinds]
    lacks = f" ({first.lacks})" if first.lacks else ""
    scenes = f" Scenes: {', '.join(first.part)}." if first.part else ""
    table = Table(
        f"{first.dataset}{lacks}. Protocol: {first.protocol}. Data: {first.data[:12]}.{scenes}",
        [
            TableColumn("method"),
            *(
                TableColumn(
                    f"{with_unit(metric, about.unit)} {name(channel)}".strip()
                    + (f" ({about.definition})" if names.count((metric, channel)) > 1 else ""),
                    better=about.better,
                    measured={"dataset": first.dataset, "channel": channel, "metric": metric},
                )
                for metric, channel, about in kinds
            ),
            PARAMETERS,
            TableColumn("time", key="seconds", better="low"),
        ],
    )
    scores = {
        kind: {r.method: s for r in results for s in r.scores if s.kind == kind} for kind in kinds
    }
    most = max(result.frames for result in results)
    # Of scores of whole scenes alone no number of frames is known.
    frames = {result.method: result.frames or most for result in results}
    places = {}
    for kind, of in scores.items():
        over = {(frames[method], score.identical) for method, score in of.items()}
        same = len(over) == 1  # else means over different frames
        means = {method: score.mean for method, score in of.items() if same}
        places[kind] = ranks(kind[0], kind[2].higher_is_better, means)
    order = {method: rank.place for method, rank in places[kinds[0]].items()}
    for result in sorted(results, key=lambda result: order.get(result.method, len(results))):
        method = result.method
        cells = [
            _cell(of[method], places[kind].get(method)) if method in of else EMPTY
            for kind, of in scores.items()
        ]
        own = frames[method]
        notes = (f"Over {own} frames, others {most}.",) if own < most else ()
        where = (f"Median on {result.conditions}.",) if result.conditions else ()
        cost = [
            Cell(result.parameters, count(result.parameters)),
            Cell(result.seconds, seconds(result.seconds), where if result.seconds else ()),
        ]
        table.rows.append(Row([label(method, *notes), *cells, *cost], keys={"method": method}))
    return table


def _cell(score: Score, rank: Rank | None) -> Cell:
    identical = f"{score.identical} of the frames equal the truth: left out of the mean."
    notes = (identical,) if score.identical else ()
    return Cell(score.mean, number(score.metric, score.mean), notes, rank)
