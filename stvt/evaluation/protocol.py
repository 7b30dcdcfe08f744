"""The evaluation protocol: which frames go in, which come out, and how a score is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from stvt.core.errors import UsageError
from stvt.core.version import __version__

# How many input frames before and after k the output at k + t reads (baselines.method.Method).
Support = Callable[[float, Sequence[float]], tuple[int, int]]

LONGEST_STEP = 1000


@dataclass(frozen=True)
class Protocol:
    """One way to evaluate; every score carries its `signature`.

    scale:       upsampling in space.
    degradation: how the low-resolution frames were made: BD, BI or BDC (`stvt.datasets.degrade`).
    time_step:   every time_step-th frame is input: time_step - 1 new frames between two.
    frames:      which outputs are scored: those between input frames, those in register, all; or
                 centre: those in register and the ones halfway between.
    clip:        score only frames of whole clips of so many frames, of which two share one: the
                 program of Zooming Slow-Mo gives no others, with clips of 7. None is all.
    ends:        valid: only outputs for which every method has its whole window inside the
                 sequence; replicate: all outputs, the end frames repeated.
    channel:     rgb, or y: luma of BT.601 in its limited range.
    crop_border: pixels left out at each border of both frames before scoring.
    chunk:       frames that a recurrent network computes together, which changes the outputs of
                 longer sequences; None: as many as its method says.
    tile:        side of the tiles that networks work in, which changes their outputs; "auto": whole
                 frames until memory runs out.
    limit:       score only the first so many input intervals of each scene; None is all.
    inputs:      prepared: the stored 8-bit frames. authors: made on the fly as the published
                 STVUN demonstration does (padded, unrounded; outputs truncated to 8 bits).
    common_frames: on: with ends "valid" all methods are scored on the same frames, those for which
                 each has its whole window; off: each method on all that its own window allows.
    """

    name: str = "paper"
    scale: Literal[2, 3, 4] = 4
    degradation: Literal["BD", "BI", "BDC"] = "BD"
    time_step: int = 2
    frames: Literal["new", "existing", "all", "centre"] = "new"
    clip: int | None = None
    ends: Literal["valid", "replicate"] = "valid"
    channel: Literal["rgb", "y"] = "rgb"
    crop_border: int = 0
    limit: int | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    tile: int | Literal["auto"] | None = None
    chunk: int | None = None
    handover: Literal["float", "uint8"] = "float"
    inputs: Literal["prepared", "authors"] = "prepared"
    common_frames: Literal["on", "off"] = "on"

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Protocol).items():
            value, choices = getattr(self, name), get_args(kind)
            if get_origin(kind) is Literal and value not in choices:
                listed = ", ".join(map(str, choices))
                raise UsageError(f"{name} is {value!r}; it is one of {listed}")
        for name in ("limit", "tile", "chunk"):
            value = getattr(self, name)
            if value not in (None, "auto") and value < 1:
                raise UsageError(f"{name} is {value}; it is 1 or more")
        if self.common_frames == "off" and self.ends == "replicate":
            raise UsageError(
                "common frames off is for ends valid; with ends replicate every frame is scored"
            )
        if self.inputs == "authors" and (self.scale, self.degradation) != (4, "BD"):
            raise UsageError("the protocol authors is for scale 4 and degradation BD alone")
        least = 1 if self.frames == "existing" else 2
        if not least <= self.time_step <= LONGEST_STEP:
            raise UsageError(
                f"a time step of {self.time_step}: from 2, with one new frame, to {LONGEST_STEP}; or 1 "
                "with --frames existing, where every frame is input"
            )
        if self.frames == "centre" and self.time_step % 2:
            raise UsageError(
                f"a time step of {self.time_step} has no frame halfway; an even one has"
            )
        if self.clip is not None and (self.clip < 2 or (self.clip - 1) % self.time_step):
            raise UsageError(
                f"a clip of {self.clip} frames does not begin and end with input frames; with a time "
                f"step of {self.time_step} it has {self.time_step + 1}, {2 * self.time_step + 1}, ..."
            )
        if self.crop_border < 0:
            raise UsageError(f"a border of {self.crop_border} pixels cannot be cropped; 0 or more")

    @property
    def times(self) -> tuple[float, ...]:
        """T_in of the new frames between two input frames.

        >>> Protocol(time_step=4).times
        (0.25, 0.5, 0.75)
        """
        return tuple(j / self.time_step for j in range(1, self.time_step))

    @property
    def scored_times(self) -> tuple[float, ...]:
        """T_in of the outputs that are scored, 0 for those in register."""
        kinds = {"new": self.times, "existing": (0.0,), "all": (0.0, *self.times)}
        return kinds.get(self.frames, (0.0, 0.5))

    @property
    def low_folder(self) -> str:
        """The folder of a prepared set that holds the input frames.

        >>> Protocol().low_folder
        'BDx4'
        """
        return f"{self.degradation}x{self.scale}"

    @property
    def preset(self) -> Protocol:
        """The preset that it departs from: that of its name, or else the one with its inputs."""
        return PRESETS.get(self.name) or PRESETS["authors" if self.inputs == "authors" else "paper"]

    def label(self) -> str:
        """A short name for folders: the preset, then what differs from it.

        >>> Protocol().label(), with_options("zsm", frames="new", limit=2).label()
        ('paper', 'zsm-new-limit2')
        """
        words = {"limit": "limit", "crop_border": "crop", "time_step": "step", "tile": "tile"}
        words |= {"scale": "x", "clip": "clip", "chunk": "chunk", "common_frames": "common"}
        return "-".join([self.name, *(f"{words.get(k, '')}{v}" for k, v in self._changed.items())])

    def title(self) -> str:
        """The preset, and what differs from it, in words.

        >>> Protocol().title(), with_options("zsm", frames="new", limit=2).title()
        ('paper', 'zsm, but frames new, limit 2')
        """
        but = ", ".join(f"{key.replace('_', ' ')} {v}" for key, v in self._changed.items())
        return f"{self.name}, but {but}" if but else self.name

    @property
    def _changed(self) -> dict[str, Any]:
        """The options that differ from the preset's."""
        preset = self.preset
        return {
            key: value
            for key, value in vars(self).items()
            if key != "name" and value != getattr(preset, key)
        }

    def signature(self, window: tuple[int, int]) -> str:
        """The line that says how a score was made. Two scores compare only if theirs agree.

        window: the common margin of the methods of the run, in input frames (`common_window`);
                "own" where each method is scored on all frames of its own.
        """
        margin = "own" if self.common_frames == "off" else f"{window[0]}+{window[1]}"
        parts: dict[str, Any] = {
            "scale": self.scale,
            "degradation": self.degradation,
            "inputs": self.inputs,
            "step": self.time_step,
            "frames": self.frames,
            "ends": self.ends,
            **({"clip": self.clip} if self.clip else {}),
            "window": margin if self.ends == "valid" else "any",
            "limit": self.limit or "none",
            "channel": self.channel,
            "crop": self.crop_border,
            "output": "uint8-truncated" if self.inputs == "authors" else "uint8-rounded",
            "precision": self.precision,
            "tile": self.tile or "none",
            **({"chunk": self.chunk} if self.chunk else {}),
            "handover": self.handover,
            "stvt": __version__,
        }
        return "|".join(f"{key}:{value}" for key, value in parts.items())


