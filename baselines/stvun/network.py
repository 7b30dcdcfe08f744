"""STVUN, the space-time video upsampling network (Kang et al., ECCV 2020).

Names and shapes are those of the published checkpoint. The levels of the encoder are kept deepest
first, and a list of four tensors below holds one (B, 64, h, w) for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, linear, max_pool2d

from ..acceleration.legacy import Convolution, Layer, convolve, is_plain, room_for
from ..acceleration.processor import memory_format_of as layout_of
from ..flow_networks.pwcnet import PWCNet
from ..ops.warp import warp_border

FRAMES = 7
CENTRE = 3
WIDTH = 64  # channels of the features
LEVELS = 4
BLOCK = 1024  # pixels of seven frames' features: 2 MiB
UNUSED = r"^pwcnet\.deconv2\."  # entries that PWC-Net's weights have and nothing reads


class Encoded(NamedTuple):
    """What a frame contributes to every window that it is in.

    features: four levels.
    prepared: for each level, what the fusion makes of that frame alone.
    """

    features: list[Tensor]
    prepared: list[list[Tensor]]


# The flows 3 -> 4, 4 -> 5, 5 -> 6 of a window, and 3 -> 2, 2 -> 1, 1 -> 0.
Motion = tuple[Sequence[Tensor], Sequence[Tensor]]


class Fusion(Protocol):
    """What makes one feature map of the seven frames', one module for the four levels."""

    def prepare(self, features: Tensor) -> list[Tensor]:
        """The part that reads one frame only, (B, 64, h, w)."""

    def __call__(self, features: Sequence[Tensor], prepared: Sequence[list[Tensor]]) -> Tensor:
        """The fused features of a level: of seven (B, 64, h, w) and what `prepare` made of each."""


