"""Data sets x methods -> scores: runs the units not done yet, keeps each, reports on all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt import baselines
from stvt.baselines import Method, PrecomputedFrames
from stvt.core.errors import UsageError
from stvt.core.files import locked, write_json
from stvt.core.formatting import plain
from stvt.core.progress import Progress
from stvt.core.version import __version__
from stvt.device import device_name
from stvt.evaluation import provenance, store
from stvt.evaluation.plan import Plan, RunOptions, as_list
from stvt.evaluation.processes import run_units
from stvt.evaluation.protocol import Protocol, with_options
from stvt.evaluation.report import PAGE, report
from stvt.evaluation.scoring import score
from stvt.evaluation.unit import Unit
from stvt.profiling import timing
from stvt.profiling.flops import count, device_of

if TYPE_CHECKING:
    from pandas import DataFrame

TIMED_FRAME = 540, 960  # height and width, where nothing else is said
TIMED = 5.0  # seconds that a method is timed for: its median moves by less than other programs do


def evaluate(
    datasets: Sequence[str] | str,
    methods: Sequence[str] | str,
    *,
    protocol: str | Protocol = "paper",
    progress: Progress | None = None,
    cost_progress: Progress | None = None,
    **options: Any,
) -> DataFrame:
    """The scores of each method on each prepared data set, one row a frame and metric.

    datasets: names of prepared sets ("sample" or ["sample", "vid4"]).
    methods:  as on the command line: "stvun", "bicubic+flow", "mine=frames:FOLDER",
              "net=FILE.py:Class"; a list, or one string with commas.
    protocol: "paper", "zsm", "space", "videoinr", "authors" or a `Protocol`.
    progress: called with (done, total, what), of frames that are scored.
    cost_progress: the same, of methods whose cost is measured; None: `progress`, too.
    options:  the fields of `RunOptions` (root, out, metrics, weights, device, workers, runtime ...),
              and those of the protocol that are not the preset's (frames="all", time_step=4 ...).

    Returns the table of `stvt.reports.COLUMNS`; its `attrs` hold "run" (the folder), "failures"
    (one line for each scene and method without scores) and "computed" (method -> seconds that
    its units passed and, of them, computed, and those of the processor, of those scored now).
    Writes the report, of the data sets and methods named now, into the run's folder.
    Raises the rooms' errors before any work when a set, method, weight or metric is missing, and
    UsageError when another process evaluates into the same folder.
    """
    own = {one.name for one in fields(RunOptions)}
    rules = {name: value for name, value in options.items() if name not in own}
    given = RunOptions(**{name: value for name, value in options.items() if name in own})
    chosen = with_options(protocol, **rules)
    specs = baselines.parse_methods(methods) if isinstance(methods, str) else list(methods)
    plan = Plan(as_list(datasets), specs, chosen, given)
    show = progress or (lambda done, total, what: None)
    with locked(plan.run, "being evaluated into", UsageError):
        plan.check_run_folder()  # which another process may have filled meanwhile
        store.remove_leftovers(plan.run)
        is_other = provenance.write_run(plan)
        is_current = not is_other and _is_reported(plan.run)
        size = given.runtime_size
        if size is None:  # costs of one table are of one size
            size = (None if given.runtime else provenance.timed_size(plan.run)) or TIMED_FRAME
        with provenance.session(
            plan.run,
            root=str(plan.root),
            weights={name: str(file) for name, file in plan.settings.weights.items()},
            workers=given.workers,
            runtime=size if given.runtime else None,
        ) as facts:
            records, units = _remainder(plan.units)
            computed = _score_all(units, given.workers, given.cluster, show)
            facts["computed"] = computed
            counted = _cost_all(plan, *size, given.runtime, cost_progress or show)
            scores = report(
                plan.run, is_current=is_current and not (units or counted), known=records
            )
    scores.attrs["computed"] = computed
    return scores


def computed_line(computed: Mapping[str, Mapping[str, float]]) -> str | None:
    """The share of the time in which methods computed; None if none did.

    >>> computed_line({"a": {"passed": 20.0, "computed": 19.0}, "b": {"passed": 5, "computed": 1}})
    'computed 80 % of the 25 s of scoring: a 95 %, b 20 %'
    """
    own = {name: one for name, one in computed.items() if one["computed"]}
    passed, spent = (sum(one[key] for one in own.values()) for key in ("passed", "computed"))
    if not spent:
        return None
    each = [f"{name} {one['computed'] / one['passed']:.0%}" for name, one in own.items()]
    line = f"computed {spent / passed:.0%} of the {passed:.0f} s of scoring: {', '.join(each)}"
    return line.replace("%", " %")


def _is_reported(run: Path) -> bool:
    """Whether the last session of a run came to its end, which is after its report."""
    sessions = provenance.sessions(run)
    return bool(sessions) and "ended" in sessions[-1] and (run / "report" / PAGE).exists()


def _remainder(units: Iterable[Unit]) -> tuple[store.Records, list[Unit]]:
    """The records that are whole, and the other units with the metrics that theirs lack.

    Marks the records of other data, weights or code as superseded: if this run is broken off, its
    report would have their scores as its own. One that goes back to those has them again.
    """
    records, left = {}, []
    for unit in units:
        name = (unit.dataset, unit.scene, unit.label)
        record = store.read_unit(unit.run, *name)
        is_superseded = "scores" in record and not unit.is_of(record)
        if record.pop("superseded", False) != is_superseded:
            write_json(unit.file, record | {"superseded": True} if is_superseded else record)
        if missing := unit.missing_metrics(record):
            left.append(replace(unit, metrics=missing))
        else:
            records[name] = record
    return records, left


def _score_all(
    units: list[Unit], workers: int, cluster: str | None, show: Progress
) -> dict[str, dict[str, float]]:
    """Method -> what its units spent, as `score` says."""
    spent: dict[str, dict[str, float]] = {}
    total = sum(len(unit.positions) for unit in units)
    done = 0

    def on_frame(unit: Unit) -> None:
        nonlocal done
        done += 1
        show(done, total, f"{unit.dataset} {unit.scene} {unit.label}")

    def score_here(unit: Unit) -> dict[str, Any]:
        return score(unit, partial(on_frame, unit))

    work = score_here if workers == 1 and not cluster else score
    ended = 0
    for unit, record in run_units(work, units, workers, cluster):
        ended += len(unit.positions)
        done = ended
        if record is None:
            reason = "the worker process died (out of memory?); fewer --workers may help"
            write_json(unit.file, unit.record(failure=reason))
        else:
            one = spent.setdefault(unit.label, dict.fromkeys(record["spent"], 0.0))
            for key, seconds in record["spent"].items():
                one[key] += seconds
        show(done, total, f"{unit.dataset} {unit.scene} {unit.label}")
    return {
        name: {key: round(seconds, 3) for key, seconds in one.items()}
        for name, one in spent.items()
    }


def _cost_all(plan: Plan, height: int, width: int, runtime: bool, show: Progress) -> int:
    """Counts the operations of each network, and times each method that computes if `runtime`.

    Each is kept in RUN/runtime; what is there of another method by the same name goes. Returns for
    how many methods that was not known already.
    """
    methods, new = [], 0
    for spec, method in plan.methods.items():
        file = store.runtime_file(plan.run, method.name)
        key = _cost_key(plan, spec, method, height, width)
        known = store.read_json(file) or {}
        if known and known.get("key") != key:
            file.unlink()
            known, new = {}, new + 1
        if not isinstance(method, PrecomputedFrames) and (runtime or method.networks()):
            methods.append((method, file, key, known))
    what = "timing" if runtime else "counting"
    for number, (method, file, key, known) in enumerate(methods):
        show(number, len(methods), f"{what} {method.name}")
        device = (known.get("runtime") or {}).get("device")
        is_timed = device == device_name(device_of(method))
        if "cost_size" in known and (is_timed or not runtime):
            continue
        write_json(file, {"key": key, **_cost(plan, method, height, width, runtime)})
        new += 1
    if methods:
        show(len(methods), len(methods), what)
    return new


def _cost_key(plan: Plan, spec: str, method: Method, height: int, width: int) -> str:
    """Whatever the cost of a frame depends on but the device, which its time names."""
    told = ("weights", "new_frames", "device")  # below, in another form, or not of the key
    settings = {name: value for name, value in vars(plan.settings).items() if name not in told}
    made_of = [spec, method.weights, method.fingerprint, settings, __version__]
    if not _time_of_cost(plan):
        made_of.append("existing")
    return hashlib.sha256(json.dumps([height, width, *made_of]).encode()).hexdigest()


def _time_of_cost(plan: Plan) -> float:
    """Of the frame whose cost is told: a new one, unless only existing ones are scored."""
    return 0.0 if plan.protocol.frames == "existing" else 0.5


def _cost(plan: Plan, method: Method, height: int, width: int, runtime: bool) -> dict[str, Any]:
    """What one frame costs, or the reason why that cannot be told."""
    try:
        cost, time = dict[str, Any](), _time_of_cost(plan)
        if runtime:
            timed = timing.measure(
                method,
                height,
                width,
                time,
                precision=plan.settings.precision,
                warm_up=1,
                min_repeats=2,
                budget_seconds=TIMED,
            )
            cost["runtime"] = asdict(timed)
        operations = count(method, height, width, time)
    # A method may be anybody's code: one that fails must not cost the others their report.
    except Exception as error:  # noqa: BLE001
        return {"failure": plain(f"{type(error).__name__}: {error}")}
    return {
        **cost,
        "multiply_accumulates": operations.multiply_accumulates,
        "uncounted": operations.uncounted,
        "cost_size": (height, width),
        "counted_at": operations.counted_at,
    }
