"""Archives as the authors of each test set lay them out, with two scenes of three small frames."""

import io
import zipfile
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from stvt.datasets import Recipe
from stvt.datasets.frames import encode_png

# Where the frames of a scene are in the published archive, and what else is in it.
LAYOUTS = {
    "vid4": ("Vid4/GT/{}/{:08d}.png", ["Vid4/BIx4/{}/{:08d}.png", "Vid4/BDx4/{}/{:08d}.png"]),
    "stvt": ("STVT/{}/{:05d}.png", []),
    "sintel": (
        "training/final/{}/frame_{:04d}.png",
        ["training/clean/{}/frame_{:04d}.png", "test/final/PERTURBED_{}/frame_{:04d}.png"],
    ),
    "sintel_clean": (
        "training/clean/{}/frame_{:04d}.png",
        ["training/final/{}/frame_{:04d}.png", "training/occlusions/{}/frame_{:04d}.png"],
    ),
    "reds_vtsr": ("val/val_60fps/{}/{:08d}.png", []),
    "reds_vtsr_30fps": ("val/val_30fps/{}/{:08d}.png", []),
    "reds_vtsr_15fps": ("val/val_15fps/{}/{:08d}.png", []),
    "reds4": ("train/train_sharp/{}/{:08d}.png", ["train/train_sharp/9{}/{:08d}.png"]),
    "vimeo90k": ("vimeo_test_clean/sequences/{}/im{:d}.png", []),
    "davis": ("DAVIS/JPEGImages/480p/{}/{:05d}.jpg", ["DAVIS/Annotations/480p/{}/{:05d}.png"]),
    "gopro240": ("GOPRO_Large_all/test/{}/{:06d}.png", ["GOPRO_Large_all/train/G{}/{:06d}.png"]),
    "adobe240": ("original_high_fps_videos/{}.MOV", ["original_high_fps_videos/X{}.m4v"]),
    "x4k1000fps": ("encoded_test/Type1/{}.mp4", ["encoded_test/Type1/._{}.mp4"]),
    "udm10": ("udm10/{}/truth/{:04d}.png", ["udm10/{}/blur4/{:04d}.png"]),
}


UNNAMED = {"vimeo90k": ("00001/0266", "00002/0002")}  # else "scene 1", "scene 2"


FRAMES = 3


def small(recipe: Recipe) -> Recipe:
    """The same with two scenes of three frames, and no word on size and hash of the archive."""
    named = dict.fromkeys(list(recipe.scenes)[:2], FRAMES)
    file = recipe.file and replace(recipe.file, size=None, about=None, sha256="")
    return replace(
        recipe,
        scenes=named,
        count=recipe.count and 2,
        frames=recipe.frames and FRAMES,
        least=min(recipe.least, FRAMES),
        file=file,
        size=None,
        sizes=None,
    )


def names(recipe: Recipe) -> tuple[str, ...]:
    return tuple(recipe.scenes) or UNNAMED.get(recipe.name, ("scene_1", "scene_2"))


def video(frames: list[NDArray[np.uint8]]) -> bytes:
    written = io.BytesIO()
    with av.open(written, "w", format="mov") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(240))
        stream.height, stream.width = frames[0].shape[:2]
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return written.getvalue()


def stand_in(recipe: Recipe, frames: list[NDArray[np.uint8]]) -> bytes:
    """The archive of a small recipe, as the authors lay theirs out, with what else lies there."""
    path, others = LAYOUTS[recipe.name]
    files = {"readme.txt": b"hello", "__MACOSX/x.png": b"?", "docs/picture.png": b"?"}
    pieces = [encode_png(frame) for frame in frames]
    if path.endswith((".MOV", ".mp4")):
        pieces = [video(frames)]
    if path.endswith(".jpg"):
        pieces = []
        for frame in frames:
            picture = io.BytesIO()
            Image.fromarray(frame).save(picture, "jpeg")
            pieces.append(picture.getvalue())
    step = 2 if recipe.name == "reds_vtsr" else 1
    for scene in names(recipe):
        for index, piece in enumerate(pieces, 1):
            files[path.format(scene, index * step)] = piece
            for other in others:
                files[other.format(scene, index * step)] = b"not for us"
    if recipe.listing:
        files[f"vimeo_test_clean/{recipe.listing}"] = "\n".join(names(recipe)).encode()
        files[path.format("00003/0001", 1)] = b"for training, not listed"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return packed.getvalue()
