"""The description of a run: its protocol, data sets, methods and their cost, what failed in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stvt.core.errors import StvtError
from stvt.core.records import from_dict

from .errors import ReportError


@dataclass(frozen=True)
class Runtime:
    """Seconds and memory that one frame of `width` x `height` took.

    median, p10, p90, mean: over `n` repetitions, by the wall clock.
    stages: seconds of each stage of a cascade.
    """

    median: float | None = None
    p10: float | None = None
    p90: float | None = None
    mean: float | None = None
    n: int | None = None
    height: int | None = None
    width: int | None = None
    device: str = ""
    precision: str = ""
    peak_memory_bytes: int | None = None
    memory_is: str = ""
    out_of_memory: bool = False
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def size(self) -> str:
        """The size as text, "960x540", or nothing."""
        return f"{self.width}x{self.height}" if self.width and self.height else ""

    @property
    def conditions(self) -> str:
        """Device and precision, as far as they are known."""
        return ", ".join(part for part in (self.device, self.precision) if part)


@dataclass(frozen=True)
class MethodInfo:
    """A method of a run, and what it costs.

    weights:   sha256 of its weights, of several joined by +; "untrained" for random ones.
    stages:    parameters of each stage of a cascade.
    stated:    of the cost, what was neither counted nor measured here: "params", "seconds" ...
    uncounted: operators without a count of operations -> how often they ran.
    cost_size: height and width of the frame that the operations and the time are of.
    counted_at: of the frame whose operations were counted, and scaled by area to the former.
    mismatch:  that the weights were trained on another degradation, in a line.
    window:    input frames before and after an output's own that it reads, "3+4".
    frames_alone: data set -> how many frames would be scored of it as the only method of the run,
               where these are others than are scored now.
    """

    spec: str = ""
    weights: str = ""
    parameters: int | None = None
    stages: dict[str, int] = field(default_factory=dict)
    stated: list[str] = field(default_factory=list)
    runtime: Runtime | None = None
    multiply_accumulates: int | None = None
    uncounted: dict[str, int] | None = None
    cost_size: tuple[int, int] | None = None
    counted_at: tuple[int, int] | None = None
    mismatch: str = ""
    window: str = ""
    frames_alone: dict[str, int] = field(default_factory=dict)

    @property
    def untrained(self) -> bool:
        return is_untrained(self.weights)


@dataclass(frozen=True)
class MetricInfo:
    """A metric of a run as it declares itself.

    spec:  what names it, of a custom one. input: it scores frames, or the sequence of them.
    """

    higher_is_better: bool = True
    unit: str = ""
    definition: str = ""
    spec: str = ""
    input: Literal["frame", "sequence"] = "frame"

    @property
    def better(self) -> Literal["low", "high"]:
        return "high" if self.higher_is_better else "low"


DECLARED = ("psnr", "ssim", "lpips", "lpips-vgg", "dists")  # known by their names
DISTANCES = ("lpips", "lpips-vgg", "dists", "tlpips", "tof", "ewarp")  # lower is better


def declared(metric: str) -> MetricInfo:
    """What is known of a metric by its name, where nothing else says it, as of scores of one's own.

    >>> declared("tof").better, declared("vmaf").better
    ('low', 'high')
    """
    return MetricInfo(metric not in DISTANCES, "dB" if metric == "psnr" else "")


@dataclass(frozen=True)
class DatasetInfo:
    """A data set of a run.

    checked: what of its frames was compared with the manifest: sizes and times, or sha256.
    lacks:   what it was prepared without, if it is not the whole set.
    """

    scenes: list[str]
    manifest_sha256: str = ""
    checked: str = ""
    lacks: str = ""


@dataclass(frozen=True)
class GitState:
    commit: str = ""
    dirty: bool = False


@dataclass(frozen=True)
class WeightsInfo:
    """A file of weights by its name, without its folder."""

    file: str
    sha256: str = ""


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run besides its protocol.

    untrained: None where that is not known. scenes: those alone that were asked for, if any were.
    """

    device: str = "auto"
    untrained: bool | None = None
    compiled: Literal["", "parts", "graphs"] = ""
    save_frames: bool = False
    scenes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Failure:
    """A scene that a method has no scores of, and why; metric: where it lacks only those of one."""

    dataset: str
    scene: str
    method: str
    reason: str
    metric: str = ""


