"""STVUN, the space-time video upsampling network (Kang et al., ECCV 2020), as the paper writes it.

Letters are the paper's: X low-resolution frames, e their features, E the early fusion and what
EFST makes of it, s the confidence score, D the decoded features, f flows, m interpolated features,
R residuals, Y outputs. Names and shapes of the state are those of the published checkpoint. A list
over the four levels is kept deepest first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d

from ..flow_networks.pwcnet import PWCNet
from ..ops.warp import warp_bicubic, warp_border

FRAMES, CENTRE, LEVELS = 7, 3, 4
WIDTH = 64  # channels of the features


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
    aligned: ours, for the compact sizes: features are warped to the centre frame before they are
            fused, which the published network leaves to its fusion. No further weights.
    mask:   ours, for the compact sizes: takes the place of the mean of equations 5 and 6.
    bicubic: ours, for the compact sizes: frames and features are warped by bicubic in the place of
            bilinear interpolation.
    warped_guide: ours, for the compact sizes: what the time passes are given of the space pass is
            warped to their moment, where the published network leaves that to its decoder.

    The last two have no weights, but an entry each in the state, which tells them from what is
    without.
    """

    warped_guide: Tensor | None

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
        mask: nn.Module | None = None,
        bicubic: bool = False,
        warped_guide: bool = False,
    ) -> None:
        super().__init__()
        if scale not in (2, 3, 4):
            raise ValueError(f"STVUN enlarges by 2, 3 or 4, not by {scale}")
        self.scale, self.decoder_to_time, self.aligned = scale, decoder_to_time, aligned
        self.encoder = Encoder(width)
        self.efst = EFST(width, attention=efst) if fusion is None else fusion
        self.decoder = Decoder(scale, width)
        self.pwcnet: Any = PWCNet("border") if flow is None else flow
        self.mask = mask
        self.warp = warp_bicubic if bicubic else warp_border
        for option, on in {"bicubic": bicubic, "warped_guide": warped_guide}.items():
            self.register_buffer(option, torch.ones(()) if on else None)

    def forward(self, frames: Tensor, times: Tensor | Sequence[float]) -> Tensor:
        """The centre frame, then the moments between it and the next.

        frames: (B, 7, 3, h, w), RGB in [-1, 1], h and w multiples of 16.
        times:  (n,), each in (0, 1), maybe none: 0 is the centre frame, 1 the next.
        Returns (B, 1 + n, 3, scale * h, scale * w), not clipped.
        """
        _check(frames)
        X = frames.unbind(1)
        e = [self.encoder(x) for x in X]
        E = self.fuse(self.align(e, *self.motion(X)) if self.aligned else e)
        Y_3, D = self.super_resolve(X[3], e[3], E)
        Y = [Y_3]
        if len(times):
            f_34, f_43 = self.flow(X[3], X[4]), self.flow(X[4], X[3])
        for T in times:
            Y.append(self.interpolate(*self.blend(float(T), X[3:5], e[3:5], D, f_34, f_43)))
        return torch.stack(Y, 1)

    def fuse(
        self, e: Sequence[Sequence[Tensor]], theta: Sequence[Sequence[Tensor]] | None = None
    ) -> list[Tensor]:
        """The fused features E of seven frames' features, for each level.

        theta: `embedding` of each frame, if that is known.
        """
        if theta is None:
            return [self.efst([e_t[i] for e_t in e]) for i in range(LEVELS)]
        pairs = [([e_t[i] for e_t in e], [one[i] for one in theta]) for i in range(LEVELS)]
        return [self.efst(*pair) for pair in pairs]

    def embedding(self, e_t: Sequence[Tensor]) -> list[Tensor] | None:
        """theta(e_t) of equation 1 for each level: what of EFST depends on one frame alone."""
        if self.aligned or not isinstance(self.efst, EFST) or self.efst.ff is None:
            return None
        return [self.efst.ff.tAtt0(level) for level in e_t]

    def super_resolve(
        self, X_3: Tensor, e_3: Sequence[Tensor], E: Sequence[Tensor]
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """The enlarged centre frame, and the features that the time passes are given."""
        D, R = self.decoder(e_3, E)
        return upsample(X_3, self.scale) + R, D if self.decoder_to_time else E  # (8)

    def blend(
        self,
        T: float,
        X: Sequence[Tensor],
        e: Sequence[Sequence[Tensor]],
        D: Sequence[Tensor],
        f_34: Tensor,
        f_43: Tensor,
    ) -> tuple[Tensor, list[Tensor], Sequence[Tensor]]:
        """What `interpolate` reads: X_T and m of moment T from two frames, and what guides it.

        X, e: both frames, and the features of both. D: `super_resolve`'s, of the first.
        """
        X_T, m = blend(T, X, e, f_34, f_43, self.mask, self.warp)
        if self.warped_guide is not None:
            f_T3, _ = intermediate_flows(f_34, f_43, T)
            D = [self.warp(level, f_T3) for level in D]
        return X_T, m, D

    def interpolate(self, X_T: Tensor, m: Sequence[Tensor], D: Sequence[Tensor]) -> Tensor:
        """The enlarged frame of a moment, from what `blend` gives."""
        _, R_T = self.decoder(m, D)
        Y_T: Tensor = upsample(X_T, self.scale) + R_T  # (10)
        return Y_T

    def flow(self, first: Tensor, second: Tensor) -> Tensor:
        """The flow from one frame to another, (B, 2, h, w) in pixels of these."""
        return self.flow_of(self.pyramid(first), self.pyramid(second))

    def pyramid(self, frame: Tensor) -> list[Tensor]:
        """The flow network's features of a frame, (B, 3, h, w)."""
        levels: list[Tensor] = self.pwcnet.pyramid(upsample(frame, self.pwcnet.enlarge))
        return levels

    def flow_of(self, first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
        """The flow from one frame to another, of which these are the pyramids.

        The flow network gives a quarter of the size of what it sees, which was enlarged by 4, and
        was fine-tuned to these units: nothing is left to scale.
        """
        flow: Tensor = self.pwcnet.flows(first, second)[0]
        return flow

    def motion(self, X: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """The flows 3 -> 4, 4 -> 5, 5 -> 6 of a window, and 3 -> 2, 2 -> 1, 1 -> 0."""
        pyramids = [self.pyramid(x) for x in X]
        ahead = [self.flow_of(pyramids[t], pyramids[t + 1]) for t in range(CENTRE, FRAMES - 1)]
        back = [self.flow_of(pyramids[t], pyramids[t - 1]) for t in range(CENTRE, 0, -1)]
        return ahead, back

    def align(
        self, e: Sequence[list[Tensor]], ahead: Sequence[Tensor], back: Sequence[Tensor]
    ) -> list[list[Tensor]]:
        """The features of seven frames where the centre frame shows the same.

        ahead, back: `motion`.
        """
        aligned = list(e)
        for flows, step in ((ahead, 1), (back, -1)):
            whole = torch.zeros_like(flows[0])
            for k, flow in enumerate(flows, 1):
                # From the centre to frame k - 1, and from there on.
                whole = flow if k == 1 else whole + warp_border(flow, whole)
                levels = self.warp(torch.cat(e[CENTRE + step * k], 1), whole)
                aligned[CENTRE + step * k] = list(levels.chunk(LEVELS, 1))
        return aligned

    def confidence(self, frames: Tensor) -> Tensor:
        """The confidence maps s_t of EFST, one a frame and level, as in the paper's Figure 6.

        frames: (B, 7, 3, h, w) in [-1, 1].
        Returns (B, 4, 7, h, w) in (0, 1), the deepest level first.
        """
        if not isinstance(self.efst, EFST) or self.efst.ff is None:
            raise ValueError("only STVUN with EFST has confidence scores")
        X = frames.unbind(1)
        e = [self.encoder(x) for x in X]
        if self.aligned:
            e = self.align(e, *self.motion(X))
        levels = [[e_t[i] for e_t in e] for i in range(LEVELS)]
        return torch.stack([torch.cat(self.efst.confidence(level), 1) for level in levels], 1)


def _check(frames: Tensor) -> None:
    if frames.ndim != 5 or frames.shape[1:3] != (FRAMES, 3):
        raise ValueError(f"STVUN reads (B, 7, 3, h, w), not {tuple(frames.shape)}")
    if frames.shape[-2] % 16 or frames.shape[-1] % 16:
        raise ValueError(f"STVUN needs multiples of 16, not {tuple(frames.shape[-2:])}")


def intermediate_flows(f_34: Tensor, f_43: Tensor, T: float) -> tuple[Tensor, Tensor]:
    """The flows from moment T to the first frame and to the second."""
    f_T3 = -(1 - T) * T * f_34 + T**2 * f_43  # (4)
    f_T4 = (1 - T) ** 2 * f_34 - T * (1 - T) * f_43
    return f_T3, f_T4


def blend(
    T: float,
    X: Sequence[Tensor],
    e: Sequence[Sequence[Tensor]],
    f_34: Tensor,
    f_43: Tensor,
    mask: nn.Module | None = None,
    warp: Callable[[Tensor, Tensor], Tensor] = warp_border,
) -> tuple[Tensor, list[Tensor]]:
    """The mean of two frames brought to moment T, and of their features, maybe none.

    X, e: both frames, and the features of both.
    mask: gives the share of the first frame at each place; None is a half.
    """
    f_T3, f_T4 = f = intermediate_flows(f_34, f_43, T)
    X_3, X_4 = (warp(x, f_t) for x, f_t in zip(X, f, strict=True))
    pairs = [(warp(a, f_T3), warp(b, f_T4)) for a, b in zip(*e, strict=True)]
    if mask is not None:
        M = mask((X_3, X_4), pairs[0], f)
        return X_4 + M * (X_3 - X_4), [b + M.to(b.dtype) * (a - b) for a, b in pairs]
    return (X_3 + X_4) / 2, [(a + b) / 2 for a, b in pairs]  # (6), (5)


def conv(inputs: int, outputs: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)


def layer(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(conv(inputs, outputs, kernel), nn.LeakyReLU(0.1, inplace=True))


def upsample(x: Tensor, scale: int) -> Tensor:
    return interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)


def downsample(x: Tensor) -> Tensor:
    return torch.cat([max_pool2d(x, 3, 2, 1), avg_pool2d(x, 3, 2, 1)], 1)


class DenseBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv0 = layer(inputs, inputs)
        self.conv1 = layer(2 * inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.conv1(torch.cat([self.conv0(x), x], 1)))


class Encoder(nn.Module):
    """Fig. 3, left: the features of a frame on four levels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = layer(3, width)
        for i in range(LEVELS):
            self.add_module(f"block{i}", DenseBlock(width, width))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        levels = []
        for i in range(LEVELS):
            x = self.get_submodule(f"block{i}")(x)
            levels.append(x)
        return levels[::-1]


class EFST(nn.Module):
    """Fig. 4: early fusion with spatio-temporal weights; the former alone if not `attention`."""

    def __init__(self, width: int, *, attention: bool = True) -> None:
        super().__init__()
        self.ff = SpatioTemporalWeights(width) if attention else None
        self.early_fusion = conv(FRAMES * width, width, 1)

    def forward(self, e: Sequence[Tensor], theta: Sequence[Tensor] | None = None) -> Tensor:
        E: Tensor = self.early_fusion(torch.cat(list(e), 1))
        if self.ff is None:
            return E
        alpha, beta = self.ff(E, e, theta)
        return cast(Tensor, alpha * E + beta)  # (3)

    def confidence(self, e: Sequence[Tensor]) -> list[Tensor]:
        """The confidence score s_t of each of seven frames, (B, 1, h, w) in (0, 1)."""
        assert self.ff is not None
        return self.ff.confidence(self.early_fusion(torch.cat(list(e), 1)), e)


class SpatioTemporalWeights(nn.Module):
    """alpha and beta of equation 3: EDVR's TSA with the early fusion as reference."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tAtt0 = conv(width, width)  # theta
        self.tAtt1 = conv(width, width)  # delta
        self.sAtt1 = layer(FRAMES * width, width, 1)
        self.sAtt2 = layer(2 * width, width, 1)
        self.sAtt3 = layer(width, width)
        self.sAtt4 = layer(width, width, 1)
        self.sAtt5 = conv(width, width)
        self.sAttL1 = layer(width, width, 1)
        self.sAttL2 = layer(2 * width, width)
        self.sAttL3 = layer(width, width)
        self.sAttA1 = layer(width, width, 1)
        self.sAttA2 = conv(width, width, 1)

    def confidence(
        self, E: Tensor, e: Sequence[Tensor], theta: Sequence[Tensor] | None = None
    ) -> list[Tensor]:
        delta, theta = self.tAtt1(E), theta or [self.tAtt0(e_t) for e_t in e]
        return [(theta_t * delta).sum(1, keepdim=True).sigmoid() for theta_t in theta]  # (1)

    def forward(
        self, E: Tensor, e: Sequence[Tensor], theta: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        s = self.confidence(E, e, theta)
        full = self.sAtt1(torch.cat([s_t * e_t for s_t, e_t in zip(s, e, strict=True)], 1))  # (2)
        half = self.sAtt2(downsample(full))
        quarter = self.sAttL3(self.sAttL2(downsample(self.sAttL1(half))))
        half = self.sAtt3(half) + upsample(quarter, 2)
        full = self.sAtt5(full + upsample(self.sAtt4(half), 2))
        return 2 * full.sigmoid(), self.sAttA2(self.sAttA1(full))


class Decoder(nn.Module):
    """Fig. 3, right: the same weights for the space pass and for each time pass."""

    def __init__(self, scale: int, width: int) -> None:
        super().__init__()
        for i in range(LEVELS):
            if i:
                self.add_module(f"cconv{i}", conv(2 * width, width, 1))
            self.add_module(f"block{i}_0", DenseBlock(2 * width, 2 * width))
            self.add_module(f"block{i}_1", DenseBlock(4 * width, 4 * width))
            self.add_module(f"block{i}_2", DenseBlock(8 * width, width))
        self.rconv0 = layer(width, 48)
        self.rconv1 = conv(48, 3 * scale**2)
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, e: Sequence[Tensor], guide: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """The decoded features D of each level, and the residual R at full size."""
        D: list[Tensor] = []
        for i in range(LEVELS):
            g = guide[i]
            if i:
                g = self.get_submodule(f"cconv{i}")(torch.cat([D[-1], g], 1))
            x = torch.cat([e[i], g], 1)
            for k in (0, 1):  # here the older features come first, unlike in a dense block
                x = torch.cat([x, self.get_submodule(f"block{i}_{k}")(x)], 1)
            D.append(self.get_submodule(f"block{i}_2")(x))
        return D, self.shuffle(self.rconv1(self.rconv0(D[-1])))
