"""What `--methods` can name, and how each is built; torch loads when the first one is."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from .errors import MethodError

if TYPE_CHECKING:
    from torch import nn

    from .method import Method, Settings


Kind = Literal["spatial", "temporal", "space-time"]
ANY_SCALE = (2, 3, 4)


@dataclass(frozen=True)
class MethodEntry:
    """A line of `stvt list methods`, and where its code is.

    scales:    that it enlarges by; (1,) for a temporal method.
    made_by:   "module:function" of this room; the function takes the settings and `variant`.
    """

    kind: Kind
    scales: tuple[int, ...]
    summary: str
    made_by: str
    variant: tuple[str, ...] = ()
    needs_weights: bool = False

    def build(self, settings: Settings) -> Method:
        method: Method = _load(self.made_by)(settings, *self.variant)
        return method


def _enlarge(name: str, summary: str) -> MethodEntry:
    return MethodEntry("spatial", ANY_SCALE, summary, "classical.resize:enlarge", (name,))


def _interpolate(name: str, summary: str) -> MethodEntry:
    return MethodEntry("temporal", (1,), summary, f"classical.temporal:{name}")


def _stvun(name: str, summary: str, scales: tuple[int, ...] = ANY_SCALE) -> MethodEntry:
    return MethodEntry("space-time", scales, summary, "stvun.method:stvun_method", (name,), True)


METHODS = {
    "nearest": _enlarge("nearest", "the nearest pixel"),
    "bilinear": _enlarge("bilinear", "linear between pixels"),
    "bicubic": _enlarge("bicubic", "cubic, a = -0.5"),
    "lanczos": _enlarge("lanczos", "windowed sinc of three lobes"),
    "bilinear-half": _enlarge("bilinear-half", "bilinear by half-pixel centres, as published"),
    "bicubic-half": _enlarge("bicubic-half", "bicubic by half-pixel centres, as published"),
    "repeat": _interpolate("repeat", "the earlier frame again"),
    "blend": _interpolate("blend", "the mean of the two frames, weighted by nearness in time"),
    "flow": MethodEntry(
        "temporal",
        (1,),
        "both frames moved along DIS optical flow, occlusions minded",
        "classical.flow_interpolation:flow",
    ),
    "stvun": _stvun("stvun", "the joint network of the paper"),
    "stvun-wo-efst": _stvun("stvun-wo-efst", "STVUN with early fusion only (Table 3)"),
    "stvun-wo-d": _stvun("stvun-wo-d", "STVUN, the new frame from EFST's features (Table 3)"),
    "stvun-w-af": _stvun("stvun-w-af", "STVUN with EDVR's alignment and fusion (Table 3)"),
    "stvun-s": _stvun("stvun-s", "STVUN, 16 channels; its weights come with stvt (x4)"),
    "stvun-m": _stvun("stvun-m", "STVUN, 32 channels, to be trained"),
    "edvr": MethodEntry(
        "spatial", (4,), "EDVR, 128 channels, 40 blocks", "edvr.method:edvr_method", ("edvr",), True
    ),
    "edvr-m": MethodEntry(
        "spatial",
        (4,),
        "EDVR, 64 channels, 10 blocks",
        "edvr.method:edvr_method",
        ("edvr-m",),
        True,
    ),
    "edvr-s": MethodEntry(
        "spatial",
        (4,),
        "EDVR, 24 channels; its weights come with stvt",
        "edvr.method:edvr_method",
        ("edvr-s",),
        True,
    ),
    "dain": MethodEntry(
        "temporal", (1,), "depth-aware interpolation", "dain.method:dain_method", (), True
    ),
    "fisr": MethodEntry(
        "space-time", (2,), "joint network for x2 and x2", "fisr.method:fisr_method", (), True
    ),
}

ALIASES = {"v2f": "edvr+dain", "f2v": "dain+edvr"}  # the paper's V to F and F to V

NETWORKS = {
    "stvun": "stvun.network:STVUN",
    "pwcnet": "flow_networks.pwcnet:PWCNet",
    "edvr_m": "edvr.network:edvr_m",
    "edvr_l": "edvr.network:edvr_l",
    "dain": "dain.network:DAIN",
    "fisr": "fisr.network:FISR",
    "fisr_pwcnet": "fisr.pwcnet:FISRPWCNet",
}


def network(name: str) -> nn.Module:
    """The network of that name: evaluation mode, float32, on the CPU, weights as initialised."""
    if name not in NETWORKS:
        raise MethodError(f"no network is called {name!r}; there are {', '.join(NETWORKS)}")
    module: nn.Module = _load(NETWORKS[name])()
    return module.eval()


def _load(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(f".{module}", __package__), name)
