"""EDVR as a method: every frame of a sequence four times larger, from it and its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from torch import Tensor

from ..errors import MethodError
from ..method import Method, Outputs, Settings, Wanted, everything
from ..network_method import CachedFrame, NetworkMethod
from ..tiling.tiles import Cut
from ..variants import edvr_s
from ..weights.load import find_weights, initialise, load_weights, read_state
from .alignment import reset_for_training
from .checkpoint_names import architecture_of, canonical_names
from .fast import SWAPS
from .network import EDVR, edvr_l, edvr_m

NETWORKS = {"edvr": edvr_l, "edvr-m": edvr_m, "edvr-s": edvr_s}
CHANNELS = {"edvr": 128, "edvr-m": 64, "edvr-s": 24}
MARGIN = 64  # low-resolution pixels around a tile, at most


def edvr_method(settings: Settings, variant: str = "edvr") -> Method:
    """EDVR-L ("edvr", 128 channels), EDVR-M ("edvr-m", 64) or a compact one ("edvr-s", 24).

    How many frames it reads (7 and 5, untrained), whether it has TSA and the pre-deblur part, is
    as in the file of weights.
    """
    if settings.scale != 4:
        raise MethodError(f"{variant} enlarges by 4, not by {settings.scale}")
    if settings.untrained and variant not in settings.weights:
        network = NETWORKS[variant]()
        initialise(network)
        reset_for_training(network)
        return EdvrMethod(network, settings, variant, "untrained")
    file = find_weights(variant, settings)
    try:
        architecture = architecture_of(canonical_names(read_state(file, variant)))
    except ValueError as error:
        raise MethodError(f"{variant}: {file} is of another network; {error}") from error
    if architecture["channels"] != CHANNELS[variant]:
        raise MethodError(
            f"{variant}: {file} has {architecture['channels']} channels, {variant} has "
            f"{CHANNELS[variant]}; "
            + " and ".join(f"{name} is of {number}" for name, number in CHANNELS.items())
        )
    network = EDVR(**architecture)
    weights = load_weights(network, file, variant, canonical_names)
    return EdvrMethod(network, settings, variant, weights)


class EdvrFrame(CachedFrame):
    """A frame and its features."""

    method: EdvrMethod

    @cached_property
    def features(self) -> list[Tensor]:
        return self.method.network.features(self.pixels)


class EdvrMethod(NetworkMethod[EDVR, EdvrFrame]):
    """EDVR with frames of any h and w.

    It is spatial: whatever times are asked for, the window's centre is all that it gives.
    """

    frame_class = EdvrFrame
    scale = 4
    multiple = 4
    swaps = SWAPS

    def __init__(
        self, network: EDVR, settings: Settings, name: str = "edvr", weights: str = ""
    ) -> None:
        super().__init__(network, settings, name, weights, memory_model_of(network))
        self.before = self.after = network.frames // 2

    def __call__(self, window: Tensor, times: Sequence[float] = ()) -> Tensor:
        return super().__call__(window, ())

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], wanted: Wanted = everything
    ) -> Outputs:
        return super().stream(frames, (), wanted)

    def outputs(self, window: Sequence[EdvrFrame], times: Sequence[float]) -> Tensor:
        """The enlarged centre frame, (1, 3, 4h, 4w) in [0, 1]."""
        centre = window[self.before]
        large = self.network.restore([frame.features for frame in window], centre.pixels)
        height, width = centre.source.shape[-2:]
        return large[..., : 4 * height, : 4 * width].to(centre.pixels.dtype).clamp(0, 1)

    def cut(self, tile: int) -> Cut:
        """Both numbers are multiples of 4, for the coarsest level of the pyramid."""
        margin = min(max(tile // 16 * 4, 4), MARGIN)
        return Cut(max(tile // 4 * 4 - 2 * margin, 4), margin)


def memory_model_of(network: EDVR) -> str:
    """Under whose name what a network needs was measured."""
    channels = network.conv_l2_1.out_channels
    names = ("edvr-s", "edvr-m")
    return next((name for name in names if channels <= CHANNELS[name]), "edvr")
