"""Synthetic inputs of benchmarks: moving textured scenes, the same on every machine, and methods."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from stvt import baselines
from stvt.baselines import Method, Precision, Settings

GROUND = (1.3, 0.7)  # pixels right and down that the view moves with each frame
DISC = (-2.1, 0.9)  # and the thing before it


def moving_scene(count: int, height: int, width: int) -> list[Tensor]:
    """(3, height, width) each, RGB in [0, 1]: a textured disc passing over a textured ground."""
    frames = []
    ground, cover = texture(0, height, width), texture(1, height, width)
    rows = torch.arange(height, dtype=torch.float32)[:, None]
    columns = torch.arange(width, dtype=torch.float32)[None]
    for k in range(count):
        frame = _moved(ground, GROUND[0] * k, GROUND[1] * k)
        x, y = width / 2 + DISC[0] * (k - count / 2), height / 2 + DISC[1] * (k - count / 2)
        far = ((columns - x) ** 2 + (rows - y) ** 2).sqrt() - min(height, width) / 4
        inside = (0.5 - far).clamp(0, 1)
        thing = _moved(cover, DISC[0] * k, DISC[1] * k)
        frames.append(inside * thing + (1 - inside) * frame)
    return frames


def texture(seed: int, height: int, width: int) -> Tensor:
    """Noise of several sizes, from edges as fine as pixels to large shapes."""
    random = np.random.default_rng(seed)
    picture = np.full((3, height, width), 0.5)
    for side in (1, 3, 8, 21):
        coarse = random.normal(0, 0.08, (3, -(-height // side), -(-width // side)))
        picture += coarse.repeat(side, 1).repeat(side, 2)[:, :height, :width]
    return torch.from_numpy(picture.clip(0, 1).astype(np.float32))


def _moved(picture: Tensor, right: float, down: float) -> Tensor:
    """The picture moved by so many pixels, mirrored beyond its ends."""
    height, width = picture.shape[-2:]
    x = (torch.arange(width, dtype=torch.float32) - right + 0.5) / width * 2 - 1
    y = (torch.arange(height, dtype=torch.float32) - down + 0.5) / height * 2 - 1
    grid = torch.stack([x.expand(height, width), y[:, None].expand(height, width)], -1)
    return grid_sample(picture[None], grid[None], padding_mode="reflection", align_corners=False)[0]


def kind_of(spec: str) -> str:
    """Spatial, temporal or space-time; a composition and a method of one's own are the last."""
    known = baselines.METHODS.get(baselines.split_label(spec)[1])
    return known.kind if known else "space-time"


def available_method(
    spec: str, device: str, precision: Precision = "fp32", tile: int | None = None
) -> Method:
    """A method with its weights if they are here, else untrained, as its `weights` then says."""
    known = baselines.METHODS.get(baselines.split_label(spec)[1])
    scale = known.scales[-1] if known and known.kind != "temporal" else 4
    untrained = not baselines.has_weights(spec, Settings())
    settings = Settings(
        scale=scale, device=device, precision=precision, tile=tile, untrained=untrained
    )
    return baselines.build(spec, settings)