class STVUN(nn.Module):
    """From seven frames the enlarged centre frame, and any moments between it and the next.

    scale:  2, 3 or 4. 2 and 3 differ from the published 4 in the last convolution alone ("only the
            last convolution" of the paper for 2, the same reading for 3): the flow network still
            sees frames enlarged by 4, so that its flow has the size of the frames.
    efst:   False is "w/o EFST" of the paper's Table 3: early fusion alone.
    decoder_to_time: False is "w/o D": the time passes read the fused features in place of the
            space pass's decoded ones.
    fusion: takes the place of EFST ("w/ A&F").
    width:  channels of the features; the published network has 64.
    flow:   takes the place of PWC-Net, with its `pyramid`, `flows` and `enlarge`.
    aligned: the features of the other frames are brought to the centre frame by the flow before
            they are fused, which the published network leaves to its fusion. No further weights.
    """

    def __init__(
        self,
        scale: int = 4,
        *,
        efst: bool = True,
        decoder_to_time: bool = True,
        fusion: nn.Module | None = None,
        width: int = WIDTH,
        flow: nn.Module | None = None,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError(f"STVUN enlarges by 2, 3 or 4, not by {scale}")
        self.scale = scale
        self.decoder_to_time = decoder_to_time
        self.aligned = aligned
        self.encoder = Encoder(width)
        self.efst = EFST(width, attention=efst) if fusion is None else fusion
        self.decoder = Decoder(scale, width)
        self.pwcnet: Any = PWCNet("border") if flow is None else flow

    def forward(self, frames: Tensor, times: Tensor | Sequence[float]) -> Tensor:
        """The centre frame, then the moments between it and the next.

        frames: (B, 7, 3, h, w), RGB in [-1, 1], h and w multiples of 16.
        times:  (n,), each in (0, 1), maybe none: 0 is the centre frame, 1 the next.
        Returns (B, 1 + n, 3, scale * h, scale * w), not clipped.
        """
        if frames.ndim != 5 or frames.shape[1:3] != (FRAMES, 3):
            raise ValueError(f"STVUN reads (B, 7, 3, h, w), not {tuple(frames.shape)}")
        if frames.shape[-2] % 16 or frames.shape[-1] % 16:
            raise ValueError(f"STVUN needs multiples of 16, not {tuple(frames.shape[-2:])}")
        window = [self.encode(frame) for frame in frames.unbind(1)]
        centre, after = frames[:, CENTRE], frames[:, CENTRE + 1]
        made, guide = self.space(centre, window, self._motion(frames))
        outputs = [made]
        moments = times.tolist() if isinstance(times, Tensor) else times
        if moments:
            to_after, to_centre = self.flows(self.pyramid(centre), self.pyramid(after))
            first = centre, window[CENTRE].features, to_after
            second = after, window[CENTRE + 1].features, to_centre
            outputs += self.between(moments, first, second, guide)
        return torch.stack(outputs, 1)

    def encode(self, frame: Tensor) -> Encoded:
        """All that windows share of a frame, (B, 3, h, w)."""
        features = self.encoder(frame)
        return Encoded(features, []) if self.aligned else self._prepared(features)

    def fuse(self, window: Sequence[Encoded]) -> list[Tensor]:
        """The fused features of seven frames, for each level."""
        return [
            self.efst(
                [frame.features[level] for frame in window],
                [frame.prepared[level] for frame in window],
            )
            for level in range(LEVELS)
        ]

    def align(self, window: Sequence[Encoded], motion: Motion) -> list[Encoded]:
        """The features of seven frames where the centre frame shows the same."""
        brought = list(window)
        for flows, step in zip(motion, (1, -1), strict=True):
            whole = flows[0]
            for k in range(1, CENTRE + 1):
                if k > 1:  # from the centre to frame k - 1, and from there on
                    whole = whole + warp_border(flows[k - 1], whole)
                features = torch.cat(window[CENTRE + step * k].features, 1)
                moved = warp_border(features, whole).chunk(LEVELS, 1)
                brought[CENTRE + step * k] = Encoded(list(moved), [])
        return [self._prepared(one.features) for one in brought]

    def space(
        self, centre: Tensor, window: Sequence[Encoded], motion: Motion | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        """The enlarged centre frame, and the features that the time passes are given.

        motion: what an `aligned` network needs.
        """
        if motion is not None:
            window = self.align(window, motion)
        fused = self.fuse(window)
        decoded, residual = self.decoder(window[CENTRE].features, fused)
        return self._enlarged(centre) + residual, decoded if self.decoder_to_time else fused

    def pyramid(self, frame: Tensor) -> list[Tensor]:
        """The flow network's features of a frame, (B, 3, h, w)."""
        levels: list[Tensor] = self.pwcnet.pyramid(_up(frame, self.pwcnet.enlarge))
        return levels

    def flows(self, first: list[Tensor], second: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The flows from one frame to another and back, (B, 2, h, w) each, in pixels of these.

        first, second: the pyramids. The flow network gives a quarter of the size of what it sees,
        which was enlarged by 4, and was fine-tuned to these units: nothing is left to scale.
        """
        ahead = [torch.cat(pair) for pair in zip(first, second, strict=True)]
        back = [torch.cat(pair) for pair in zip(second, first, strict=True)]
        there, again = self.pwcnet.flows(ahead, back)[0].chunk(2)
        return there, again

    def way(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """One of the two `flows`: from the first to the second."""
        flow: Tensor = self.pwcnet.flows(first, second)[0]
        return flow

    def between(
        self,
        times: Sequence[float],
        first: tuple[Tensor, list[Tensor], Tensor],
        second: tuple[Tensor, list[Tensor], Tensor],
        guide: list[Tensor],
    ) -> list[Tensor]:
        """The enlarged frames at moments between two.

        first, second: each frame, its features, and its flow to the other.
        guide: of the space pass.
        """
        shared = len(times) > 1 and not is_plain()
        given = self.decoder.guided(guide) if shared else guide
        return [self.finished(*blend(t, first, second), given) for t in times]

    def finished(
        self, frame: Tensor, features: list[Tensor], guide: list[Tensor] | Guided
    ) -> Tensor:
        """The enlarged frame of a moment from what `blend` made for it."""
        residual: Tensor = self.decoder(features, guide)[1]
        return self._enlarged(frame) + residual

    def confidence(self, frames: Tensor) -> Tensor:
        """How much EFST trusts each frame at each place: the maps of the paper's Figure 6.

        frames: (B, 7, 3, h, w) in [-1, 1].
        Returns (B, 4, 7, h, w) in (0, 1), the deepest level first.
        """
        if not isinstance(self.efst, EFST) or self.efst.ff is None:
            raise ValueError("only STVUN with EFST has confidence scores")
        window = [self.encode(frame) for frame in frames.unbind(1)]
        motion = self._motion(frames)
        if motion is not None:
            window = self.align(window, motion)
        scores = []
        for level in range(LEVELS):
            fused = self.efst.early([frame.features[level] for frame in window])
            embeddings = [frame.prepared[level][0] for frame in window]
            scores.append(self.efst.ff.confidence(fused, embeddings))
        return torch.stack(scores, 1)

    def _prepared(self, features: list[Tensor]) -> Encoded:
        fusion = cast(Fusion, self.efst)
        return Encoded(features, [fusion.prepare(level) for level in features])

    def _motion(self, frames: Tensor) -> Motion | None:
        if not self.aligned:
            return None
        pyramids = [self.pyramid(frame) for frame in frames.unbind(1)]
        ahead = [self.way(pyramids[k], pyramids[k + 1]) for k in range(CENTRE, FRAMES - 1)]
        back = [self.way(pyramids[k], pyramids[k - 1]) for k in range(CENTRE, 0, -1)]
        return ahead, back

    def _enlarged(self, frame: Tensor) -> Tensor:
        return _up(frame, self.scale)


def intermediate_flows(there: Tensor, back: Tensor, t: float) -> tuple[Tensor, Tensor]:
    """The flows from moment t to the first frame and to the second.

    there, back: the flow from the first to the second, and from the second to the first.
    """
    to_first = -(1 - t) * t * there + t * t * back
    to_second = (1 - t) ** 2 * there - t * (1 - t) * back
    return to_first, to_second


def blend(
    t: float,
    first: tuple[Tensor, list[Tensor], Tensor],
    second: tuple[Tensor, list[Tensor], Tensor],
) -> tuple[Tensor, list[Tensor]]:
    """The mean of two frames brought to a moment between, and of their features.

    first, second: each frame, its features and its flow to the other.
    """
    to_first, to_second = intermediate_flows(first[2], second[2], t)
    levels = []
    for one, two in zip([first[0], *first[1]], [second[0], *second[1]], strict=True):
        levels.append((warp_border(one, to_first) + warp_border(two, to_second)) / 2)
    return levels[0], levels[1:]


class Encoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Layer(3, width)
        for k in range(LEVELS):
            self.add_module(f"block{k}", DenseBlock(width, width))

    def forward(self, frame: Tensor) -> list[Tensor]:
        x = self.conv(frame)
        levels = []
        for k in range(LEVELS):
            x = self.get_submodule(f"block{k}")(x)
            levels.append(x)
        return levels[::-1]


class DenseBlock(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv0 = Layer(before, before)
        self.conv1 = Layer(2 * before, after)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv1(torch.cat([self.conv0(x), x], 1)))


class EFST(nn.Module):
    """Early fusion with spatio-temporal attention (equations 2 and 3); the former alone if not."""

    def __init__(self, width: int, *, attention: bool = True) -> None:
        super().__init__()
        self.ff = Attention(width) if attention else None
        self.early_fusion = nn.Conv2d(FRAMES * width, width, 1)

    def prepare(self, features: Tensor) -> list[Tensor]:
        return [] if self.ff is None else [self.ff.tAtt0(features)]

    def early(self, features: Sequence[Tensor]) -> Tensor:
        """The early fusion E of a level."""
        return _joined(self.early_fusion, features, lambda rows: rows)

    def forward(self, features: Sequence[Tensor], prepared: Sequence[list[Tensor]]) -> Tensor:
        fused = self.early(features)
        if self.ff is None:
            return fused
        return cast(Tensor, self.ff(fused, features, [embedding for (embedding,) in prepared]))


def _joined(
    layer: nn.Conv2d, read: Sequence[Tensor], join: Callable[[Sequence[Tensor]], Sequence[Tensor]]
) -> Tensor:
    """A 1x1 layer of maps side by side, of which each pixel depends on that pixel of what is read.

    read: (B, C, h, w) each. join: of the maps, or of (n, C) pixels of each, what is joined.
    Where channels come last on a CPU it goes by blocks of pixels, so that only the result leaves
    the cache.
    """
    last = layout_of(read[0]) == torch.channels_last
    if is_plain() or not last or read[0].device.type != "cpu":
        return cast(Tensor, layer(torch.cat(list(join(read)), 1)))
    weight, rows = layer.weight.flatten(1), [one.permute(0, 2, 3, 1).flatten(0, 2) for one in read]
    parts, pixels = [], len(rows[0])
    room = rows[0].new_empty(min(BLOCK, pixels), weight.shape[1])
    for start in range(0, pixels, BLOCK):
        beside = join([one[start : start + BLOCK] for one in rows])
        side = room[: len(beside[0])]
        for place, one in zip(side.chunk(len(beside), 1), beside, strict=True):
            place.copy_(one)  # in half the time that joining them anew takes
        parts.append(linear(side, weight, layer.bias))
    batch, _, height, width = read[0].shape
    return torch.cat(parts).view(batch, height, width, -1).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """EDVR's TSA with the early fusion as reference and as what is modulated."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tAtt0 = Convolution(width, width)
        self.tAtt1 = Convolution(width, width)
        self.sAtt1 = Layer(FRAMES * width, width, 1)
        self.sAtt2 = Layer(2 * width, width, 1)
        self.sAtt3 = Layer(width, width)
        self.sAtt4 = Layer(width, width, 1)
        self.sAtt5 = Convolution(width, width)
        self.sAttL1 = Layer(width, width, 1)
        self.sAttL2 = Layer(2 * width, width)
        self.sAttL3 = Layer(width, width)
        self.sAttA1 = Layer(width, width, 1)
        self.sAttA2 = nn.Conv2d(width, width, 1)

    def confidence(self, fused: Tensor, embeddings: Sequence[Tensor]) -> Tensor:
        """One score for each frame and pixel, (B, 7, h, w)."""
        reference = self.tAtt1(fused)
        return torch.stack([(one * reference).sum(1) for one in embeddings], 1).sigmoid()

    def forward(
        self, fused: Tensor, features: Sequence[Tensor], embeddings: Sequence[Tensor]
    ) -> Tensor:
        def weighted(rows: Sequence[Tensor]) -> list[Tensor]:
            reference, ones, others = rows[0], rows[1 : FRAMES + 1], rows[FRAMES + 1 :]
            return [
                (other * reference).sum(1, keepdim=True).sigmoid() * one
                for one, other in zip(ones, others, strict=True)
            ]

        read = [self.tAtt1(fused), *features, *embeddings]
        layer = cast(Convolution, self.sAtt1[0])
        whole = self.sAtt1[1](_joined(layer, read, weighted))
        half = self.sAtt2(_halved(whole))
        quarter = self.sAttL3(self.sAttL2(_halved(self.sAttL1(half))))
        half = self.sAtt3(half) + _up(quarter, 2)
        whole = self.sAtt5(whole + _up(self.sAtt4(half), 2))
        offset: Tensor = self.sAttA2(self.sAttA1(whole))
        gain: Tensor = 2 * whole.sigmoid()
        return gain * fused + offset


class Guided(NamedTuple):
    """What the decoder makes of a guide alone, the same for all moments.

    first:    what each layer of the first step makes of it, before the activation.
    weights:  of these layers, for what else they read.
    narrowed: what comes of its other levels before the other steps.
    """

    first: list[Tensor]
    weights: list[Tensor]
    narrowed: list[Tensor]


class Decoder(nn.Module):
    """Four steps from the deepest level up; the same weights for the space and the time passes."""

    def __init__(self, scale: int, width: int) -> None:
        super().__init__()
        self.width = width
        for step in range(LEVELS):
            if step:
                self.add_module(f"cconv{step}", nn.Conv2d(2 * width, width, 1))
            self.add_module(f"block{step}_0", DenseBlock(2 * width, 2 * width))
            self.add_module(f"block{step}_1", DenseBlock(4 * width, 4 * width))
            self.add_module(f"block{step}_2", DenseBlock(8 * width, width))
        self.rconv0 = Layer(width, 48)
        self.rconv1 = Convolution(48, 3 * scale**2)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(
        self, features: Sequence[Tensor], guide: Sequence[Tensor] | Guided
    ) -> tuple[list[Tensor], Tensor]:
        """The decoded features of each step, and the residual at full size."""
        decoded: list[Tensor] = []
        apart = is_plain() or features[0].device.type != "cpu"
        room = None if apart else room_for(features[0], 16 * self.width)
        for step in range(LEVELS):
            layers, parts = self._layers(step), [features[step]]
            if not isinstance(guide, Guided):
                beside = guide[step]
                if step:
                    joined = torch.cat([decoded[-1], beside], 1)
                    beside = self.get_submodule(f"cconv{step}")(joined)
                parts.append(beside)
            elif step:
                narrow = cast(nn.Conv2d, self.get_submodule(f"cconv{step}"))
                beside = conv2d(decoded[-1], narrow.weight[:, : self.width])
                parts.append(beside.add_(guide.narrowed[step - 1]))
            else:
                layers = [
                    partial(convolve, weight=weight, added=made, slope=layer[1].negative_slope)
                    for layer, weight, made in zip(layers, guide.weights, guide.first, strict=True)
                ]
            decoded.append(
                _decoded(parts, layers) if room is None else _decoded_in(room, parts, layers)
            )
        return decoded, self.shuffle(self.rconv1(self.rconv0(decoded[-1])))

    def guided(self, guide: Sequence[Tensor]) -> Guided:
        """What all moments share of the decoder, once: its layers are linear in what they join.

        No gradients.
        """
        wide, width = guide[0], self.width
        weights, others, biases = [], [], []
        for number, layer in enumerate(self._layers(0)):
            weight, bias = layer[0].weight, layer[0].bias
            # A block's second layer reads what its first one made, then what that read: the
            # features, the guide, and what came since.
            start = width + number % 2 * weight.shape[1] // 2
            weights.append(weight[:, start : start + width])
            others.append(torch.cat([weight[:, :start], weight[:, start + width :]], 1))
            biases.append(bias)
        first = convolve(wide, torch.cat(weights), torch.cat(biases))
        narrowed = []
        for step in range(1, LEVELS):
            narrow = cast(nn.Conv2d, self.get_submodule(f"cconv{step}"))
            narrowed.append(conv2d(guide[step], narrow.weight[:, width:], narrow.bias))
        sizes = [len(weight) for weight in weights]
        return Guided(list(torch.split(first, sizes, 1)), others, narrowed)

    def _layers(self, step: int) -> list[Any]:
        """The six of a step, each called with what it reads, and maybe where to put it."""
        blocks = (cast(DenseBlock, self.get_submodule(f"block{step}_{k}")) for k in range(3))
        return [layer for block in blocks for layer in (block.conv0, block.conv1)]


def _decoded(parts: Sequence[Tensor], layers: Sequence[Any]) -> Tensor:
    x = torch.cat(list(parts), 1)
    for k in (0, 2):  # here the older features come first, unlike in a block
        x = torch.cat([x, layers[k + 1](torch.cat([layers[k](x), x], 1))], 1)
    return cast(Tensor, layers[5](torch.cat([layers[4](x), x], 1)))


def _decoded_in(room: Tensor, parts: Sequence[Tensor], layers: Sequence[Any]) -> Tensor:
    """The same without copies: all that is joined lies side by side in one buffer.

    What a block's first layer makes comes before what it reads, what the block makes comes after.
    """
    width = parts[0].shape[1]
    middle = end = 8 * width
    for part in parts:
        room[:, end : end + width] = part
        end += width
    for k in (0, 1):
        size = (2 << k) * width
        start = middle - size
        layers[2 * k](room[:, middle:end], out=room[:, start:middle])
        layers[2 * k + 1](room[:, start:end], out=room[:, end : end + size])
        end += size
    layers[4](room[:, middle:end], out=room[:, :middle])
    return cast(Tensor, layers[5](room[:, :end]))


def _up(x: Tensor, scale: int) -> Tensor:
    return interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def _halved(x: Tensor) -> Tensor:
    return torch.cat([max_pool2d(x, 3, 2, 1), avg_pool2d(x, 3, 2, 1)], 1)
