"""EDVR as a method: every frame of a sequence four times larger, from it and its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from ..acceleration.processor import memory_format_for
from ..acceleration.swap import accelerate
from ..errors import MethodError
from ..method import Method, Outputs, Settings, Wanted, WindowMethod, everything, windows
from ..tiling.box import Box
from ..tiling.tiles import Cut, Tiles, by_tiles, seen_ahead
from ..variants import edvr_s
from ..weights.load import find_weights, initialise, load_weights, read_state
from .alignment import reset_for_training
from .checkpoint_names import architecture_of, canonical_names
from .fused import SWAPS
from .network import EDVR, edvr_l, edvr_m

NETWORKS = {"edvr": edvr_l, "edvr-m": edvr_m, "edvr-s": edvr_s}
CHANNELS = {"edvr": 128, "edvr-m": 64, "edvr-s": 24}
MULTIPLE = 4  # of which the network needs height and width to be
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


class EdvrMethod(WindowMethod):
    """EDVR with frames of any h and w; `stream` computes the features of each frame once.

    It is spatial: whatever times are asked for, the window's centre is all that it gives.
    """

    scale = 4

    def __init__(
        self, network: EDVR, settings: Settings, name: str = "edvr", weights: str = ""
    ) -> None:
        self.name, self.weights = name, weights
        self.device = torch.device(settings.device)
        self.precision = settings.precision
        self.tiles = Tiles(memory_model_of(network), settings)
        self.memory_format = memory_format_for(self.device, self.precision)
        self.network = network.eval().to(self.device).to(memory_format=self.memory_format)
        accelerate(self.network, SWAPS)
        self.before = self.after = network.frames // 2

    def networks(self) -> list[nn.Module]:
        return [self.network]

    def __call__(self, window: Tensor, times: Sequence[float] = ()) -> Tensor:
        whole, tile = Box.whole(window), self.tiles.of(window)
        if tile is None:
            return self.restored([CachedFrame(self, frame) for frame in window])

        def compute(around: Box, kept: Box) -> Tensor:
            large = self.restored([CachedFrame(self, around.cut(frame)) for frame in window])
            return kept.times(4).cut(large)

        large = torch.empty(1, 3, 4 * whole.height, 4 * whole.width, device=self.device)
        return by_tiles(large, whole, whole, self.cut(tile), compute)

    def stream(
        self, frames: Iterable[Tensor], times: Sequence[float], wanted: Wanted = everything
    ) -> Outputs:
        first, frames = seen_ahead(frames)
        if first is not None and self.tiles.of(first):  # pieces are made from their windows alone
            yield from super().stream(frames, (), wanted)
            return
        cached = (CachedFrame(self, frame) for frame in frames)
        for k, (window, _) in enumerate(windows(cached, self.before, self.after)):
            if wanted(k):
                with self.computing():
                    (large,) = self.restored(window)
                yield float(k), large

    def restored(self, window: Sequence[CachedFrame]) -> Tensor:
        """The enlarged centre frame, (1, 3, 4h, 4w) in [0, 1]."""
        centre = window[self.before]
        with self.autocast():
            large = self.network.restore([frame.features for frame in window], centre.image)
        height, width = centre.source.shape[-2:]
        return large[..., : 4 * height, : 4 * width].to(centre.image.dtype).clamp(0, 1)

    def cut(self, tile: int) -> Cut:
        """Both numbers are multiples of 4, for the coarsest level of the pyramid."""
        margin = min(max(tile // 16 * 4, 4), MARGIN)
        return Cut(max(tile // 4 * 4 - 2 * margin, 4), margin)


class CachedFrame:
    """A frame (3, h, w) and what every window that holds it reads of it, computed at first use."""

    def __init__(self, method: EdvrMethod, source: Tensor) -> None:
        self.method, self.source = method, source

    @cached_property
    def image(self) -> Tensor:
        """(1, 3, h, w), repeated at the right and below to a size that the network reads."""
        height, width = self.source.shape[-2:]
        dtype = next(self.method.network.parameters()).dtype
        image = self.source[None].to(self.method.device, dtype)
        image = pad(image, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
        return image.contiguous(memory_format=self.method.memory_format)

    @cached_property
    def features(self) -> list[Tensor]:
        return self.method.network.features(self.image)


def memory_model_of(network: EDVR) -> str:
    """Under whose name what a network needs was measured."""
    channels = network.conv_l2_1.out_channels
    names = ("edvr-s", "edvr-m")
    return next((name for name in names if channels <= CHANNELS[name]), "edvr")
