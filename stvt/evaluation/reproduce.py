"""A run made again from its `run.json`, and compared score by score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt import baselines, datasets, reports
from stvt.core.errors import UsageError
from stvt.core.progress import Progress
from stvt.evaluation import provenance
from stvt.evaluation.protocol import Protocol
from stvt.evaluation.report import read_info, read_run, run_protocol
from stvt.reports import RunInfo

if TYPE_CHECKING:
    from pandas import DataFrame

TOLERANCE = 1e-6  # scores are kept with six decimals
KEYS = ["dataset", "scene", "method", "frame", "metric", "channel"]


@dataclass(frozen=True)
class Reproduction:
    """run: the new one's folder. compared: how many scores both have.

    differing: one line for each method whose scores differ or are missing; none: all are equal.
    changed:   what else differs: data, versions, weights, device, code.
    """

    run: Path
    compared: int
    differing: list[str]
    changed: list[str]


def reproduce(
    run_json: Path,
    *,
    root: Path | None = None,
    out: Path | None = None,
    weights: Mapping[str, Path] | None = None,
    device: str | None = None,
    workers: int = 1,
    allow_code: bool = False,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress | None = None,
    cost_progress: Progress | None = None,
) -> Reproduction:
    """Evaluates what a run.json says, in a new folder, and compares the scores.

    run_json: the file, or the folder of its run; the scores are beside it.
    root:     of the prepared sets; None where they were then, else "data".
    out:      None: the run's folder with "-again" at its end.
    weights, device: in the place of those that were used.
    allow_code: run the Python files that its methods and metrics name, which whoever sent it chose.
    tell:     called with what differs, and which code runs, before the work begins.

    Raises UsageError if there is nothing to compare with, if `out` is a finished run, or if code
    would run that is not allowed.
    """
    run = run_json if run_json.is_dir() else run_json.parent
    scores, info = _original(run, run_json)
    metrics = [info.metric(name).spec or name for name in info.metrics]
    code = baselines.code_files([*(about.spec for about in info.methods.values()), *metrics])
    if code and not allow_code:
        raise UsageError(
            f"{run}/run.json names code that would run here: {', '.join(code)}; read it, then give "
            "--allow-code"
        )
    for file in code:
        tell(f"runs the code of {file}")
    last = (provenance.sessions(run) or [{}])[-1]
    out = out or run.resolve().with_name(f"{run.resolve().name}-again")
    if out.resolve() == run.resolve() or any("ended" in s for s in provenance.sessions(out)):
        raise UsageError(f"{out} is a finished run; give another --out, or delete it")
    root = root or Path(last.get("root") or "data")
    protocol = run_protocol(info, run)
    for line in _other_data(info, root, protocol):
        tell(line)
    used = {name: Path(file) for name, file in (last.get("weights") or {}).items()}
    files = {
        name: file for name, file in used.items() if baselines.is_hub_file(file) or file.is_file()
    } | dict(weights or {})
    lost = [name for name in info.weights if name not in files]
    if lost:
        raise UsageError(
            f"{run}: its weights of {lost[0]} ({info.weights[lost[0]].file}) are not here; "
            f"give --weights {lost[0]}=FILE"
        )
    from stvt.evaluation.run import evaluate

    settings = info.settings
    again = evaluate(
        list(info.datasets),
        [about.spec for about in info.methods.values()],
        root=root,
        out=out,
        protocol=protocol,
        metrics=metrics,
        weights=files,
        untrained=any(about.untrained for about in info.methods.values())
        if settings.untrained is None
        else settings.untrained,
        device=device or settings.device,
        compiled=settings.compiled,
        workers=workers,
        save_frames=settings.save_frames,
        scenes=settings.scenes,
        progress=progress,
        cost_progress=cost_progress,
    )
    compared, differing = differences(scores, again)
    return Reproduction(out, compared, differing, provenance.changes(info, read_info(out)))


def _original(run: Path, run_json: Path) -> tuple[DataFrame, RunInfo]:
    if not run_json.exists() or (run_json.is_file() and run_json.name != "run.json"):
        raise UsageError(f"{run_json}: no run.json there; give that of a run, or its folder")
    scores, info = read_run(run)
    if not len(scores) and (run / "report" / "scores.csv").is_file():
        scores = reports.read_scores(run / "report" / "scores.csv")
    if not len(scores):
        raise UsageError(f"{run}: no scores beside run.json to compare with")
    return scores, info


def _other_data(info: RunInfo, root: Path, protocol: Protocol) -> list[str]:
    """One line for each data set whose frames are not those of the run."""
    lines = []
    for name, about in info.datasets.items():
        prepared = datasets.load(name, root)
        whole = protocol.inputs == "authors"
        digest = prepared.manifest_sha256 if whole else prepared.digest(protocol.low_folder)
        if digest != about.manifest_sha256:
            lines.append(f"{name}: its frames in {root} are not those of the run")
    return lines


def differences(before: DataFrame, after: DataFrame) -> tuple[int, list[str]]:
    """The number of scores that both have, and a line for each method of which some are not equal."""
    import pandas as pd

    both = pd.DataFrame(
        {
            name: scores.drop_duplicates(KEYS).set_index(KEYS)["value"].astype(float)
            for name, scores in (("old", before), ("new", after))
        }
    )
    lines = []
    for method, rows in both.groupby("method"):
        number = rows["old"].count()
        # Equal ones, infinite too, are not apart.
        apart = (rows["old"] - rows["new"]).abs().where(rows["old"] != rows["new"], 0.0)
        unequal = apart[apart > TOLERANCE * 1.001]
        if len(unequal):
            worst: Any = unequal.idxmax()
            dataset, scene, _, frame, metric, _ = worst
            old, new = rows.loc[worst]
            lines.append(
                f"{method}: {len(unequal)} of {number} scores differ, by {unequal[worst]:.3g} at "
                f"most ({metric} of frame {frame} of {dataset}/{scene}: {old:.6f}, now {new:.6f})"
            )
        if lost := (rows["old"].notna() & rows["new"].isna()).sum():
            lines.append(f"{method}: {lost} of {number} scores are missing now")
        if more := (rows["old"].isna() & rows["new"].notna()).sum():
            lines.append(f"{method}: {more} scores are new")
    return len(both.dropna()), lines
