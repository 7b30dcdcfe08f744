"""REDS4: the four training clips of REDS that EDVR and later methods test on."""

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
