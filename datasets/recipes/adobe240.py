"""Adobe240: hand-held recordings of 240 frames a second; the seventeen test videos."""

from __future__ import annotations

from .recipe import Published, Recipe

_NAMES = (
    *("GOPR9653", "IMG_0001", "IMG_0003", "IMG_0004a", "IMG_0004b", "IMG_0012", "IMG_0013"),
    *("IMG_0015", "IMG_0016", "IMG_0017", "IMG_0024", "IMG_0037", "IMG_0037a", "IMG_0045"),
    *("IMG_0056", "IMG_0058", "IMG_0175"),
)
_HOST = "www.cs.ubc.ca/labs/imager/tr/2017/DeepVideoDeblurring"

ADOBE240 = Recipe(
    name="adobe240",
    title="Adobe240, the test videos of space-time papers, 240 frames a second",
    scenes=dict.fromkeys(_NAMES),
    licence="none that was found; used for research",
    citation="Su et al., Deep Video Deblurring for Hand-held Cameras, CVPR 2017",
    page=f"http://{_HOST}/",
    file=Published(
        "DeepVideoDeblurring_Dataset_Original_High_FPS_Videos.zip",
        tuple(
            f"{scheme}://{_HOST}/DeepVideoDeblurring_Dataset_Original_High_FPS_Videos.zip"
            for scheme in ("https", "http")
        ),
        about=2_800_000_000,
    ),
    layouts=("original_high_fps_videos/NAME", "frame/test/NAME", "test/NAME", "NAME"),
    get=(
        "DeepVideoDeblurring_Dataset_Original_High_FPS_Videos.zip of "
        f"{_HOST}, or a folder of its videos, or of their frames"
    ),
)
