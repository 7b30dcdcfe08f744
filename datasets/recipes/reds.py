"""REDS: the four clips that EDVR and later methods test on, and the sequences of REDS_VTSR at three rates."""

from __future__ import annotations

from .recipe import Published, Recipe

REDS4 = Recipe(
    name="reds4",
    title="REDS4 (clips 000, 011, 015, 020 of the REDS training part)",
    scenes={"000": 100, "011": 100, "015": 100, "020": 100},
    size=(720, 1280),
    fps="24",
    licence="none on the set's page as it was read (its sister set REDS_VTSR is CC BY 4.0)",
    citation=(
        "Nah et al., NTIRE 2019 Challenge on Video Deblurring and Super-Resolution: Dataset and "
        "Study, CVPRW 2019"
    ),
    page="https://seungjunnah.github.io/Datasets/reds.html",
    file=Published(
        "REDS_train_sharp.zip",
        (
            "https://huggingface.co/datasets/snah/REDS/resolve/main/train_sharp.zip",
            "https://drive.google.com/file/d/1YLksKtMhd2mWyVSkvhDaDLWSc1qYNCz-",
        ),
        size=34_261_573_976,
        sha256="620294c1c3f23ed26c5ea228633770469c0b28e57d31eb41dc77deb401c6681b",
    ),
    layouts=("train_sharp/NAME", "GT/NAME", "NAME"),
    get=(
        "train_sharp.zip of seungjunnah.github.io/Datasets/reds, or a folder of its clips 000, "
        "011, 015 and 020 with 100 frames each"
    ),
)

# The validation sequences of the AIM 2019 and 2020 challenges.
_DRIVE = {
    15: "1HHVsk0o3wgMIf4FD6mMUyW0w7uawBrkQ",
    30: "1tyj-7YhMx7-E7x5Z8XV1bBVlOGF3bgTj",
    60: "1PKK1tgddL8uQ6LMehrAe8RViUYiXxTHj",
}


def _name(fps: int) -> str:
    return "reds_vtsr" if fps == 60 else f"reds_vtsr_{fps}fps"


def _pattern(fps: int) -> str:
    return rf"(?<!\d){fps}(?!\d)"


def _at(fps: int) -> Recipe:
    archive = f"val_{fps}fps"
    return Recipe(
        name=_name(fps),
        title=f"REDS_VTSR, validation part, {fps} frames a second",
        scenes={},
        count=30,
        size=(720, 1280),
        fps=str(fps),
        licence="CC BY 4.0",
        citation=(
            "Nah et al., AIM 2019 Challenge on Video Temporal Super-Resolution: Methods and "
            "Results, ICCVW 2019"
        ),
        page="https://seungjunnah.github.io/Datasets/reds_vtsr.html",
        file=Published(
            f"REDS_VTSR_{archive}.zip",
            (
                f"https://huggingface.co/datasets/snah/REDS_VTSR/resolve/main/{archive}.zip",
                f"https://drive.google.com/file/d/{_DRIVE[fps]}",
                f"https://cv.snu.ac.kr/dataset/AIM_ICCV_2019/REDS_VTSR/{archive}.zip",
            ),
        ),
        layouts=(f"{archive}/NAME", "NAME"),
        get=f"{archive}.zip of seungjunnah.github.io/Datasets/reds_vtsr, 30 scenes",
        names=_pattern(fps),
        others={_name(other): _pattern(other) for other in _DRIVE if other != fps},
    )


REDS_VTSR, REDS_VTSR_30, REDS_VTSR_15 = _at(60), _at(30), _at(15)
