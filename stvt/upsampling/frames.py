"""`stvt.upsample`: frames in memory, larger and smoother."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from stvt.baselines import Method, Precision, Settings
from stvt.datasets import Pixels
from stvt.device import usable_device
from stvt.upsampling.choose import choose_method
from stvt.upsampling.placement import Placement, TimedFrame
from stvt.upsampling.sequence import Upsampling, as_picture, resized

Frames = TypeVar("Frames", Tensor, NDArray[np.uint8], NDArray[np.floating])
STRAY = 1e-3  # so far from [0, 1] rounding may have put a float


def upsample(
    frames: Frames,
    method: str | Method | None = None,
    *,
    scale: float = 4,
    times: Sequence[float] = (0.5,),
    cuts: bool = True,
    device: str = "auto",
    precision: Precision = "fp32",
    tile: int | Literal["auto"] | None = None,
    weights: Mapping[str, str | Path] | None = None,
    untrained: bool = False,
) -> Frames:
    """n frames larger, and new ones between them: (n - 1) * (1 + len(times)) + 1 in all.

    frames: an array (n, H, W, 3) or a Tensor (n, 3, H, W), RGB: uint8, or floats in [0, 1].
    method: as `stvt upsample --method`, or one from `stvt.load_method`; None: the best there is.
    scale:  1 to 4; where the method has a larger one only, its frames are reduced.
    times:  of the new frames, each in (0, 1), rising; () for none.
    cuts:   find cuts; across one the earlier frame is repeated.
    tile:   side of the pieces that networks work in, in low-resolution pixels; "auto": whole frames
            until memory runs out, then tiles of half the side.

    Returns what it got, array or Tensor (on the CPU), uint8 or float32, `scale` times as large.
    Raises the rooms' errors, and ValueError for frames, times or a scale of another form.
    """
    if any(not 0 < time < 1 for time in times) or list(times) != sorted(set(times)):
        raise ValueError(f"times are in (0, 1) and rise, not {list(times)}")
    if not 1 <= scale <= 4:
        raise ValueError(f"a scale is from 1 to 4, not {scale}")
    pictures = _pictures(frames)
    if not isinstance(method, Method):
        settings = Settings(
            scale=math.ceil(scale),
            phase=(math.ceil(scale) - 1) / 2,
            device=usable_device(device),
            precision=precision,
            tile=tile,
            weights={name: Path(file) for name, file in (weights or {}).items()},
            untrained=untrained,
        )
        method = choose_method(method, settings, new=bool(times))
    else:
        scale = method.scale
    upsampling = Upsampling(
        method, Placement(tuple(times), hold=False), cuts, warnings.warn if tile == "auto" else None
    )
    height, width = (round(side * scale) for side in pictures[0].shape[:2])
    timed = (TimedFrame(Fraction(k), picture, k) for k, picture in enumerate(pictures))
    whole = pictures[0].dtype == np.uint8
    outputs = []
    for output in upsampling.outputs(timed, lambda: Fraction(1)):
        picture = as_picture(resized(output, (height, width)))
        outputs.append(np.rint(picture * 255).astype(np.uint8) if whole else picture)
    if isinstance(frames, Tensor):
        return torch.from_numpy(np.stack(outputs)).permute(0, 3, 1, 2).contiguous()
    return np.stack(outputs)


def _pictures(frames: Tensor | NDArray[np.uint8] | NDArray[np.floating]) -> list[Pixels]:
    """The frames one by one, (H, W, 3), uint8 or float32; ValueError for what are none."""
    if isinstance(frames, Tensor):
        if frames.ndim != 4 or frames.shape[1] != 3:
            raise ValueError(f"a Tensor of frames is (n, 3, h, w), not {tuple(frames.shape)}")
        frames = frames.detach().cpu().permute(0, 2, 3, 1)
        whole = frames.dtype == torch.uint8
        frames = (frames if whole else frames.float()).numpy()
    pictures: list[Pixels] = []
    for frame in frames:
        one = np.ascontiguousarray(frame)
        if one.ndim != 3 or one.shape[2] != 3:
            raise ValueError(f"a frame is (H, W, 3), not {one.shape}")
        if one.dtype.kind == "f":
            one = one.astype(np.float32, copy=False)
            if not (one.min() > -STRAY and one.max() < 1 + STRAY):
                raise ValueError(
                    f"frames of floats are in [0, 1], not from {one.min():g} to {one.max():g}"
                )
            one = one.clip(0, 1)
        elif one.dtype != np.uint8:
            raise ValueError(f"frames are uint8, or floats in [0, 1], not {one.dtype}")
        pictures.append(one)
    if not pictures or len({picture.shape for picture in pictures}) > 1:
        raise ValueError("frames are one at least, and all of one size")
    return pictures
