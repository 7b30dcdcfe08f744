"""A run's folder -> its report: tables, plots and pages from the stored scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt import reports, results
from stvt.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame


def report(run: str | Path) -> DataFrame:
    """Writes `run`/report from what is stored in `run`, and returns the table of scores.

    The table's `attrs` hold "run", "facts", "failures" and "report" (the page's path).
    Raises UsageError if `run` is no folder of a run.
    """
    run = Path(run)
    facts = results.read_json(run / "run.json")
    if facts is None:
        raise UsageError(f"{run}: no run.json there, so no run of `stvt evaluate`; give its --out")
    records = [
        results.read_json(results.unit_file(run, dataset, scene, method))
        or {"dataset": dataset, "scene": scene, "method": method, "failure": "not run yet"}
        for dataset, about in facts["datasets"].items()
        for scene in about["scenes"]
        for method in facts["methods"]
    ]
    for record in records:
        if record.get("signature", facts["signature"]) != facts["signature"]:
            record["failure"] = "not run yet under this protocol"
            record.pop("scores", None)
    scores = results.scores_table(records)
    facts["failures"] = [
        {key: record[key] for key in ("dataset", "scene", "method")} | {"reason": record["failure"]}
        for record in records
        if "failure" in record
    ]
    facts["warnings"] = [line for record in records for line in record.get("warnings", [])]
    for name, about in facts["methods"].items():
        about |= results.read_json(results.runtime_file(run, name)) or {}
    scored = {(r["dataset"], r["scene"], r["method"]) for r in records if "scores" in r}
    page = reports.write_report(scores, facts, _pictures(run, facts, scored), run / "report")
    scores.attrs |= {
        "run": str(run),
        "report": str(page),
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
