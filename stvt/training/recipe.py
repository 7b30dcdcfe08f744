"""What a training is: every value of the paper's recipe, as named presets that are data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from stvt.core.errors import UsageError

PRECISIONS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class TrainingPlan:
    """Every value that the weights depend on, and how often a run keeps what it has.

    network:    of `stvt list methods`: "stvun", "stvun-s", "stvun-wo-efst", "edvr-s" ...
    stage:      "space" (the paper's first), "joint" (its second), or "flow": the flow network
                alone, for the compact sizes, which have no published one to start from.
    data:       training sets, "name" or "name:weight", how often each is drawn from.
    frames:     consecutive input frames of a window. between: moments between two of them.
    patch:      side of the full-size crop. batch: windows a step, over all processes.
    tries:      crops drawn for each window, of which the one with the most detail is taken.
    rate:       Adam's learning rate. decay: "halve:N" (every N steps), "cosine" or "none".
    warm_up:    steps in which the rate rises from nothing.
    lambda_m, lambda_s, lambda_f: the weights in equation 12 of L_M (the small frames that the flow
                moved, equation 7), L_S (the centre frame, 9) and L_F (the new frames, 11).
    clip:       largest norm of the gradient; 0 is none.
    average:    decay of the averaged weights (EMA) that are kept; 0 is none.
    accumulate: pieces that a batch is computed in, one after another.
    """

    network: str = "stvun"
    stage: str = "space"
    data: tuple[str, ...] = ()
    scale: int = 4
    degradation: str = "BD"
    frames: int = 7
    between: int = 1
    patch: int = 128
    batch: int = 32
    tries: int = 1
    steps: int = 300_000
    rate: float = 1e-4
    decay: str = "halve:100000"
    warm_up: int = 0
    lambda_m: float = 1.0
    lambda_s: float = 1.0
    lambda_f: float = 1.0
    clip: float = 0.0
    average: float = 0.0
    accumulate: int = 1
    precision: str = "fp32"
    seed: int = 0
    log_every: int = 100
    save_every: int = 1000
    validate_every: int = 5000
    validate_windows: int = 32

    def changed(self, **values: Any) -> TrainingPlan:
        return replace(self, **values)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "data": list(self.data)}

    def times(self) -> list[float]:
        return [(k + 1) / (self.between + 1) for k in range(self.between)]

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        from math import cos, pi

        kind, _, every = self.decay.partition(":")
        rate = self.rate * min(1.0, (step + 1) / (self.warm_up + 1))
        if kind == "halve":
            return float(rate * 0.5 ** (step // int(every)))
        if kind == "cosine":
            return rate * 0.5 * (1 + cos(pi * min(step / self.steps, 1.0)))
        return rate


# The paper's section 3.3. `joint` reads 8 frames: reversed in time they have the same middle pair.
PAPER = {
    "space": TrainingPlan(),
    "joint": TrainingPlan(
        stage="joint", frames=8, patch=256, steps=400_000, rate=5e-5, validate_every=10_000
    ),
}
# What two cores learn in hours: bfloat16, small patches, a rate that falls to nothing.
SMALL = TrainingPlan(
    network="stvun-s",
    patch=128,
    batch=8,
    tries=2,
    steps=10_000,
    rate=6e-4,
    decay="cosine",
    warm_up=200,
    clip=1.0,
    average=0.999,
    precision="bf16",
    save_every=200,
    log_every=50,
    validate_every=500,
)
# So little that a test can wait for it: that everything works, not that anything is learnt.
_TINY = SMALL.changed(
    batch=4,
    patch=64,
    steps=30,
    rate=1e-3,
    warm_up=5,
    tries=1,
    save_every=10,
    log_every=5,
    validate_every=15,
    validate_windows=4,
)
PRESETS: Mapping[str, Mapping[str, TrainingPlan]] = {
    "paper": PAPER,
    "s": {
        "flow": SMALL.changed(stage="flow", frames=8, steps=8000, rate=1e-3),
        "space": SMALL,
        "joint": SMALL.changed(stage="joint", frames=8, steps=5000, rate=4e-4),
    },
    "smoke": {
        "flow": _TINY.changed(stage="flow", frames=8),
        "space": _TINY,
        "joint": _TINY.changed(stage="joint", frames=8),
    },
    "m": {
        "flow": SMALL.changed(network="stvun-m", stage="flow", frames=8, steps=20_000),
        "space": SMALL.changed(network="stvun-m", batch=16, steps=100_000, rate=4e-4),
        "joint": SMALL.changed(
            network="stvun-m", stage="joint", frames=8, batch=16, steps=100_000, rate=2e-4
        ),
    },
}


def plan_of(preset: str, stage: str | None, **values: Any) -> TrainingPlan:
    """The plan of a preset's stage, with the values that are not None in place of its own."""
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
    if stage is None or stage not in PRESETS[preset]:
        raise UsageError(f"{preset} has no stage {stage!r}; it has {', '.join(PRESETS[preset])}")
    given = {name: value for name, value in values.items() if value is not None}
    plan = PRESETS[preset][stage].changed(**given)
    for name in ("steps", "batch", "patch", "scale", "accumulate", "log_every", "save_every"):
        if getattr(plan, name) < 1:
            raise UsageError(f"{name} is {getattr(plan, name)}; it must be 1 or more")
    if plan.save_every % plan.log_every:
        raise UsageError(
            f"save-every {plan.save_every} is no multiple of log-every {plan.log_every}, "
            "so a continued log could not be exact"
        )
    if plan.frames not in (7, 8) or plan.between < 1:
        raise UsageError("a window has 7 or 8 frames and at least 1 moment between two")
    from stvt.baselines import network_spec

    multiple = network_spec(plan.network).multiple * plan.scale
    if plan.patch % multiple:
        raise UsageError(f"patch {plan.patch} is no multiple of {multiple}")
    if plan.precision not in PRECISIONS:
        raise UsageError(f"precision {plan.precision!r} is none of {', '.join(PRECISIONS)}")
    if not re.fullmatch(r"halve:[1-9]\d*|cosine|none", plan.decay):
        raise UsageError(f"decay {plan.decay!r} is none of halve:STEPS, cosine, none")
    if plan.batch % plan.accumulate:
        raise UsageError(f"batch {plan.batch} cannot be computed in {plan.accumulate} pieces")
    return plan


def check_stage(plan: TrainingPlan) -> None:
    """Raises UsageError, with what there is instead, if the network has no such stage."""
    from stvt.baselines import stages_of

    stages = stages_of(plan.network)
    if not stages:
        raise UsageError(f"{plan.network} cannot be trained here; its losses are not known")
    if plan.stage not in stages:
        others = "; that one is for compact sizes: stvun-s, stvun-m" * (plan.stage == "flow")
        raise UsageError(
            f"{plan.network} has no stage {plan.stage!r}{others}; give --stage "
            f"{' or '.join(stages)}, which every --preset has ({', '.join(PRESETS)})"
        )


def from_dict(values: Mapping[str, Any]) -> TrainingPlan:
    known = {field.name for field in fields(TrainingPlan)}
    kept = {name: value for name, value in values.items() if name in known}
    return TrainingPlan(**{**kept, "data": tuple(kept["data"])})