# `zsm` is the protocol of Zooming Slow-Mo and the space-time papers after it, `space` that of BasicVSR
# and others that enlarge only, `videoinr` that of VideoINR and those after it (docs/protocols.md).
PRESETS: dict[str, Protocol] = {
    "paper": Protocol(),
    "zsm": Protocol("zsm", degradation="BI", frames="all", ends="replicate", channel="y"),
    "space": Protocol(
        "space", degradation="BI", time_step=1, frames="existing", ends="replicate", channel="y"
    ),
    "videoinr": Protocol(
        "videoinr", degradation="BI", time_step=8, frames="all", ends="replicate", channel="y"
    ),
    "authors": Protocol("authors", inputs="authors"),
}


def with_options(base: str | Protocol, **options: Any) -> Protocol:
    """A preset, or a protocol, with the options that are not None in place of its own.

    Raises UsageError if there is no such preset, TypeError for an option that no protocol has.
    """
    if isinstance(base, str):
        if base not in PRESETS:
            raise UsageError(f"no protocol is called {base!r}; there are {', '.join(PRESETS)}")
        base = PRESETS[base]
    return replace(base, **{k: v for k, v in options.items() if v is not None})


@dataclass(frozen=True, order=True)
class Position:
    """One output to be scored: `frame` of the full sequence, at input time `k` + `t`."""

    frame: int
    k: int
    t: float


def positions(frames: int, protocol: Protocol, supports: Iterable[Support] = ()) -> list[Position]:
    """The outputs of a sequence of `frames` frames that are scored, in order.

    supports: those of all methods of the run: with ends "valid", an output counts only where
    none of them reads past an end. New frames lie between two input frames, never after the last.

    >>> [p.frame for p in positions(7, Protocol())]
    [1, 3, 5]
    >>> [p.frame for p in positions(20, Protocol(), [lambda t, times: (3, 3)])]
    [7, 9, 11, 13]
    """
    step, times, supports = protocol.time_step, protocol.times, list(supports)
    inputs = (frames - 1) // step + 1
    wanted = protocol.scored_times
    margins = {t: _margin(supports, t, times) for t in wanted}
    scored = []
    for k in range(inputs):
        for t in wanted:
            before, after = margins[t] if protocol.ends == "valid" else (0, 0)
            if k - before >= 0 and k + after < inputs and (not t or k + 1 < inputs):
                scored.append(Position(k * step + round(t * step), k, t))
    if protocol.clip is not None:
        end = (frames - 1) // (protocol.clip - 1) * (protocol.clip - 1)
        scored = [p for p in scored if end and p.frame <= end]
    if protocol.limit is not None and scored:
        scored = [p for p in scored if p.k < scored[0].k + protocol.limit]
    return scored


def common_window(protocol: Protocol, supports: Iterable[Support]) -> tuple[int, int]:
    """The most input frames that any method reads before and after a scored output's own."""
    supports = list(supports)
    margins = [_margin(supports, t, protocol.times) for t in protocol.scored_times]
    return max(m[0] for m in margins), max(m[1] for m in margins)


def _margin(supports: Sequence[Support], t: float, times: Sequence[float]) -> tuple[int, int]:
    reads = [support(t, times) for support in supports]
    return max((b for b, _ in reads), default=0), max((a for _, a in reads), default=0)
