"""The published checkpoints: where their authors keep each, what it is known by, on what terms.

Facts only, copied by hand from the authors' pages. No weights come with this package.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import MethodError

DRIVE = "https://drive.google.com/file/d/"
BASICSR = "https://github.com/XPixelGroup/BasicSR/blob/master/scripts/download_pretrained_models.py"
EDVR_WIKI = "https://github.com/xinntao/EDVR/wiki"
MMAGIC = "https://download.openmmlab.com/mmediting/restorers/edvr/"
NVLABS = "https://github.com/NVlabs/PWC-Net"
NVLABS_RAW = "https://raw.githubusercontent.com/NVlabs/PWC-Net/master/PyTorch/"
PYTORCH_PWC = "content.sniklaus.com/github/pytorch-pwc/"
MB = 1_000_000

APACHE = "Apache-2.0 (code; its authors state no separate licence for the weights)"
NVIDIA = "CC BY-NC-SA 4.0 (NVIDIA)"
NVIDIA_TERMS = "non-commercial use only; name NVIDIA; share what you derive alike"


@dataclass(frozen=True)
class Checkpoint:
    """A published file.

    network:  what it is the weights of: the name after --weights.
    file:     the name that it is kept under.
    page:     where its authors publish it, for a person to read.
    about:    its size in bytes, by its number of parameters; none of the authors states it.
    sources:  addresses of the file itself, tried in this order; none where it is not one file.
    sha256:   of the file, or how that starts, where its authors say so.
    git_blob: the hash that git knows it by, where it is kept in git.
    archive:  what comes from the sources, if it has to be converted into `file`.
    by_hand:  what to do where nothing can fetch it.
    """

    network: str
    file: str
    page: str
    about: int
    licence: str
    terms: str
    sources: tuple[str, ...] = ()
    sha256: str = ""
    git_blob: str = ""
    archive: str = ""
    by_hand: str = ""

    @property
    def comes_as(self) -> str:
        """The name of the file that the sources give."""
        return self.archive or self.file


def _basicsr(network: str, file: str, drive: str, about: int) -> Checkpoint:
    return Checkpoint(
        network,
        file,
        BASICSR,
        about,
        APACHE,
        "the licence of BasicSR",
        (DRIVE + drive,),
        sha256=file.removesuffix(".pth")[-8:],
    )


def _of_2019(network: str, file: str, about: int) -> Checkpoint:
    return Checkpoint(
        network,
        file,
        EDVR_WIKI,
        about,
        APACHE,
        "the licence of the EDVR repository",
        by_hand=f"{file} is in the model zoo of {EDVR_WIKI}; BasicSR's file of the same name with "
        "_official in it has the same weights",
    )


def _mmagic(network: str, file: str, about: int) -> Checkpoint:
    return Checkpoint(
        network,
        file,
        "https://github.com/open-mmlab/mmagic/tree/main/configs/edvr",
        about,
        APACHE,
        "the licence of mmagic",
        (MMAGIC + file,),
        sha256=file.removesuffix(".pth")[-8:],
    )


def _pytorch_pwc(file: str) -> Checkpoint:
    return Checkpoint(
        "pwcnet",
        file,
        "https://github.com/sniklaus/pytorch-pwc",
        38 * MB,
        "CC BY-NC-SA 4.0 (NVIDIA's, for the models; the code around them is GPL-3.0)",
        NVIDIA_TERMS,
        (f"https://{PYTORCH_PWC}{file}", f"http://{PYTORCH_PWC}{file}"),
    )


# A network's first one is the one that it looks for first, and has the network's name.
CHECKPOINTS = {
    "stvun": Checkpoint(
        "stvun",
        "STVUN.pth",
        "https://github.com/JaeYeonKang/STVUN-Pytorch",
        124 * MB,
        "none stated",
        "no permission to copy or pass on is given; its flow part derives from NVIDIA's PWC-Net, "
        "which is for non-commercial use only",
        (DRIVE + "1fORa8I8iKpzHEin67wW06armoB3MxvTT",),
    ),
    "edvr": _basicsr(
        "edvr",
        "EDVR_L_x4_SR_Vimeo90K_official-162b54e4.pth",
        "1aVR3lkX6ItCphNLcT7F5bbbC484h4Qqy",
        83 * MB,
    ),
    "edvr-reds": _basicsr(
        "edvr",
        "EDVR_L_x4_SR_REDS_official-9f5f5039.pth",
        "127KXEjlCwfoPC1aXyDkluNwr9elwyHNb",
        83 * MB,
    ),
    "edvr-reds-blur": _basicsr(
        "edvr",
        "EDVR_L_x4_SRblur_REDS_official-983d7b8e.pth",
        "1GZz_87ybR8eAAY3X2HWwI3L6ny7-5Yvl",
        93 * MB,
    ),
    "edvr-2019": _of_2019("edvr", "EDVR_Vimeo90K_SR_L.pth", 83 * MB),
    "edvr-reds-2019": _of_2019("edvr", "EDVR_REDS_SR_L.pth", 83 * MB),
    "edvr-reds-blur-2019": _of_2019("edvr", "EDVR_REDS_SRblur_L.pth", 93 * MB),
    "edvr-mmagic": _mmagic(
        "edvr", "edvrl_c128b40_8x8_lr2e-4_600k_reds4_20220104-4509865f.pth", 83 * MB
    ),
    "edvr-wotsa-mmagic": _mmagic(
        "edvr", "edvrl_wotsa_c128b40_8x8_lr2e-4_600k_reds4_20211228-d895a769.pth", 78 * MB
    ),
    "edvr-m": _basicsr(
        "edvr-m",
        "EDVR_M_x4_SR_REDS_official-32075921.pth",
        "1dd6aFj-5w2v08VJTq5mS9OFsD-wALYD6",
        13 * MB,
    ),
    "edvr-m-wotsa": _basicsr(
        "edvr-m",
        "EDVR_M_woTSA_x4_SR_REDS_official-1edf645c.pth",
        "1C_WdN-NyNj-P7SOB5xIVuHl4EBOwd-Ny",
        12 * MB,
    ),
    "edvr-m-2019": _of_2019("edvr-m", "EDVR_REDS_SR_M.pth", 13 * MB),
    "edvr-m-mmagic": _mmagic("edvr-m", "edvrm_x4_8x4_600k_reds_20210625-e29b71b5.pth", 13 * MB),
    "edvr-m-wotsa-mmagic": _mmagic(
        "edvr-m", "edvrm_wotsa_x4_8x4_600k_reds_20200522-0570e567.pth", 12 * MB
    ),
    "dain": Checkpoint(
        "dain",
        "DAIN.pth",
        "https://github.com/baowenbo/DAIN",
        96 * MB,
        "none stated (code: MIT)",
        "treat as non-commercial: its flow part is fine-tuned from NVIDIA's PWC-Net (CC BY-NC-SA "
        "4.0)",
        (
            "http://vllab1.ucmerced.edu/~wenbobao/DAIN/best.pth",
            "https://vllab1.ucmerced.edu/~wenbobao/DAIN/best.pth",
        ),
    ),
    "fisr": Checkpoint(
        "fisr",
        "fisr.safetensors",
        "https://github.com/JihyongOh/FISR",
        193 * MB,
        "none stated (only the README's terms)",
        "free for research and education only; any commercial use needs the authors' formal "
        "permission first",
        ("https://www.dropbox.com/s/hfzzddfocmmazso/FISRnet_exp1.zip?dl=1",),
        archive="FISRnet_exp1.zip",
        by_hand="get FISRnet_exp1.zip and type `stvt weights convert fisr CHECKPOINT`, for CHECKPOINT "
        "that file",
    ),
    "fisr_pwcnet": Checkpoint(
        "fisr_pwcnet",
        "fisr_pwcnet.safetensors",
        "https://github.com/philferriere/tfoptflow",
        56 * MB,
        "none stated (code: MIT)",
        "the licence of tfoptflow",
        by_hand="get the three files pwcnet.ckpt-595000.* of pwcnet-lg-6-2-multisteps-"
        "chairsthingsmix (http://bit.ly/tfoptflow, a Google Drive folder) and type `stvt weights "
        "convert fisr_pwcnet pwcnet.ckpt-595000`",
    ),
    "pwcnet": Checkpoint(
        "pwcnet",
        "pwc_net.pth.tar",
        NVLABS,
        38 * MB,
        NVIDIA,
        NVIDIA_TERMS,
        (NVLABS_RAW + "pwc_net.pth.tar", NVLABS + "/raw/master/PyTorch/pwc_net.pth.tar"),
        git_blob="27da4cc96929c0474f8083364712df3a1c50c52e",
    ),
    "pwcnet-chairs": Checkpoint(
        "pwcnet",
        "pwc_net_chairs.pth.tar",
        NVLABS,
        38 * MB,
        NVIDIA,
        NVIDIA_TERMS,
        (
            NVLABS_RAW + "pwc_net_chairs.pth.tar",
            NVLABS + "/raw/master/PyTorch/pwc_net_chairs.pth.tar",
        ),
        git_blob="da1bf4000b52a24d5919729be2aceb7c55c58f66",
    ),
    "pwcnet-pytorch-pwc": _pytorch_pwc("network-default.pytorch"),
    "pwcnet-chairs-pytorch-pwc": _pytorch_pwc("network-chairs-things.pytorch"),
    "lpips": Checkpoint(
        "alexnet",
        "alexnet-owt-7be5be79.pth",
        "https://pytorch.org/vision/stable/models/alexnet.html",
        244 * MB,
        "none stated (code: torchvision, BSD-3-Clause)",
        "torchvision warns that its weights may have terms derived from the data they were trained "
        "on: ImageNet, non-commercial research",
        ("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
        sha256="7be5be79",
    ),
}


def checkpoint(name: str) -> Checkpoint:
    """The checkpoint of that name; MethodError if there is none."""
    if name not in CHECKPOINTS:
        raise MethodError(f"no checkpoint is called {name!r}; there are {', '.join(CHECKPOINTS)}")
    return CHECKPOINTS[name]


def files_of(network: str) -> list[str]:
    """The names that a network's published files are kept under, the preferred one first."""
    return [known.file for known in CHECKPOINTS.values() if known.network == network]
