"""A training recipe: every value that the weights depend on, what each may be, and presets that are data."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_type_hints

from stvt.baselines import NETWORKS, stages_of
from stvt.core.errors import UsageError
from stvt.core.suggestions import did_you_mean

STAGES = ("flow", "space", "joint")
OPTIMIZERS = ("adam", "muon")
LOSSES = ("l1", "charbonnier", "mse")  # the keys of baselines.DIFFERENCES


def _value(default: Any, about: str, allowed: str, test: Callable[[Any], bool]) -> Any:
    """A field, with a line of help, and what its values may be."""
    return field(default=default, metadata={"help": about, "allowed": allowed, "test": test})


def _count(default: int, about: str) -> Any:
    return _value(default, about, "a whole number from 1 on", lambda value: value >= 1)


def _weight(default: float, about: str) -> Any:
    return _value(default, about, "a finite number from 0 on", lambda value: 0 <= value < math.inf)


def _one_of(default: object, about: str, *choices: object) -> Any:
    words = [str(one) for one in choices]
    return _value(
        default, about, f"{', '.join(words[:-1])} or {words[-1]}", lambda value: value in choices
    )


@dataclass(frozen=True)
class TrainingRecipe:
    """Every value that the weights depend on, and how often a run keeps what it has.

    data:  training sets, "name" or "name:weight", how often each is drawn from.
    stage: "space" (the paper's first), "joint" (its second), or "flow": the flow network alone, for
           the compact sizes, which have no published one to start from.

    Raises UsageError, one line, for a value that is not allowed, however it was given.
    """

    network: str = _value(
        "stvun",
        "stvun, stvun-s, stvun-wo-efst, stvun-w-af, edvr-s ... (docs/training.md)",
        "the name of a network",
        bool,
    )
    stage: str = _one_of("space", "flow, space or joint", *STAGES)
    data: tuple[str, ...] = ()
    scale: int = _one_of(4, "2, 3 or 4", 2, 3, 4)
    degradation: str = _one_of(
        "BD", "degradation of the low-resolution frames: BD, BI or BDC", "BD", "BI", "BDC"
    )
    frames: int = _value(
        7,
        "input frames of a window: the network's, for the paper's 7, or one more",
        "a whole number from 2 on",
        lambda value: value >= 2,
    )
    between: int = _count(1, "moments between two input frames")
    patch: int = _count(128, "side of the full-size crop")
    batch: int = _count(32, "windows a step, over all processes")
    tries: int = _count(1, "crops drawn for a window; the one with the most detail is taken")
    steps: int = _count(300_000, "in all")
    optimizer: str = _one_of(
        "adam", "adam (the paper's), or muon for convolutions and Adam for the rest", *OPTIMIZERS
    )
    rate: float = _value(
        1e-4, "learning rate", "a finite number above 0", lambda value: 0 < value < math.inf
    )
    decay: str = _value(
        "halve:100000",
        "of the rate: halve:N (every N steps), cosine or none",
        "halve:STEPS, cosine or none",
        lambda value: bool(re.fullmatch(r"halve:[1-9]\d*|cosine|none", value, re.ASCII)),
    )
    warm_up: int = _value(
        0, "steps in which the rate rises", "a whole number from 0 on", lambda value: value >= 0
    )
    loss: str = _one_of(
        "l1", "of existing and new frames: l1 (the paper's), charbonnier or mse", *LOSSES
    )
    lambda_m: float = _weight(1.0, "weight of L_M, the loss of the flow (equation 7)")
    lambda_s: float = _weight(1.0, "weight of L_S, the loss of existing frames (equation 9)")
    lambda_f: float = _weight(1.0, "weight of L_F, the loss of new frames (equation 11)")
    clip: float = _weight(0.0, "largest norm of the gradient; 0 is none")
    average: float = _value(
        0.0,
        "decay of the averaged weights (EMA); 0 is none",
        "a number from 0 to below 1",
        lambda value: 0 <= value < 1,
    )
    freeze: str = _value(
        "",
        "parts of the network that keep their weights, as in pwcnet or pwcnet,encoder; '' is none",
        "names of parts, separated by commas",
        lambda value: bool(re.fullmatch(r"(\w+(,\w+)*)?", value)),
    )
    accumulate: int = _count(1, "pieces that a batch is computed in, one after another")
    precision: str = _one_of("fp32", "fp32, bf16 or fp16", "fp32", "bf16", "fp16")
    seed: int = _value(
        0,
        "of the first weights and of the windows",
        "a whole number from 0 to 2^63 - 1",
        lambda value: 0 <= value < 2**63,
    )
    log_every: int = _count(100, "steps between lines of loss.csv")
    save_every: int = _count(1000, "steps between checkpoints")
    validate_every: int = _count(5000, "steps between validations")
    validate_windows: int = _count(32, "windows in a validation")

    def __post_init__(self) -> None:
        kinds = get_type_hints(TrainingRecipe)
        for one in fields(self):
            if not one.metadata:  # the training sets, below
                continue
            value, kind = getattr(self, one.name), kinds[one.name]
            allowed = one.metadata["allowed"]
            typed = type(value) is kind or (kind is float and type(value) is int)
            if not typed or not one.metadata["test"](value):
                raise UsageError(f"{option_of(one.name)} {value}: expected {allowed}")
        spec = NETWORKS.get(self.network)  # which `check_stage` says if there is none
        if spec and self.frames not in (spec.window, spec.window + 1):
            raise UsageError(
                f"--frames {self.frames}: expected {spec.window} or {spec.window + 1}, the windows "
                f"of {self.network}"
            )
        multiple = self.scale * (spec.multiple if spec else 1)
        if self.patch % multiple:
            raise UsageError(f"--patch {self.patch}: is no multiple of {multiple}")
        if self.batch % self.accumulate:
            raise UsageError(
                f"--batch {self.batch}: cannot be computed in {self.accumulate} pieces (--accumulate)"
            )
        if self.save_every % self.log_every:
            raise UsageError(
                f"--save-every {self.save_every}: is no multiple of --log-every {self.log_every}, "
                "so a continued log could not be exact"
            )
        self.weighted_sets()

    def changed(self, **values: Any) -> TrainingRecipe:
        return replace(self, **values)

    def times(self) -> list[float]:
        """The moments between two input frames, each in (0, 1)."""
        return [(k + 1) / (self.between + 1) for k in range(self.between)]

    def weighted_sets(self) -> list[tuple[str, float]]:
        """The training sets, and how often each is drawn from."""
        if not isinstance(self.data, tuple):
            raise UsageError(f"--data {self.data}: expected a tuple of names")
        sets = []
        for text in self.data:
            name, colon, given = text.partition(":")
            try:
                weight = float(given) if colon else 1.0
            except ValueError:
                raise UsageError(f"--data {text}: '{given}' is no number") from None
            if not name or not 0 < weight < math.inf:
                raise UsageError(f"--data {text}: expected SET or SET:WEIGHT, a weight above 0")
            sets.append((name, weight))
        return sets

    def rate_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        kind, _, every = self.decay.partition(":")
        rate = self.rate * min(1.0, (step + 1) / (self.warm_up + 1))
        if kind == "halve":
            return float(rate * 0.5 ** (step // int(every)))
        if kind == "cosine":
            return rate * 0.5 * (1 + math.cos(math.pi * min(step / self.steps, 1.0)))
        return rate


def option_of(name: str) -> str:
    """A field as an option of the command line."""
    return f"--{name.replace('_', '-')}"


# The paper's section 3.3. `joint` reads 8 frames: reversed in time they have the same middle pair.
PAPER = {
    "space": TrainingRecipe(),
    "joint": TrainingRecipe(
        stage="joint", frames=8, patch=256, steps=400_000, rate=5e-5, validate_every=10_000
    ),
}
# What two cores learn in hours: bfloat16, small patches, a rate that falls to nothing.
SMALL = TrainingRecipe(
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
# So little that one can wait for it: that everything works, not that anything is learnt.
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
PRESETS: Mapping[str, Mapping[str, TrainingRecipe]] = {
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


def preset_recipe(preset: str, stage: str | None, **values: Any) -> TrainingRecipe:
    """The recipe of a preset's stage, with the values that are not None in place of its own."""
    if preset not in PRESETS:
        raise UsageError(f"no preset {preset!r}; there are {', '.join(PRESETS)}")
    if stage is None:
        raise UsageError(
            "--stage is missing: space or joint (for compact sizes also flow), as in "
            f"--preset {preset} --stage space --data photographs"
        )
    if stage not in PRESETS[preset]:
        raise UsageError(f"{preset} has no stage {stage!r}; it has {', '.join(PRESETS[preset])}")
    recipe = PRESETS[preset][stage]
    given = {name: value for name, value in values.items() if value is not None}
    if spec := NETWORKS.get(given.get("network", "")):  # with a window of its own
        more = recipe.frames - NETWORKS[recipe.network].window
        given.setdefault("frames", spec.window + more)
    return recipe.changed(**given)


def check_stage(recipe: TrainingRecipe) -> None:
    """Raises UsageError, with what there is instead, if the network has no such stage."""
    trainable = [name for name, spec in NETWORKS.items() if spec.losses]
    if recipe.network not in trainable:
        raise UsageError(
            f"no network {recipe.network!r} can be trained; there are {', '.join(trainable)}"
            f"{did_you_mean(recipe.network, trainable)}"
        )
    stages = stages_of(recipe.network)
    if recipe.stage not in stages:
        others = "; that one is for compact sizes: stvun-s, stvun-m" * (recipe.stage == "flow")
        raise UsageError(
            f"{recipe.network} has no stage {recipe.stage!r}{others}; give --stage "
            f"{' or '.join(stages)}, which every --preset has ({', '.join(PRESETS)})"
        )
