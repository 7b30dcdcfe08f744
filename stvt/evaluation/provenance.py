"""The provenance of a run's scores: the command, versions, state of the code, device, weights.

What is the same whenever the same run is made again goes into `run.json`; when it was made, and
in which folders, into `seconds/run.json`.
"""

from __future__ import annotations

import platform
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt import baselines
from stvt.core.errors import UsageError
from stvt.core.files import sha256_of, write_json
from stvt.core.records import from_dict
from stvt.core.version import __version__
from stvt.device import device_name
from stvt.evaluation import store
from stvt.evaluation.protocol import common_window
from stvt.reports import (
    DatasetInfo,
    GitState,
    MethodInfo,
    MetricInfo,
    RunInfo,
    RunSettings,
    WeightsInfo,
)

if TYPE_CHECKING:
    from stvt.baselines import Method
    from stvt.datasets import Prepared
    from stvt.evaluation.plan import Plan
    from stvt.evaluation.protocol import Protocol

LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "av",
    "opencv-python-headless",
    "opencv-python",
    "pillow",
    "scikit-image",
    "imageio-ffmpeg",
)


def write_run(plan: Plan) -> bool:
    """Writes `run.json`, all that `report` needs but for the units; whether it was another before."""
    file = plan.run / "run.json"
    before = file.read_bytes() if file.exists() else b""
    record = asdict(describe(plan))
    for key in ("failures", "warnings", "date"):  # which the units and sessions tell
        del record[key]
    write_json(file, record)
    return file.read_bytes() != before


def describe(plan: Plan) -> RunInfo:
    """The description of a run before anything of it was scored, without folders and times."""
    shown: dict[str, dict[str, int]] = {name: {} for name in plan.prepared}
    for unit in plan.units:
        if unit.shown:
            shown[unit.dataset][unit.scene] = unit.shown.frame
    given = {name: file for name, file in plan.settings.weights.items() if file.is_file()}
    return RunInfo(
        version=__version__,
        protocol=vars(plan.protocol),
        title=plan.protocol.title(),
        signature=plan.signature,
        metrics=[metric.name for metric in plan.metrics],
        measures={
            one.name: MetricInfo(
                one.higher_is_better, one.unit, one.definition, one.spec, one.input
            )
            for one in plan.metrics
        },
        datasets={
            name: DatasetInfo(
                scenes=[scene.name for scene in plan.scenes[name]],
                manifest_sha256=plan.digests[name],
                checked="sha256" if plan.options.verify else "sizes and times",
                lacks=_lacks(prepared, len(plan.scenes[name])),
            )
            for name, prepared in plan.prepared.items()
        },
        methods={method.name: _method(plan, spec, method) for spec, method in plan.methods.items()},
        shown=shown,
        command=command(plan),
        versions=versions(),
        git=git_state(),
        # How many threads it has is a matter of the moment, not of the machine.
        device=re.sub(r", \d+ threads?$", "", device_name(plan.settings.device)),
        settings=RunSettings(
            device=plan.settings.device,
            untrained=plan.settings.untrained,
            compiled=plan.settings.compiled,
            save_frames=plan.options.save_frames,
            scenes=list(plan.options.scenes),
        ),
        weights={name: WeightsInfo(file.name, sha256_of(file)) for name, file in given.items()},
    )


def _lacks(prepared: Prepared, chosen: int) -> str:
    """How much of the set there is, and how much of that is scored; empty: all."""
    share = [prepared.missing.share] if prepared.missing else []
    if chosen < len(prepared.scenes):
        share.append(f"{chosen} of {len(prepared.scenes)} scenes, as chosen")
    return "; ".join(share)


def _method(plan: Plan, spec: str, method: Method) -> MethodInfo:
    """What is known before anything runs: of precomputed frames what is stated of their method."""
    from stvt.profiling.flops import parameters

    if isinstance(method, baselines.PrecomputedFrames):
        known = from_dict(MethodInfo, {"spec": spec, **method.stated}, spec, UsageError)
    else:
        stages = {stage.name: parameters(stage) for stage in method.stages}
        known = MethodInfo(spec, method.weights, parameters(method), stages)
    before, after = common_window(plan.protocol, [method.support])
    alone = plan.frames_alone(method)
    return replace(known, mismatch=method.mismatch, window=f"{before}+{after}", frames_alone=alone)


def command(plan: Plan) -> str:
    """The command line that makes these scores, but for where its data and its run are.

    Files of weights are without their folders; specifications of methods are as they were given.
    """
    words = ["stvt", "evaluate", "--datasets", ",".join(plan.prepared)]
    words += ["--methods", baselines.join_methods(plan.methods)]
    words += ["--scenes", ",".join(plan.options.scenes)] if plan.options.scenes else []
    words += _protocol_options(plan.protocol)
    specs = ",".join(metric.spec or metric.name for metric in plan.metrics)
    words += ["--metrics", specs, "--device", plan.settings.device]
    for name, file in plan.settings.weights.items():
        words += ["--weights", f"{name}={file.name}"]
    words += ["--untrained"] * plan.settings.untrained
    words += ["--compile", plan.settings.compiled] if plan.settings.compiled else []
    words += ["--save-frames"] * plan.options.save_frames
    words += ["--verify"] * plan.options.verify
    return shlex.join(words)


