"""The methods and networks there are, by name; torch loads when the first one is built."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from stvt.core.suggestions import did_you_mean

from . import (
    basicvsr,
    classical,
    dain,
    edvr,
    fisr,
    flow_networks,
    perceptual,
    rife,
    rstt,
    stvun,
    zsm,
)
from .errors import MethodError
from .spec import Checkpoint, MethodSpec, NetworkSpec, Stage, load

if TYPE_CHECKING:
    from torch import nn

    from .losses import LossModule

GROUP = "stvt.methods"  # entry points of installed packages
ALIASES = {"v2f": "edvr+dain", "f2v": "dain+edvr"}  # the paper's V to F and F to V
PUBLISHED_NAMES = {"edvr_l": "edvr", "edvr_m": "edvr-m"}  # as BasicSR calls networks
PUBLISHED_NAMES |= {f"rstt_{size}": f"rstt-{size}" for size in rstt.BLOCKS}

METHODS: dict[str, MethodSpec] = {**classical.METHODS}
NETWORKS: dict[str, NetworkSpec] = {}  # by the names of their variants
CHECKPOINTS: dict[str, Checkpoint] = {}


def register(spec: NetworkSpec) -> None:
    """Have everything know a network: the one line that a network costs beside its folder.

    Raises ValueError if one of its names is taken.
    """
    tables: list[tuple[dict[str, Any], Mapping[str, Any]]] = [
        (NETWORKS, dict.fromkeys(spec.variants, spec)),
        (METHODS, spec.methods()),
        (CHECKPOINTS, spec.checkpoints),
    ]
    for table, names in tables:
        if taken := sorted(table.keys() & names.keys()):
            raise ValueError(f"{spec.name}: the name {taken[0]!r} is taken")
    for table, names in tables:
        table.update(names)


register(stvun.SPEC)
register(edvr.SPEC)
register(basicvsr.SPEC)
register(basicvsr.FLOW_SPEC)
register(dain.SPEC)
register(rife.SPEC)
register(zsm.SPEC)
register(rstt.SPEC)
register(fisr.SPEC)
register(fisr.FLOW_SPEC)
register(flow_networks.SPEC)
register(perceptual.LPIPS)
register(perceptual.LPIPS_VGG)
register(perceptual.DISTS)


def network_spec(name: str) -> NetworkSpec:
    """The descriptor of a network, by the name of any of its variants."""
    if name not in NETWORKS:
        raise MethodError(
            f"no network is called {name!r}; there are {', '.join(NETWORKS)}"
            f"{did_you_mean(name, NETWORKS)}"
        )
    return NETWORKS[name]


def network(name: str, scale: int | None = None) -> nn.Module:
    """The network of that name: evaluation mode, float32, on the CPU, weights as drawn.

    scale: None is its largest. Raises MethodError for an unknown name, or a scale that it lacks.
    """
    name = PUBLISHED_NAMES.get(name, name)
    spec = network_spec(name)
    scale = spec.scales[-1] if scale is None or spec.scales == (1,) else scale
    if scale not in spec.scales:
        scales = " or ".join(map(str, spec.scales))
        raise MethodError(f"{name} enlarges by {scales} only, not by {scale}")
    return spec.build(name, **({"scale": scale} if len(spec.scales) > 1 else {}))


def spec_of(module: nn.Module) -> NetworkSpec | None:
    """The descriptor of a network at hand, None if it is of none."""
    specs = dict.fromkeys(NETWORKS.values())
    return next((spec for spec in specs if type(module) is load(spec.network)), None)


def stages_of(name: str) -> tuple[Stage, ...]:
    """The stages of training that a network has, in order; none if it is not trained here.

    EDVR makes no new frames; the flow network of a full-size STVUN is a published one.

    >>> stages_of("edvr-m"), stages_of("stvun"), stages_of("stvun-s"), stages_of("dain")
    (('space',), ('space', 'joint'), ('flow', 'space', 'joint'), ())
    """
    return network_spec(name).variants[name].stages


def loss_module(name: str, module: nn.Module, stage: Stage) -> LossModule:
    """A network with the losses of a stage. Raises ValueError if it has no such stage."""
    if stage not in stages_of(name):
        raise ValueError(f"{name} has no stage {stage!r}")
    loss_module: LossModule = load(network_spec(name).losses)(module, stage)
    return loss_module


def checkpoint(name: str) -> Checkpoint:
    """The published checkpoint of that name; MethodError if there is none."""
    if name not in CHECKPOINTS:
        raise MethodError(
            f"no checkpoint is called {name!r}; there are {', '.join(CHECKPOINTS)}; another "
            f"published file that you have: `stvt weights add FILE`{did_you_mean(name, CHECKPOINTS)}"
        )
    return CHECKPOINTS[name]


def installed() -> dict[str, EntryPoint]:
    """The methods that installed packages offer, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}
