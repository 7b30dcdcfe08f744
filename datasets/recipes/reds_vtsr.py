"""REDS_VTSR: the validation sequences of the AIM 2019 and 2020 challenges, at three frame rates."""

from .recipe import Published, Recipe

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
