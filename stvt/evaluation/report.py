"""The report of a run's folder: tables, figures and pages from the stored scores."""

from __future__ import annotations

from dataclasses import fields, replace
from filecmp import cmp
from itertools import count, product
from pathlib import Path
from shutil import copy
from typing import TYPE_CHECKING, Any

from stvt import reports
from stvt.core.errors import UsageError
from stvt.core.records import from_dict
from stvt.core.safe_names import name_in
from stvt.evaluation import provenance, store, thumbnails
from stvt.evaluation.protocol import Protocol
from stvt.reports import Failure, FrameFiles, MethodInfo, RunInfo

if TYPE_CHECKING:
    from pandas import DataFrame

PAGE = "report.html"
LONGEST = 1e9  # seconds that a frame may be said to take
NOTHING: store.Records = {}
# What RUN/runtime holds.
COST = ("runtime", "multiply_accumulates", "uncounted", "cost_size", "counted_at")


def read_run(run: str | Path, known: store.Records = NOTHING) -> tuple[DataFrame, RunInfo]:
    """The scores of a run, and what is known of it: run.json, failures, warnings, cost.

    known: records that were read already.
    Raises UsageError if `run` is no folder of a run, or its run.json is damaged.
    """
    run = Path(run)
    info = read_info(run)
    records: list[dict[str, Any]] = []
    for dataset, stated in info.datasets.items():
        for place in product([dataset], stated.scenes, info.methods):
            record = known.get(place) or store.read_unit(run, *place)
            is_other = record.get("signature", info.signature) != info.signature
            if is_other or record.get("superseded"):
                reason = "not run yet" + " under this protocol" * is_other
                record = {**record, "failure": reason, "scores": []}
            records.append(record if "failure" in record else _of_metrics(record, info))
    failures = [
        Failure(record["dataset"], record["scene"], record["method"], record["failure"])
        for record in records
        if "failure" in record
    ]
    failures += [
        Failure(record["dataset"], record["scene"], record["method"], f"{metric}: {reason}", metric)
        for record in records
        for metric, reason in record.get("failed_metrics", {}).items()
        if metric in info.metrics
    ]
    warnings = [
        f"{name}: not the whole set: {about.lacks}"
        for name, about in info.datasets.items()
        if about.lacks
    ]
    warnings += dict.fromkeys(one.mismatch for one in info.methods.values() if one.mismatch)
    warnings += dict.fromkeys(line for record in records for line in record.get("warnings", []))
    methods = {}
    for name, about in info.methods.items():
        file = store.runtime_file(run, name)
        cost = store.read_json(file) or {}
        measured = from_dict(MethodInfo, cost, str(file), UsageError)
        if measured.runtime and not 0 <= (measured.runtime.median or 0) < LONGEST:
            raise UsageError(f"{file}: a frame of {measured.runtime.median:g} seconds; delete it")
        methods[name] = replace(
            about, **{key: getattr(measured, key) for key in COST if key in cost}
        )
        if "failure" in cost:
            warnings.append(f"{name}: its cost could not be found: {cost['failure']}")
    info = replace(
        info, methods=methods, failures=failures, warnings=warnings, date=provenance.date(run)
    )
    return store.scores_table(records, info.metrics), info


def _of_metrics(record: dict[str, Any], info: RunInfo) -> dict[str, Any]:
    """The record without scores that are not by a run's definition of their metric.

    A metric that was added or altered has none yet where `stvt evaluate` was broken off.
    """
    has, failed = record.get("metrics", {}), record.get("failed_metrics", {})
    pending = {
        name: "not run yet"
        for name, about in info.measures.items()
        if name in info.metrics and name not in failed and has.get(name) != about.definition
    }
    if not pending:
        return record
    rows = [row for row in record.get("scores") or () if row[2] not in pending]
    return record | {"scores": rows, "failed_metrics": failed | pending}


def read_info(run: Path) -> RunInfo:
    """The description of a run, from `run.json`; UsageError if there is none or it is damaged."""
    file = run / "run.json"
    stored = store.read_json(file)
    if stored is None:
        raise UsageError(f"{run}: no run.json there, so no run of `stvt evaluate`; give its --out")
    info = RunInfo.read(stored, str(file), UsageError)
    for dataset, about in info.datasets.items():  # names of folders below the run's
        for name in (dataset, *about.scenes, *info.shown.get(dataset, ())):
            name_in(name, file, "datasets")
    return info


def run_protocol(info: RunInfo, run: Path) -> Protocol:
    """The protocol of a run; UsageError if it is of another version, or damaged."""
    where = f"{run / 'run.json'}: protocol"
    unknown = info.protocol.keys() - {one.name for one in fields(Protocol)}
    if unknown:
        version = info.version or "unknown"
        raise UsageError(f"{where}: is of another version of stvt ({version}): {min(unknown)}")
    return from_dict(Protocol, info.protocol, where, UsageError)


def report(
    run: str | Path, *, is_current: bool = False, known: store.Records = NOTHING
) -> DataFrame:
    """Writes `run`/report from what is stored in `run`, and returns the table of scores.

    is_current: whether that is known to be written already. known: as in `read_run`.
    The table's `attrs` hold "run", "info", "failures" and "report" (the page's path).
    Raises UsageError if `run` is no folder of a run.
    """
    run = Path(run)
    scores, info = read_run(run, known)
    if not is_current:
        clips = thumbnails.find_clips(run, info, thumbnails.scored_units(scores))
        reports.write_report(scores, info, _pictures(run, info, scores), run / "report", clips)
    scores.attrs |= {
        "run": str(run),
        "report": str(run / "report" / PAGE),
        "info": info,
        "failures": [
            f"{failure.dataset}: '{failure.scene}' by {failure.method}: {failure.reason}"
            for failure in info.failures
        ],
    }
    return scores


def export(run: Path, folder: Path) -> Path:
    """Copies the page of a run, which needs no other file, under a name that says what it is of.

    A page of that name with other content, as of another run of the day, stays: "-2" is added.
    """
    info = read_info(run)
    label = run_protocol(info, run).label()
    name = "-".join(filter(None, ("+".join(info.datasets), label, provenance.date(run))))
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--export {folder}: is no folder")
    folder.mkdir(parents=True, exist_ok=True)
    page = run / "report" / PAGE
    copies = (folder / f"{name}{'' if k == 1 else f'-{k}'}.html" for k in count(1))
    free = next(one for one in copies if not one.exists() or cmp(page, one, shallow=False))
    return Path(copy(page, free))


def _pictures(run: Path, info: RunInfo, scores: DataFrame) -> dict[str, dict[str, FrameFiles]]:
    """data set -> scene -> lossless files of the frame that is shown."""
    scored_units = thumbnails.scored_units(scores)
    pictures: dict[str, dict[str, FrameFiles]] = {}
    for dataset, scenes in info.shown.items():
        for scene, frame in scenes.items():
            methods = {
                name: store.picture_file(run, dataset, scene, name)
                for name in info.methods
                if (dataset, scene, name) in scored_units
            }
            if methods:
                folder = run / "pictures" / dataset / scene
                files = FrameFiles(frame, folder / "truth.png", folder / "input.png", methods)
                pictures.setdefault(dataset, {})[scene] = files
    return pictures
