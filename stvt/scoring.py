"""One unit of work: the scores of one scene by one method."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stvt import baselines, clips, datasets, metrics, results
from stvt.baselines.elsewhere import Elsewhere
from stvt.baselines.method import Method, Scene, Settings
from stvt.datasets.degrade import authors_finish, authors_low_resolution
from stvt.datasets.frames import read_frame, write_frame
from stvt.errors import user_errors
from stvt.protocol import Position, Protocol

if TYPE_CHECKING:
    from stvt.datasets import PreparedScene

Frame = NDArray[np.uint8]


@dataclass(frozen=True)
class Unit:
    """What it takes to score one scene by one method, in any process that sees the folders.

    method: as on the command line; label: its name in tables.
    fingerprint: of the method's weights and code.
    key:    whatever the scores depend on. A record with the same key is not made again.
    """

    run: Path
    root: Path
    dataset: str
    scene: str
    method: str
    label: str
    settings: Settings
    protocol: Protocol
    signature: str
    positions: tuple[Position, ...]
    metrics: tuple[str, ...]
    save_frames: bool
    fingerprint: str
    key: str

    @property
    def file(self) -> Path:
        return results.unit_file(self.run, self.dataset, self.scene, self.label)

    @property
    def shown(self) -> Position:
        """The output that the report shows: the one in the middle."""
        return self.positions[len(self.positions) // 2]

    def record(self, **more: object) -> dict[str, Any]:
        """What is kept of the unit, with `more`: its scores or its failure."""
        return {
            "key": self.key,
            "dataset": self.dataset,
            "scene": self.scene,
            "method": self.label,
            "signature": self.signature,
            **more,
        }


def score(unit: Unit, on_frame: Callable[[], None] | None = None) -> dict[str, Any]:
    """Scores the unit and keeps the record, which is also returned.

    A failure is a record too, with its reason in one line: it must not stop the other units.
    on_frame: called after each scored frame.
    """
    try:
        if not unit.positions:
            raise datasets.DatasetError(
                "the scene is too short: no frame of it has the whole window of every method; "
                "leave the scene out or give --ends replicate"
            )
        record = unit.record(**_scored(unit, on_frame))
    except user_errors() as error:
        record = unit.record(failure=one_line(str(error)).removeprefix(f"{unit.label}: "))
    except MemoryError as error:
        record = unit.record(failure=f"out of memory {error}".strip())
    # A method may be anybody's code: whatever it raises is this unit's failure, not the run's.
    except Exception as error:  # noqa: BLE001
        reason = one_line(f"{type(error).__name__}: {error}")
        if "out of memory" in reason.lower():
            reason = f"out of memory; try --tile or --precision ({reason})"
        record = unit.record(failure=reason, traceback=traceback.format_exc())
    results.write_json(unit.file, record)
    return record


def _scored(unit: Unit, on_frame: Callable[[], None] | None) -> dict[str, Any]:
    prepared = datasets.load(unit.dataset, unit.root)
    scene = prepared.scenes[unit.scene]
    method = _method(unit.method, unit.settings, unit.fingerprint)
    protocol = unit.protocol
    method.begin(
        Scene(unit.dataset, unit.scene, scene.frames, protocol.time_step, scene.height, scene.width)
    )
    measures = {
        name: (_metric(name, unit.settings.device), _channel(name, protocol))
        for name in unit.metrics
    }
    height, width = _scored_size(scene, protocol)
    wanted = {position.frame: position for position in unit.positions}
    moving = clips.kept(unit.positions) if unit.scene in [*prepared.scenes][: clips.SCENES] else ()
    clip = unit.run / "clips" / unit.dataset / unit.scene
    if moving:
        clips.begin(clip, unit.label)
    scores: list[list[object]] = []
    outputs = method.stream(
        _inputs(scene, protocol, unit.settings.device),
        protocol.times,
        lambda time: _frame_at(time, protocol) in wanted,
    )
    for time, large in outputs:
        position = wanted.pop(_frame_at(time, protocol), None)
        if position is None:
            continue
        truth = read_frame(scene.gt_path(position.frame))[:height, :width]
        restored = _finished(large, protocol, height, width)
        for name, (measure, channel) in measures.items():
            value = measure(restored, truth, channel, protocol.crop_border)
            kept = round(value, 6) if np.isfinite(value) else str(value)
            scores.append([position.frame, position.t, name, channel, kept])
        _keep_frames(unit, scene, position, restored, truth)
        if position in moving:
            low = levels(_input(scene, protocol, "cpu", position.k))
            clips.keep(clip, unit.label, position.frame, truth, restored, low)
        if on_frame:
            on_frame()
        if not wanted:
            break
    if wanted:
        raise baselines.MethodError(
            f"{unit.label}: made no frame {min(wanted)} of '{unit.scene}' "
            f"({len(wanted)} of {len(unit.positions)} are missing)"
        )
    warnings: list[str] = []
    if isinstance(method, Elsewhere):
        method.check_shift(lambda index: read_frame(scene.gt_path(index)))
        warnings = list(method.warnings)
    fps = None if scene.fps is None else str(scene.fps)
    return {"weights": method.weights, "fps": fps, "scores": scores, "warnings": warnings}


@cache
def _method(spec: str, settings: Settings, fingerprint: str) -> Method:
    """Built once in a process: reading a network's weights takes longer than a short scene."""
    return baselines.build(spec, settings)


