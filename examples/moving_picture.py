"""The moving picture of README.md: input, a classical method, STVUN's compact size, and the truth.

stvt prepare sample && python -P examples/moving_picture.py docs/moving_picture.webp
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import stvt
from stvt.datasets import PreparedScene, load, read_frame

LABEL = "BDx4"
SCENES = ("drift", "print")
METHODS = ("bicubic+flow", "stvun-s")
SIDE = (192, 152)  # of the part that is shown, width and height, at twice its size
TOP, LEFT = 20, 32
BAR = 22


def outputs(scene: PreparedScene, method: str) -> list[NDArray[np.uint8]]:
    """Every second frame made larger, and those between made anew."""
    numbers = range(0, scene.frames, 2)
    frames = torch.stack(
        [torch.from_numpy(read_frame(scene.lr_path(i, LABEL))).movedim(-1, 0) for i in numbers]
    )
    made = stvt.load_method(method).stream(frames.float() / 255, [0.5])
    return [
        (frame.clamp(0, 1) * 255).round().byte().movedim(0, -1).cpu().numpy() for _, frame in made
    ]


def held(scene: PreparedScene) -> list[NDArray[np.uint8]]:
    """The input as it is seen: large pixels, and each frame twice."""
    frames = [read_frame(scene.lr_path(i - i % 2, LABEL)) for i in range(scene.frames)]
    return [frame.repeat(4, 0).repeat(4, 1) for frame in frames]


def panels(scene: PreparedScene) -> dict[str, list[NDArray[np.uint8]]]:
    truth = [read_frame(scene.gt_path(i)) for i in range(scene.frames)]
    return {
        "input: 1/4 size, 1/2 rate": held(scene),
        **{method: outputs(scene, method) for method in METHODS},
        "truth": truth,
    }


def picture(views: dict[str, list[NDArray[np.uint8]]], index: int) -> Image.Image:
    """One frame: two panels by two, each with its name."""
    width, height = SIDE
    canvas = Image.new("RGB", (4 * width, 2 * (2 * height + BAR)), (18, 22, 28))
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for place, (name, frames) in enumerate(views.items()):
        x, y = place % 2 * 2 * width, place // 2 * (2 * height + BAR)
        part = frames[index][TOP : TOP + height, LEFT : LEFT + width]
        shown = Image.fromarray(part).resize((2 * width, 2 * height), Image.Resampling.NEAREST)
        canvas.paste(shown, (x, y + BAR))
        draw.text((x + 6, y + 3), name, (235, 235, 235), font)
    return canvas


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--root", type=Path, default=Path("data"))
    args = parser.parse_args()
    frames = []
    for name in SCENES:
        views = panels(load("sample", args.root).scenes[name])
        count = min(map(len, views.values()))
        frames += [picture(views, index) for index in range(4, count - 4)]  # whole windows
    frames[0].save(
        args.file,
        save_all=True,
        append_images=frames[1:],
        duration=110,
        loop=0,
        quality=40,
        method=6,
    )
    print(f"{args.file}: {len(frames)} frames, {args.file.stat().st_size / 2**20:.2f} MiB")


if __name__ == "__main__":
    main()
