"""DAIN, depth-aware video frame interpolation (Bao et al., CVPR 2019).

Names and shapes are those of the published checkpoint. The work is divided by what it depends on,
so that it is done once: `frame` for what one frame gives, `pair` for what two give, `between` for
one moment of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..acceleration.convolution import is_plain, layout_of
from ..flow_networks.pwcnet import PWCNet
from ..tiling.box import Box
from .hourglass import Hourglass
from .layers import mix, project, taps
from .modules import Context, KernelTrunk, Rectification, kernel_head

MULTIPLE = 64  # that height and width must be of, for the flow network
BAND = 1 << 17  # pixels of the 428 channels to rectify that are put together at once: 214 MiB
NEAREST = -60.0  # least log depth used: the weights exp(-depth) of a frame still sum in float32


@dataclass(frozen=True)
class Frame:
    """What one frame gives, for both pairs and all times that it takes part in.

    image:    (B, 3, H, W).
    depth:    (B, 1, H, W), its logarithm.
    context:  (B, 196, H, W), the depth last; None to compute it where it is needed.
    features: of the flow network, finest first.
    """

    image: Tensor
    depth: Tensor
    context: Tensor | None
    features: list[Tensor]


@dataclass(frozen=True)
class Pair:
    """What two frames give, for all times between them.

    flows:   from the first frame to the second and back, (B, 2, H, W) in pixels.
    kernels: for the first and the second frame, (B, 16, H, W).
    shared:  what the rectification makes of the kernels, (B, 128, H, W); None to compute it for
             each time.
    """

    frames: tuple[Frame, Frame]
    flows: tuple[Tensor, Tensor]
    kernels: tuple[Tensor, Tensor]
    shared: Tensor | None = None


class DAIN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.initScaleNets_filter = KernelTrunk()
        self.initScaleNets_filter1 = kernel_head()
        self.initScaleNets_filter2 = kernel_head()
        self.ctxNet = Context()
        self.rectifyNet = Rectification()
        self.flownets = PWCNet(warp="zero")
        self.depthNet = Hourglass()

    def forward(self, first: Tensor, second: Tensor, times: Tensor | Sequence[float]) -> Tensor:
        """The frames at `times` between two frames, not clipped.

        first, second: (B, 3, H, W), RGB in [0, 1], H and W multiples of 64.
        times:         (n,), each in (0, 1).
        Returns (B, n, 3, H, W).
        """
        pair = self.pair(self.frame(first), self.frame(second), share=len(times) > 1)
        made = [self.between(pair, float(t)) for t in times]
        return torch.stack(made, 1) if made else first.new_zeros(len(first), 0, *first.shape[1:])

    def frame(self, image: Tensor, *, keep_context: bool = True) -> Frame:
        """What one frame gives. The context, its largest part, can be left for later."""
        if image.shape[-2] % MULTIPLE or image.shape[-1] % MULTIPLE:
            raise ValueError(f"DAIN needs multiples of {MULTIPLE}, not {tuple(image.shape[-2:])}")
        with torch.autocast(image.device.type, enabled=False):  # flows decide by whole pixels
            features = self.flownets.pyramid(image)
        depth = self.depthNet(image).to(image.dtype)
        frame = Frame(image, depth, None, features)
        if not keep_context:
            return frame
        return Frame(image, depth, self.context(frame, Box.whole(image)), features)

    def context(self, frame: Frame, box: Box) -> Tensor:
        """The context of a part of a frame, the log depth last: (B, 196, h, w)."""
        wide = box.expand(Context.REACH, Box.whole(frame.image))
        found = box.relative_to(wide).cut(self.ctxNet(wide.cut(frame.image)))
        found = torch.cat([found, box.cut(frame.depth).to(found.dtype)], 1)
        return found.contiguous(memory_format=torch.channels_last)

    def pair(self, first: Frame, second: Frame, *, share: bool = False) -> Pair:
        """What two frames give together: flows and kernels.

        share: what all times share of the rectification, too, where that is worth its memory: for
               several times.
        """
        with torch.autocast(first.image.device.type, enabled=False):
            there = [torch.cat(both) for both in zip(first.features, second.features, strict=True)]
            back = [torch.cat(both) for both in zip(second.features, first.features, strict=True)]
            flow = 20 * self.flownets.flows(there, back)[0]
            flow = F.interpolate(flow, scale_factor=4, mode="bilinear", align_corners=False)
        trunk = self.initScaleNets_filter(torch.cat([first.image, second.image], 1))
        kernels = self.initScaleNets_filter1(trunk), self.initScaleNets_filter2(trunk)
        forth, again = flow.chunk(2)
        shared = None
        if share and not is_plain():
            shared = self.rectifyNet.of_kernels(torch.cat(kernels, 1))
        return Pair((first, second), (forth, again), kernels, shared)

    def between(
        self, pair: Pair, t: float, kept: Box | None = None, tile: int | None = None
    ) -> Tensor:
        """The frame at time `t` of a pair, (B, 3, h, w), not clipped.

        kept: the part that is wanted; the whole frame otherwise.
        tile: side of the pieces to work in; None is bands as wide as the frame. It changes the
              result by no more than rounding.
        """
        kept = kept or Box.whole(pair.frames[0].image)
        projected = self.projected(pair, t)
        made = pair.frames[0].image.new_empty(
            *pair.frames[0].image.shape[:2], kept.height, kept.width
        )
        for piece in kept.pieces(tile or kept.height, tile or kept.width):
            piece.relative_to(kept).cut(made)[:] = self._piece(pair, t, projected, piece)
        return made

    def projected(self, pair: Pair, t: float) -> tuple[Tensor, Tensor]:
        """Flows from the time to the first and to the second frame, (B, 2, H, W) in pixels."""
        there, back = (
            project(flow, 1e-6 + (-frame.depth.clamp(min=NEAREST)).exp(), fill=not self.training)
            for flow, frame in zip(
                (t * pair.flows[0], (1 - t) * pair.flows[1]), pair.frames, strict=True
            )
        )
        return there, back

    def _piece(self, pair: Pair, t: float, projected: tuple[Tensor, Tensor], piece: Box) -> Tensor:
        """A part of the frame at time `t`."""
        whole = Box.whole(pair.frames[0].image)
        near = piece.expand(Rectification.REST_REACH, whole)
        weight = self.rectifyNet.weights_at(t, kernels=pair.shared is None)
        firsts, blends = [], []
        # In float64 PyTorch's convolution unfolds its input on a CPU, 49 times as large here.
        pixels = BAND >> 5 if pair.frames[0].image.dtype == torch.float64 else BAND
        for band in near.pieces(max(pixels // near.width, 16), near.width):
            wide = band.expand(Rectification.FIRST_REACH, whole)
            # Zeros stand for what is beyond the frame, where alone `wide` is less than 3 more.
            missing = (
                Rectification.FIRST_REACH - (band.left - wide.left),
                Rectification.FIRST_REACH - (wide.right - band.right),
                Rectification.FIRST_REACH - (band.top - wide.top),
                Rectification.FIRST_REACH - (wide.bottom - band.bottom),
            )
            x, blend = self._to_rectify(pair, t, projected, wide, missing)
            added = None if pair.shared is None else band.cut(pair.shared)
            firsts.append(self.rectifyNet.first(x, weight, added))
            blends.append(band.relative_to(wide).cut(blend))
        added = self.rectifyNet.rest(torch.cat(firsts, 2))
        return piece.relative_to(near).cut(torch.cat(blends, 2) + added)

    def _to_rectify(
        self,
        pair: Pair,
        t: float,
        projected: tuple[Tensor, Tensor],
        box: Box,
        zeros: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> tuple[Tensor, Tensor]:
        """What the rectification reads, (B, 428, h, w) or 396 without the kernels, and the blend,
        (B, 3, h, w).

        zeros: around what it reads: on the left and right, above and below.
        """
        flows, kernels = [box.cut(p) for p in projected], [box.cut(k) for k in pair.kernels]
        images, contexts = [], []
        for frame, flow, kernel in zip(pair.frames, flows, kernels, strict=True):
            size = (frame.image.shape[-2], frame.image.shape[-1])
            read = taps(flow, kernel, size, top=box.top, left=box.left)
            if frame.context is not None:
                context = mix(frame.context, read)
            else:
                seen = read.box()
                context = mix(self.context(frame, seen), read, top=seen.top, left=seen.left)
            contexts.append(context)
            # The context starts with the frame itself, maybe in a coarser type than the output.
            same = context.dtype == frame.image.dtype
            images.append(context[:, :3] if same else mix(frame.image, read))
        blend = (1 - t) * images[0] + t * images[1]
        parts = [*flows, *(kernels if pair.shared is None else ()), *contexts]
        if is_plain():
            return F.pad(torch.cat([part.to(contexts[0].dtype) for part in parts], 1), zeros), blend
        # Each to its place: to join, lay out and pad them one after the other is to copy all thrice.
        left, right, above, below = zeros
        x = torch.empty(
            (
                len(blend),
                sum(part.shape[1] for part in parts),
                above + box.height + below,
                left + box.width + right,
            ),
            dtype=contexts[0].dtype,
            device=blend.device,
            memory_format=layout_of(pair.frames[0].image),
        )
        inside = Box(above, above + box.height, left, left + box.width)
        x[..., :above, :], x[..., inside.bottom :, :] = 0, 0
        x[..., :left], x[..., inside.right :] = 0, 0
        inner, start = inside.cut(x), 0
        for part in parts:
            inner[:, start : start + part.shape[1]] = part
            start += part.shape[1]
        return x, blend


def dain() -> DAIN:
    """DAIN with weights as PyTorch initialises them, in evaluation mode."""
    return DAIN().eval()