@cache
def _metric(name: str, device: str) -> metrics.Measure:
    return metrics.METRICS[name].open(device)


def _channel(metric: str, protocol: Protocol) -> str:
    """The protocol's channel, or the first that the metric is defined for."""
    channels = metrics.METRICS[metric].channels
    return protocol.channel if protocol.channel in channels else channels[0]


def _frame_at(time: float, protocol: Protocol) -> int:
    return round(time * protocol.time_step)


def _inputs(scene: PreparedScene, protocol: Protocol, device: str) -> Iterator[Tensor]:
    """The scene's input frames as a method takes them: (3, h, w), RGB in [0, 1]."""
    for k in range((scene.frames - 1) // protocol.time_step + 1):
        yield _input(scene, protocol, device, k)


def _input(scene: PreparedScene, protocol: Protocol, device: str, k: int) -> Tensor:
    index = k * protocol.time_step
    if protocol.inputs == "authors":
        low = authors_low_resolution(read_frame(scene.gt_path(index)))
        return torch.from_numpy((low + 1) / 2).to(device, torch.float32)
    stored = read_frame(scene.lr_path(index, protocol.low_folder))
    return torch.from_numpy(stored).to(device).permute(2, 0, 1).to(torch.float32) / 255


def _scored_size(scene: PreparedScene, protocol: Protocol) -> tuple[int, int]:
    """Height and width of the part of the true frames that the inputs show."""
    if protocol.inputs == "authors":
        return scene.height, scene.width
    return scene.truth_size(protocol.low_folder)


def _finished(large: Tensor, protocol: Protocol, height: int, width: int) -> Frame:
    """A method's output as it is scored: 8 bits, of the truth's size."""
    if protocol.inputs == "authors":
        frame = authors_finish(2 * large.float().cpu().numpy() - 1, height, width)
        return frame[:height, :width]  # for an odd size there is one row or column more
    frame = levels(large)
    if frame.shape[:2] != (height, width):
        raise baselines.MethodError(
            f"made a frame of {frame.shape[1]}x{frame.shape[0]} where the truth is {width}x{height}"
        )
    return frame


def levels(frame: Tensor) -> Frame:
    """(3, h, w) in [0, 1] as 8 bits, (h, w, 3), rounded."""
    # Halves up, also those that float arithmetic left a hair below: enlarging 8-bit frames makes
    # many, and which way they fall must not depend on the machine.
    levels = (frame.float() * 255 + 0.5 + 1e-4).floor().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def _keep_frames(
    unit: Unit, scene: PreparedScene, position: Position, restored: Frame, truth: Frame
) -> None:
    """Writes the frames asked for, and those that the report shows."""
    files: dict[Path, Frame] = {}
    if unit.save_frames:
        folder = unit.run / "frames" / results.file_name(unit.label) / unit.dataset / unit.scene
        files[folder / f"{position.frame:08d}.png"] = restored
    if position == unit.shown:
        picture = results.picture_file(unit.run, unit.dataset, unit.scene, unit.label)
        low = _input(scene, unit.protocol, "cpu", position.k)
        files[picture] = restored
        files[picture.parents[1] / "truth.png"] = truth
        files[picture.parents[1] / "input.png"] = levels(low)
    for file, frame in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_frame(file, frame)


def one_line(text: str) -> str:
    """The text without line breaks."""
    return " ".join(text.split())
