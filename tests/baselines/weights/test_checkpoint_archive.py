"""Zip files with a TensorFlow checkpoint that are damaged or hostile; what a killed command leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stvt.baselines.errors import MethodError
from stvt.baselines.fisr import convert as fisr_convert
from stvt.baselines.weights.fetch import add_weights, convert_weights
from tests.builders.tensorflow_checkpoints import Small, write_checkpoint
from tests.golden_cases import fill

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(fisr_convert.NETWORKS, "fisr_pwcnet", Small)
    names = fisr_convert.tensorflow_names("fisr_pwcnet")
    write_checkpoint(
        tmp_path / "model-7",
        fill({key: list(shape) for key, (_, shape) in names.items()}, 1.4, "tf"),
    )
    file = tmp_path / "packed.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        for part in sorted(tmp_path.glob("model-7.*")):
            opened.write(part, f"folder/{part.name}")
    return file


def refusal(file: Path, home: Path) -> str:
    """Of converting a file, which leaves nothing; `add` refuses it in one line, too."""
    with pytest.raises(MethodError) as added:
        add_weights(file)
    with pytest.raises(MethodError) as caught:
        convert_weights("fisr_pwcnet", file)
    for error in (caught, added):
        assert "\n" not in str(error.value) and str(file) in str(error.value)
    assert not home.exists()
    return str(caught.value)


def test_a_damaged_archive_is_refused_in_one_line(archive: Path, home: Path) -> None:
    content = archive.read_bytes()
    for place in range(60, len(content), 97):
        archive.write_bytes(
            content[:place] + bytes([content[place] ^ 255, 0xFF]) + content[place + 2 :]
        )
        try:
            convert_weights("fisr_pwcnet", archive, home.parent / "out.safetensors")
        except MethodError as error:
            assert "\n" not in str(error)
        else:
            assert place > len(content) - 300  # in the names and dates at its end


def test_an_encrypted_archive_is_refused(archive: Path, home: Path) -> None:
    content = bytearray(archive.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.index(start)
        while place >= 0:
            content[place + flags] |= 1
            place = content.find(start, place + 1)
    archive.write_bytes(content)
    assert "encrypted" in refusal(archive, home)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 99])
def test_other_ways_of_packing_are_refused(archive: Path, home: Path, method: int) -> None:
    content = bytearray(archive.read_bytes())
    for start, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = content.index(start)
        while place >= 0:
            content[place + at] = method
            place = content.find(start, place + 1)
    archive.write_bytes(content)
    assert "not to be unpacked" in refusal(archive, home)


def test_a_bomb_is_refused(archive: Path, home: Path) -> None:
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("model-7.data-00001-of-00002", bytes(80 << 20))
    assert "would unpack to 80 MiB" in refusal(archive, home)


KILLED = """
import os, signal, sys
from pathlib import Path
from stvt.core import files
from stvt.baselines.weights import fetch
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die
fetch.{command}
"""


def kill(command: str) -> None:
    program = KILLED.format(command=command)
    ran = subprocess.run([sys.executable, "-P", "-c", program], check=False)
    assert ran.returncode == -signal.SIGKILL


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


@pytest.mark.skipif(os.name != "posix", reason="needs kill -9")
def test_the_next_run_removes_what_a_killed_one_left(file: Path, home: Path) -> None:
    kill(f"add_weights(Path({str(file)!r}))")
    (left,) = home.iterdir()
    assert left.stat().st_size == file.stat().st_size
    theirs = {".notes.tmp", ".terms.json.stvt-1-0123abcd.tmp", "mine.pth"}
    for name in theirs:
        (home / name).touch()
    (home / ".fisr.safetensors.stvt-unpacked").mkdir()
    (home / "records").mkdir()
    (home / "records" / ".edvr-m.pth.json.stvt-1-0123abcd.tmp").touch()
    add_weights(file)
    assert names(home) == {"edvr-m.pth", "records", *theirs}
    assert names(home / "records") == {"edvr-m.pth.json"}


def test_the_next_run_removes_what_a_killed_conversion_left(
    archive: Path, home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "a.safetensors"
    left = out.parent / ".a.safetensors.stvt-unpacked"
    left.mkdir(parents=True)
    (left / "model-7.index").touch()
    (out.parent / ".a.safetensors.stvt-99-0123abcd.tmp").touch()
    theirs = {".b.safetensors.stvt-99-0123abcd.tmp", ".unpacked.mine"}
    for name in theirs:
        (out.parent / name).touch()
    convert_weights("fisr_pwcnet", archive, out)
    assert names(out.parent) == {"a.safetensors", *theirs}