def _protocol_options(protocol: Protocol) -> list[str]:
    preset = protocol.preset
    words = ["--protocol", preset.name]
    for key, value in vars(protocol).items():
        if key not in ("name", "inputs") and value is not None and value != getattr(preset, key):
            words += [f"--{key.replace('_', '-')}", str(value)]
    return words


def versions() -> dict[str, str]:
    """The versions of stvt, Python and the libraries that scores may depend on."""
    import torch

    versions = {"stvt": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    if torch.version.cuda:
        versions["cuda"] = torch.version.cuda
    return versions | {"system": f"{platform.system()} {platform.machine()}"}


@cache
def git_state() -> GitState | None:
    """The commit that stvt's code is of, and whether it was altered; None where it is installed."""
    top = Path(__file__).resolve().parents[2]
    if not (top / ".git").exists():
        return None
    try:
        commit = _git(top, "rev-parse", "HEAD").strip()
        dirty = bool(_git(top, "status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):
        return None
    return GitState(commit, dirty)


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20)
    return done.stdout


@contextmanager
def session(run: Path, **about: object) -> Iterator[dict[str, Any]]:
    """Keeps when the work inside began and, if it came to its end, when; and `about`, as text.

    A run that was continued has several of them. What is put into the dict that this gives is
    kept, too, at the end.
    """
    file = run / "seconds" / "run.json"
    before = sessions(run)
    began = datetime.now(UTC)
    now: dict[str, Any] = {"began": began.isoformat(timespec="seconds"), **about}
    write_json(file, {"sessions": [*before, now]})
    yield now
    ended = datetime.now(UTC)
    now["ended"] = ended.isoformat(timespec="seconds")
    now["seconds"] = round((ended - began).total_seconds(), 3)
    write_json(file, {"sessions": [*before, now]})


@dataclass(frozen=True)
class Session:
    """What is read again of a session: its end if it came to one, where data and weights were, and
    the size (height, width) of the frame that methods were timed on, if they were."""

    began: str
    ended: str | None = None
    root: str | None = None
    weights: dict[str, str] = field(default_factory=dict)
    runtime: tuple[int, int] | None = None


def sessions(run: Path) -> list[dict[str, Any]]:
    """The sessions of a run, the latest last. Raises UsageError if their file is damaged."""
    file = run / "seconds" / "run.json"
    stored = (store.read_json(file) or {}).get("sessions", [])
    try:
        from_dict(list[Session], stored, f"{file}: sessions", UsageError)
    except UsageError as error:
        raise UsageError(f"{error}; {store.AGAIN}") from error
    return list(stored)


def timed_size(run: Path) -> tuple[int, int] | None:
    """Height and width of the frame that the methods of a run were last timed on, if they were."""
    timed = [one["runtime"] for one in sessions(run) if one.get("runtime")]
    height, width = timed[-1] if timed else (0, 0)
    return (height, width) if min(height, width) > 0 else None


def date(run: Path) -> str:
    """The day (UTC) of the last session that scored something, nothing if there was none."""
    scoring = [one for one in sessions(run) if one.get("computed") or "ended" not in one]
    return str(scoring[-1]["began"])[:10] if scoring else ""


def changes(first: RunInfo, second: RunInfo) -> list[str]:
    """The differences in provenance of two runs, one line each; what one of them does not say is left out."""
    lines = [
        f"{name}: {first.versions[name]} -> {second.versions[name]}"
        for name in first.versions
        if second.versions.get(name, first.versions[name]) != first.versions[name]
    ]
    for name in [name for name in first.datasets if name in second.datasets]:
        before, after = first.datasets[name], second.datasets[name]
        lines += _altered(f"{name} frames", before.manifest_sha256, after.manifest_sha256)
        if before.scenes != after.scenes:
            lines.append(f"{name} scenes: {len(before.scenes)} -> {len(after.scenes)}")
    for name in [name for name in first.methods if name in second.methods]:
        old, new = first.methods[name], second.methods[name]
        lines += _altered(f"{name} is", old.spec, new.spec)
        lines += _altered(f"{name} weights", old.weights, new.weights)
        lines += _altered(f"{name} parameters", old.parameters, new.parameters)
    for name in [name for name in first.measures if name in second.measures]:
        definitions = [info.measures[name].definition for info in (first, second)]
        lines += _altered(f"{name} is", *definitions)
    if not (first.versions and second.versions) and first.version and second.version:
        lines += _altered("version", first.version, second.version)
    if first.device and second.device:
        lines += _altered("device", first.device, second.device)
    commits = [_commit(info.git) for info in (first, second)]
    if all(commits) and commits[0] != commits[1]:
        lines.append(f"code: {commits[0]} -> {commits[1]}")
    if "altered" in commits[0] and commits[0] == commits[1]:
        lines.append(f"code: {commits[0]} in both; what was altered is not known")
    return lines


def _altered(what: str, before: object, after: object) -> list[str]:
    return [] if before == after else [f"{what}: {_short(before)} -> {_short(after)}"]


def _short(value: object) -> str:
    """Hashes by their beginnings."""
    text = "none" if value in ("", None) else str(value)
    return "+".join(p[:12] if len(p) == 64 else p for p in text.split("+"))


def _commit(git: GitState | None) -> str:
    return f"{git.commit[:12]}{' (altered)' if git.dirty else ''}" if git else ""
