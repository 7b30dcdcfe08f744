"""The plan of a run: its units of work, settled before any of it so that mistakes show at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stvt import baselines, datasets, metrics
from stvt.baselines import Compiled, Method, Scene, Settings, WeightFiles
from stvt.core.errors import UsageError
from stvt.device import usable_device
from stvt.evaluation import store, thumbnails
from stvt.evaluation.protocol import Position, Protocol, common_window, positions
from stvt.evaluation.unit import Unit

if TYPE_CHECKING:
    from stvt.datasets import PreparedScene


@dataclass(frozen=True)
class RunOptions:
    """The options of a run besides its protocol.

    root:      the folder of the prepared sets.
    out:       the run's folder, `<datasets>-<protocol>` in `runs` if None. Scores that are already
               there are not made again; those of another protocol are an error.
    scenes:    of the sets, only these; none: all.
    weights:   network -> file. untrained: random weights, for runtime and plumbing.
    compiled:  "parts" or "graphs": the networks by `torch.compile`, which takes minutes.
    verify:    compare the sha256 of every frame with the manifest, not only its size.
    runtime:   also time each method on one jointly upsampled frame of `runtime_size`
               (height, width), count its operations and its peak memory; with frames="existing"
               on one in register with its input, which is all that a spatial method makes.
               A size of None is that of the run's last timing if none is asked for now, else
               (540, 960).
    workers, cluster: see `stvt.evaluation.processes`. save_frames: keep every scored frame.
    """

    root: str | Path = "data"
    out: str | Path | None = None
    runs: str | Path = "runs"
    scenes: Sequence[str] | str = ()
    metrics: Sequence[str] | str = ("psnr", "ssim")
    weights: Mapping[str, str | Path] = field(default_factory=dict)
    untrained: bool = False
    device: str = "auto"
    compiled: Compiled = ""
    workers: int = 1
    cluster: str | None = None
    runtime: bool = False
    runtime_size: tuple[int, int] | None = None
    save_frames: bool = False
    verify: bool = False


def as_list(names: Sequence[str] | str) -> tuple[str, ...]:
    """The names of a list, or of one string with commas; UsageError where one is missing."""
    listed = names.split(",") if isinstance(names, str) else names
    if not all(found := tuple(name.strip() for name in listed)):
        raise UsageError(f"{names!r}: a name is missing beside a comma, or empty")
    return found


def check_unique(what: str, labels: Sequence[str]) -> None:
    """Raises UsageError if two of the methods or metrics have one name."""
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise UsageError(
            f"two {what} are called {', '.join(sorted(twice))}; give one a name: other=..."
        )


class Plan:
    """Every scene of some prepared sets by every method, under one protocol.

    Raises the rooms' errors if a set, method, weight or metric is missing, and UsageError if the
    folder `run` holds scores of another protocol.
    """

    def __init__(
        self,
        names: Sequence[str],
        specs: Sequence[str],
        protocol: Protocol,
        options: RunOptions,
    ) -> None:
        names = tuple(dict.fromkeys(names))
        self.protocol = protocol
        self.options = replace(options, scenes=as_list(options.scenes))
        self.root = Path(options.root).resolve()
        folder = f"{'+'.join(names)}-{protocol.label()}"
        self.run = Path(options.out or Path(options.runs) / folder).resolve()
        self.settings = Settings(
            scale=protocol.scale,
            degradation=protocol.degradation,
            phase=datasets.phase(protocol.degradation, protocol.scale),
            device=usable_device(options.device),
            precision=protocol.precision,
            tile=protocol.tile,
            chunk=protocol.chunk,
            handoff_dtype=protocol.handover,
            compiled=options.compiled,
            weights=WeightFiles(
                {n: baselines.absolute(file) for n, file in options.weights.items()}
            ),
            untrained=options.untrained,
            new_frames=protocol.frames != "existing",
        )
        if not (names and specs and options.metrics):
            raise UsageError("nothing to evaluate: name a data set, a method and a metric")
        self.metrics = tuple(metrics.find_metric(spec) for spec in as_list(options.metrics))
        check_unique("metrics", [metric.name for metric in self.metrics])
        for metric in self.metrics:
            metric.open(self.settings.device, baselines.published_network)
        self.prepared = {name: datasets.load(name, self.root) for name in names}
        self.scenes = datasets.choose_scenes(self.prepared.values(), self.options.scenes)
        if protocol.inputs == "prepared":
            for prepared in self.prepared.values():
                prepared.require(protocol.low_folder)
        elif {what for _, what in map(baselines.split_label, specs)} != {"stvun"}:
            raise UsageError("--protocol authors is the published demonstration of stvun alone")
        for prepared in self.prepared.values():
            label = protocol.low_folder if protocol.inputs == "prepared" else None
            prepared.check_frames(label, hashes=options.verify)
        self.methods = self._build(specs)
        self.supports = tuple(method.support for method in self.methods.values())
        self._positions = cache(lambda length, of: tuple(positions(length, protocol, of)))
        self.signature = protocol.signature(common_window(protocol, self.supports))
        check_unique("methods", [method.name for method in self.methods.values()])
        failed = any(isinstance(m, baselines.FailedMethod) for m in self.methods.values())
        if not failed:  # which may be the one that reads them: a mistyped name stays unnoticed then
            baselines.check_weights(self.methods, self.settings)
        self.check_run_folder()

    def _build(self, specs: Sequence[str]) -> dict[str, Method]:
        """The methods. A user's own that fails does so in each of its units, if there are others."""
        methods: dict[str, Method] = {}
        failed: list[baselines.CustomMethodError] = []
        for spec in specs:
            try:
                method = baselines.build(
                    spec, self.settings, larger=True, new=self.protocol.frames != "existing"
                )
                for t in (0.0, *self.protocol.times):
                    method.support(t, self.protocol.times)
            except baselines.CustomMethodError as error:
                failed.append(error)
                method = baselines.FailedMethod(
                    baselines.split_label(spec)[0], self.settings.scale, error
                )
            methods[spec] = method
        if failed and len(failed) == len(specs):
            raise failed[0]
        return methods

    def check_run_folder(self) -> None:
        """Raises UsageError if the folder holds a run of another protocol, or something else."""
        if self.run.exists() and not self.run.is_dir():
            raise UsageError(f"--out {self.run} is no folder; give another")
        before = store.read_json(self.run / "run.json")
        if before is None:
            return
        # The common window is the methods' doing, and may change when one is added.
        old, new = (
            {part for part in line.split("|") if not re.match(r"window:\d", part)}
            for line in (str(before.get("signature")), self.signature)
        )
        if old != new:
            differs = f"{' '.join(sorted(old - new))} there, {' '.join(sorted(new - old))} now"
            raise UsageError(
                f"{self.run} holds scores of another protocol ({differs}); give another --out"
            )

    @cached_property
    def is_single(self) -> bool:
        """Whether the run is of one scene."""
        return sum(map(len, self.scenes.values())) == 1

    @cached_property
    def units(self) -> list[Unit]:
        """Every scene by every method, the scenes in order and the methods inside."""
        return [
            self._unit(name, scene, number < thumbnails.SCENES, shown, spec, method)
            for name, scenes in self.scenes.items()
            for number, scene in enumerate(scenes)
            for shown in [self.shown(scene.frames)]
            for spec, method in self.methods.items()
        ]

    def _unit(
        self,
        dataset: str,
        scene: PreparedScene,
        moving: bool,
        shown: Position | None,
        spec: str,
        method: Method,
    ) -> Unit:
        wanted = self.positions(scene.frames, method)
        step = self.protocol.time_step
        told = Scene(
            dataset, scene.name, scene.frames, step, scene.height, scene.width, self.is_single
        )
        try:
            own = method.fingerprint_of(told)
        except baselines.MethodError:  # to be said when the unit is scored, and fails
            own = ""
        fingerprint = f"{method.weights} {own}"
        inputs: list[object] = [
            self.signature,
            [position.frame for position in wanted],
            self.digests[dataset],
            spec,
            fingerprint,
            self.settings.phase,
            self.settings.compiled,
            self.options.save_frames,
        ]
        if self.protocol.common_frames == "off":  # a method more may move the picture of the others
            inputs.append(shown and shown.frame)
        return Unit(
            run=self.run,
            dataset=dataset,
            prepared=scene,
            told=told,
            moving=moving,
            method=baselines.with_absolute_paths(spec),
            label=method.name,
            settings=self.settings,
            protocol=self.protocol,
            signature=self.signature,
            positions=wanted,
            shown=shown,
            metrics=self.metrics,
            save_frames=self.options.save_frames,
            fingerprint=fingerprint,
            failure=str(method.error) if isinstance(method, baselines.FailedMethod) else "",
            key=hashlib.sha256(json.dumps(inputs).encode()).hexdigest(),
        )

    def positions(self, frames: int, method: Method) -> tuple[Position, ...]:
        """The outputs of a scene of so many frames that are scored of a method."""
        if self.protocol.common_frames == "off":
            return self.positions_alone(frames, method)
        return self._positions(frames, self.supports)

    def shown(self, frames: int) -> Position | None:
        """The output of a scene of so many frames that the report shows of all methods.

        It is the one in the middle of those that are scored of every method that has any.
        """
        each = [self.positions(frames, method) for method in self.methods.values()]
        scored = [positions for positions in each if positions]
        common = sorted(set(scored[0]).intersection(*scored)) if scored else []
        return common[len(common) // 2] if common else None

    def positions_alone(self, frames: int, method: Method) -> tuple[Position, ...]:
        """Those that would be scored if the method were the only one of the run."""
        return self._positions(frames, (method.support,))

    def frames_alone(self, method: Method) -> dict[str, int]:
        """Data set -> the number of `positions_alone`, where these are others than are scored."""
        alone: dict[str, int] = {}
        for name, scenes in self.scenes.items():
            lengths = [scene.frames for scene in scenes]
            own = [self.positions_alone(length, method) for length in lengths]
            if own != [self.positions(length, method) for length in lengths]:
                alone[name] = sum(map(len, own))
        return alone

    @cached_property
    def digests(self) -> dict[str, str]:
        """A checksum of all frames of a set that the scores depend on, by its name."""
        whole = self.protocol.inputs == "authors"
        return {
            name: prepared.manifest_sha256 if whole else prepared.digest(self.protocol.low_folder)
            for name, prepared in self.prepared.items()
        }
