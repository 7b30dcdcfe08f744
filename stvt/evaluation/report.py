"""A run's folder -> its report: tables, plots and pages from the stored scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt import reports
from stvt.core.errors import UsageError
from stvt.evaluation import store as results
from stvt.evaluation import thumbnails as clips

if TYPE_CHECKING:
    from pandas import DataFrame


def stored(run: str | Path) -> tuple[DataFrame, dict[str, Any]]:
    """The scores of a run, and its facts: those of run.json, its failures, warnings, runtimes.

    Raises UsageError if `run` is no folder of a run.
    """
    run = Path(run)
    facts = results.read_json(run / "run.json")
    if facts is None or not {"datasets", "methods", "signature"} <= facts.keys():
        raise UsageError(f"{run}: no run.json there, so no run of `stvt evaluate`; give its --out")
    records = [
        results.read_unit(run, dataset, scene, method)
        for dataset, about in facts["datasets"].items()
        for scene in about["scenes"]
        for method in facts["methods"]
    ]
    for record in records:
        if record.get("signature", facts["signature"]) != facts["signature"]:
            record["failure"] = "not run yet under this protocol"
            record.pop("scores", None)
    facts["failures"] = [
        {key: record[key] for key in ("dataset", "scene", "method")} | {"reason": record["failure"]}
        for record in records
        if "failure" in record
    ]
    facts["warnings"] = [
        f"{name}: not the whole set: {about['lacks']}"
        for name, about in facts["datasets"].items()
        if "lacks" in about
    ]
    facts["warnings"] += [line for record in records for line in record.get("warnings", [])]
    for name, about in facts["methods"].items():
        about |= (cost := results.read_json(results.runtime_file(run, name)) or {})
        if "failure" in cost:
            facts["warnings"].append(f"{name}: its cost could not be found: {cost['failure']}")
    return results.scores_table(records), facts


def table(
    run: str | Path, name: str = "dataset", format: str = "terminal", quoted: bool = False
) -> str:
    """One table of a run, from what is stored in `run`.

    name:   "1", "2", "3" of the paper, "dataset", "scene", "time", "difference", "runtime".
    format: terminal, markdown, latex, standalone (a LaTeX document), csv or html (a fragment).
    quoted: with rows of later papers, where the run is under their protocol.
    Raises UsageError if `run` is no run, ReportError for an unknown table or format.
    """
    scores, facts = stored(run)
    return reports.table(scores, facts, format, by=name, quoted=quoted)


def report(run: str | Path) -> DataFrame:
    """Writes `run`/report from what is stored in `run`, and returns the table of scores.

    The table's `attrs` hold "run", "facts", "failures" and "report" (the page's path).
    Raises UsageError if `run` is no folder of a run.
    """
    run = Path(run)
    scores, facts = stored(run)
    scored = clips.scored(scores)
    page = reports.write_report(
        scores,
        facts,
        _pictures(run, facts, scored),
        run / "report",
        clips=clips.find(run, facts, scored),
    )
    scores.attrs |= {
        "run": str(run),
        "report": str(page.with_suffix(".html")),
        "facts": facts,
        "failures": [
            f"{failure['dataset']}: '{failure['scene']}' by {failure['method']}: "
            f"{failure['reason']}"
            for failure in facts["failures"]
        ],
    }
    return scores


def _pictures(
    run: Path, facts: dict[str, Any], scored: set[tuple[str, str, str]]
) -> dict[str, dict[str, dict[str, Any]]]:
    """data set -> scene -> the frame shown, its truth, input and each method's, as files."""
    pictures: dict[str, dict[str, dict[str, Any]]] = {}
    for dataset, scenes in facts["shown"].items():
        for scene, frame in scenes.items():
            methods = {
                name: results.picture_file(run, dataset, scene, name)
                for name in facts["methods"]
                if (dataset, scene, name) in scored
            }
            if methods:
                folder = run / "pictures" / dataset / scene
                pictures.setdefault(dataset, {})[scene] = {
                    "frame": frame,
                    "truth": folder / "truth.png",
                    "input": folder / "input.png",
                    "methods": methods,
                }
    return pictures
