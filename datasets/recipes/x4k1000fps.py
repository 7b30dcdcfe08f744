"""X4K1000FPS: the test part (X-TEST) of XVFI, fifteen clips of extreme motion in 4K."""

from __future__ import annotations

from .recipe import Recipe

_NAMES = (
    *("TEST01_003_f0433", "TEST02_045_f0465", "TEST03_081_f4833", "TEST04_140_f3889"),
    *("TEST05_158_f0321", "TEST06_001_f0273", "TEST07_076_f1889", "TEST08_079_f0321"),
    *("TEST09_112_f0177", "TEST10_172_f1905", "TEST11_078_f4977", "TEST12_087_f2721"),
    *("TEST13_133_f4593", "TEST14_146_f1761", "TEST15_148_f0465"),
)

X4K1000FPS = Recipe(
    name="x4k1000fps",
    title="X4K1000FPS, test part (X-TEST)",
    scenes=dict.fromkeys(_NAMES, 33),
    size=(2160, 4096),
    fps="1000",
    licence="research and education only; commercial use needs the authors' permission",
    citation="Sim, Oh and Kim, XVFI: eXtreme Video Frame Interpolation, ICCV 2021",
    page="https://github.com/JihyongOh/XVFI",
    layouts=("test/*/NAME", "encoded_test/*/NAME", "*/NAME", "NAME"),
    get=(
        "download encoded_test.tar.gz from the Dropbox folder that github.com/JihyongOh/XVFI "
        "links to, then `stvt prepare x4k1000fps --source encoded_test.tar.gz`; the folder test "
        "with Type1, Type2 and Type3, decoded to PNG, does as well"
    ),
)
