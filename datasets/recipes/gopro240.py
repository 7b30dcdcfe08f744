"""GoPro at 240 frames a second: the sharp frames of the eleven test sequences."""

from __future__ import annotations

from .recipe import Published, Recipe

_NAMES = (
    *("GOPR0384_11_00", "GOPR0384_11_05", "GOPR0385_11_01", "GOPR0396_11_00"),
    *("GOPR0410_11_00", "GOPR0854_11_00", "GOPR0862_11_00", "GOPR0868_11_00"),
    *("GOPR0869_11_00", "GOPR0871_11_00", "GOPR0881_11_01"),
)

GOPRO240 = Recipe(
    name="gopro240",
    title="GoPro (GOPRO_Large_all), test sequences, 240 frames a second",
    scenes=dict.fromkeys(_NAMES),
    size=(720, 1280),
    fps="240",
    licence="none on the set's page as it was read; used for research",
    citation=(
        "Nah, Kim and Lee, Deep Multi-Scale Convolutional Neural Network for Dynamic Scene "
        "Deblurring, CVPR 2017"
    ),
    page="https://seungjunnah.github.io/Datasets/gopro.html",
    file=Published(
        "GOPRO_Large_all.zip",
        (
            "https://huggingface.co/datasets/snah/GOPRO_Large/resolve/main/GOPRO_Large_all.zip",
            "https://drive.google.com/file/d/1rJTmM9_mLCNzBUUhYIGldBYgup279E_f",
            "http://data.cv.snu.ac.kr:8008/webdav/dataset/GOPRO/GOPRO_Large_all.zip",
        ),
    ),
    layouts=("test/NAME", "NAME"),
    get="GOPRO_Large_all.zip of seungjunnah.github.io/Datasets/gopro, or its folder test",
)
