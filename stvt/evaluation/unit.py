"""A unit of work: all that is needed to score one scene by one method."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.baselines import Scene, Settings
from stvt.evaluation import store
from stvt.evaluation.protocol import Position, Protocol

if TYPE_CHECKING:
    from stvt.datasets import PreparedScene
    from stvt.metrics import Metric


@dataclass(frozen=True)
class Unit:
    """A unit of work: all that is needed to score one scene by one method, in any process.

    prepared: the scene; told: what a method is told of it; moving: whether the report's players
            keep copies of its frames.
    shown:  the output that the report shows, the same of all methods, if there is one.
    method: as on the command line; label: its name in tables.
    fingerprint: of the method's weights and code; failure: why it could not be built, if so.
    key:    whatever the outputs depend on. What a record with the same key has of the metrics is
            not made again.
    """

    run: Path
    dataset: str
    prepared: PreparedScene
    told: Scene
    moving: bool
    method: str
    label: str
    settings: Settings
    protocol: Protocol
    signature: str
    positions: tuple[Position, ...]
    shown: Position | None
    metrics: tuple[Metric, ...]
    save_frames: bool
    fingerprint: str
    key: str
    failure: str = ""

    @property
    def scene(self) -> str:
        return self.prepared.name

    @property
    def file(self) -> Path:
        return store.unit_file(self.run, self.dataset, self.scene, self.label)

    def missing_metrics(self, record: dict[str, Any]) -> tuple[Metric, ...]:
        """Those of its metrics that a record lacks, or has by another definition."""
        has = record.get("metrics", {}) if self.is_of(record) else {}
        return tuple(one for one in self.metrics if has.get(one.name) != one.definition)

    def is_of(self, record: dict[str, Any]) -> bool:
        """Whether a record has scores that this unit would make again, metrics aside."""
        return record.get("key") == self.key and "scores" in record

    def record(self, **more: object) -> dict[str, Any]:
        """The record of the unit, with `more`: its scores or its failure."""
        return {
            "key": self.key,
            "dataset": self.dataset,
            "scene": self.scene,
            "method": self.label,
            "signature": self.signature,
            **more,
        }