@dataclass(frozen=True)
class RunInfo:
    """A run as its `run.json` describes it, with its failures and warnings.

    protocol: options by name. title: its preset, and what differs from that.
    shown:    data set -> scene -> the frame that pictures are of.
    command:  the command line that makes it again. weights: network -> file and sha256.
    date:     of its scores, as 2026-11-29 (UTC).
    measures: metric -> what it declares.
    """

    signature: str
    datasets: dict[str, DatasetInfo]
    methods: dict[str, MethodInfo]
    schema: int = 1
    version: str = ""
    protocol: dict[str, Any] = field(default_factory=dict)
    title: str = ""
    metrics: list[str] = field(default_factory=list)
    measures: dict[str, MetricInfo] = field(default_factory=dict)
    command: str = ""
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    git: GitState | None = None
    settings: RunSettings = field(default_factory=RunSettings)
    weights: dict[str, WeightsInfo] = field(default_factory=dict)
    shown: dict[str, dict[str, int]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    date: str = ""

    @classmethod
    def read(cls, value: object, where: str, error: type[StvtError] = ReportError) -> RunInfo:
        """From what `run.json` holds; `error`, one line with the bad field, if it is no such thing.

        >>> RunInfo.read({"signature": "", "datasets": {}, "methods": []}, "run.json")
        Traceback (most recent call last):
        stvt.reports.errors.ReportError: run.json: methods: is [], expected dict
        """
        return from_dict(cls, value, where, error)

    @property
    def heading(self) -> str:
        """The data sets, the protocol and the date, as pages are headed."""
        protocol = self.title or self.protocol.get("name", "")
        what = ": ".join(filter(None, (", ".join(self.datasets), protocol))) or "a run"
        return f"{what} ({self.date})" if self.date else what

    @property
    def incomplete(self) -> int:
        """How many units, a scene by a method, lack scores of any metric."""
        return len({(one.dataset, one.scene, one.method) for one in self.failures})

    @property
    def common_frames(self) -> bool:
        """Whether all methods were scored on the same frames."""
        return self.protocol.get("common_frames") != "off"

    def method(self, name: str) -> MethodInfo:
        """The description of a method, empty where only scores are known of it."""
        return self.methods.get(name) or MethodInfo()

    def metric(self, name: str) -> MetricInfo:
        """What a metric declares; of an earlier version's run what is known of it by its name."""
        return self.measures.get(name) or declared(name)


def is_untrained(weights: str) -> bool:
    """Whether any of the weights joined by + are random ones."""
    return "untrained" in weights.split("+")


@dataclass(frozen=True)
class FrameFiles:
    """Lossless files of one frame: ground truth, low-resolution input (if it was kept), outputs."""

    frame: int
    gt: Path
    input: Path | None
    methods: Mapping[str, Path]


@dataclass(frozen=True)
class ClipFiles:
    """Small copies of a scene's frames, by frame: ground truth, input, outputs and their error maps.

    error_shown: the error in levels that is white in the maps. fps: of all frames of the scene.
    """

    gt: Mapping[int, Path]
    input: Mapping[int, Path]
    methods: Mapping[str, Mapping[int, Path]]
    errors: Mapping[str, Mapping[int, Path]]
    error_shown: int = 64
    fps: float | None = None

    def views(self, methods: Sequence[str]) -> dict[str, Mapping[int, Path]]:
        """Ground truth, input and those of the methods that it has, in their order."""
        own = {name: self.methods[name] for name in methods if name in self.methods}
        return {"truth": self.gt, "input": self.input, **own}


Pictures = Mapping[str, Mapping[str, FrameFiles]]  # data set -> scene
Clips = Mapping[str, Mapping[str, ClipFiles]]
