"""Which network a state is of, by its names and shapes, and that network filled with a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..dain.method import SPARE
from ..dain.network import DAIN
from ..edvr.checkpoint_names import architecture_of, canonical_names
from ..edvr.method import CHANNELS
from ..edvr.network import EDVR
from ..errors import MethodError
from ..fisr.network import FISR
from ..fisr.pwcnet import FISRPWCNet
from ..flow_networks.pwcnet import PWCNet
from ..stvun.aligned_fusion import AlignedFusion
from ..stvun.method import published_names
from ..stvun.network import STVUN, UNUSED
from ..variants import trainable
from .load import State, load_weights, read_state


@dataclass(frozen=True)
class Reading:
    """How files of a network are read.

    make:   the network that a state, under the names here, is of; ValueError if there is none.
    mark:   how a name in any file of it starts, by which most files are told apart at once.
    rename: from the names of a file to the names here.
    spare:  see `load_weights`.
    """

    make: Callable[[State], nn.Module]
    mark: str = ""
    rename: Callable[[State], State] = dict
    spare: str = ""


def recognised(state: State) -> str | None:
    """The name of the network that a state is of; None if it is of none."""
    return next((name for name in READINGS if _fits(name, state)), None)


def loaded(name: str, file: Path) -> tuple[nn.Module, str]:
    """The network of that name filled with a file, in evaluation mode, and the file's sha256.

    Raises MethodError, one line, for a file of anything else.
    """
    reading = reading_of(name)
    try:
        network = reading.make(reading.rename(read_state(file, name)))
    except ValueError as error:
        raise MethodError(f"{name}: {file} is of another network; {error}") from error
    return network.eval(), load_weights(network, file, name, reading.rename, spare=reading.spare)


def reading_of(name: str) -> Reading:
    if name not in READINGS:
        raise MethodError(f"no network is called {name!r}; there are {', '.join(READINGS)}")
    return READINGS[name]


def seen(state: State) -> str:
    """What a state holds, in a few words."""
    some = [f"{key} {'x'.join(map(str, value.shape))}" for key, value in list(state.items())[:3]]
    return f"{len(state)} tensors: {', '.join(some)}{' ...' if len(state) > 3 else ''}"


def _fits(name: str, state: State) -> bool:
    reading = READINGS[name]
    if not any(key.startswith(reading.mark) for key in state):
        return False
    try:
        renamed = reading.rename(state)
        with torch.device("meta"):  # shapes without numbers
            own = reading.make(renamed).state_dict()
    except (ValueError, IndexError):
        return False
    needed = [key for key in own if not (reading.spare and re.search(reading.spare, key))]
    return all(key in renamed for key in needed) and all(
        key in own and value.shape == own[key].shape for key, value in renamed.items()
    )


def _edvr(name: str, state: State) -> EDVR:
    architecture = architecture_of(state)
    if architecture["channels"] != CHANNELS[name]:
        raise ValueError(f"it has {architecture['channels']} channels, not {CHANNELS[name]}")
    return EDVR(**architecture)


def _stvun(state: State, **options: Any) -> STVUN:
    return STVUN(_scale(state), **options)


def _compact(name: str, state: State) -> nn.Module:
    return trainable(name, _scale(state))


def _scale(state: State) -> int:
    """By the last convolution, of 3 outputs for each pixel of the square that it becomes."""
    last = state.get("decoder.rconv1.weight")
    scale = 4 if last is None else round((len(last) / 3) ** 0.5)
    if scale not in (2, 3, 4):
        raise ValueError("its last convolution fits no scale")
    return scale


def _only(known: Callable[[], nn.Module], state: State) -> State:
    """Without what the network does not know: files of whole trainings hold more."""
    with torch.device("meta"):
        own = known().state_dict()
    return {key: value for key, value in state.items() if key in own}


NUMBERS = {name: k for k, name in enumerate(("One", "Two", "Thr", "Fou", "Fiv", "Six"), 1)}


def pytorch_pwc_name(name: str) -> str:
    """The name here of what pytorch-pwc calls `name`; others' names stay.

    >>> pytorch_pwc_name("moduleExtractor.moduleSix.2.bias"), pytorch_pwc_name("conv1a.0.bias")
    ('conv6a.0.bias', 'conv1a.0.bias')
    >>> pytorch_pwc_name("netTwo.netUpfeat.weight"), pytorch_pwc_name("netSix.netFiv.0.bias")
    ('upfeat3.weight', 'conv6_4.0.bias')
    """
    parts = re.sub(r"\b(module|net)(?=[A-Z])", "net", name).split(".")
    kind = parts[-1]
    if parts[0] == "netExtractor" and len(parts) == 4:
        level, place = NUMBERS.get(parts[1][3:], 0), int(parts[2]) // 2
        return (
            f"conv{level}{(('aa', 'a', 'b') if level == 6 else ('a', 'aa', 'b'))[place]}.0.{kind}"
        )
    if parts[0] == "netRefiner" and len(parts) == 4:
        place = int(parts[2]) // 2 + 1
        return f"dc_conv{place}.{kind}" if place == 7 else f"dc_conv{place}.0.{kind}"
    level = NUMBERS.get(parts[0][3:], 0)
    if not parts[0].startswith("net") or not level or len(parts) < 3:
        return name
    if parts[1] in ("netUpflow", "netUpfeat"):
        return f"{'deconv' if parts[1] == 'netUpflow' else 'upfeat'}{level + 1}.{kind}"
    layer = NUMBERS.get(parts[1][3:], 0)
    return f"predict_flow{level}.{kind}" if layer == 6 else f"conv{level}_{layer - 1}.0.{kind}"


def _pwcnet_names(state: State) -> State:
    return {pytorch_pwc_name(key): value for key, value in state.items()}


def _alexnet(_: State) -> nn.Module:
    from torchvision.models import alexnet

    network: nn.Module = alexnet(weights=None)
    return network


READINGS = {
    "stvun": Reading(_stvun, "efst.", published_names, UNUSED),
    "stvun-wo-efst": Reading(partial(_stvun, efst=False), "efst.", published_names, UNUSED),
    "stvun-wo-d": Reading(partial(_stvun, decoder_to_time=False), "efst.", published_names, UNUSED),
    "stvun-w-af": Reading(
        lambda state: _stvun(state, fusion=AlignedFusion()), "efst.", published_names, UNUSED
    ),
    "stvun-s": Reading(partial(_compact, "stvun-s"), "efst."),
    "stvun-m": Reading(partial(_compact, "stvun-m"), "efst."),
    "edvr": Reading(partial(_edvr, "edvr"), "pcd_align", canonical_names),
    "edvr-m": Reading(partial(_edvr, "edvr-m"), "pcd_align", canonical_names),
    "edvr-s": Reading(partial(_edvr, "edvr-s"), "pcd_align", canonical_names),
    "dain": Reading(lambda _: DAIN(), "rectifyNet.", partial(_only, DAIN), SPARE),
    "fisr": Reading(lambda _: FISR(), "level_1."),
    "fisr_pwcnet": Reading(lambda _: FISRPWCNet(), "up_flow"),
    "pwcnet": Reading(lambda _: PWCNet(), "", _pwcnet_names, r"^deconv2\."),
    "alexnet": Reading(_alexnet, "classifier."),
}
