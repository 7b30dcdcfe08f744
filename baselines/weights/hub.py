"""Weights in repositories of the Hugging Face Hub, as `hf:OWNER/NAME/FILE`, by `huggingface_hub`."""

from __future__ import annotations

import logging
import os
import re
from functools import cache
from importlib import import_module
from pathlib import Path

from stvt.core.formatting import LONGEST, plain

from ..errors import MethodError

PREFIX = "hf:"
_PLACE = re.compile(
    r"hf:(?P<repository>[\w.-]+/[\w.-]+?)(@(?P<revision>[\w.-]+))?/(?P<file>[^/].*)"
)


def is_hub_file(file: str | Path) -> bool:
    """Whether it stands for a file of the Hub."""
    return str(file).startswith(PREFIX)


def absolute(file: str | Path) -> Path:
    """The absolute path of a file of weights; `hf:OWNER/NAME/FILE` as it is."""
    return Path(file) if is_hub_file(file) else Path(os.path.expanduser(file)).resolve()


def local_file(file: str | Path) -> Path:
    """The path of a file of weights; one of the Hub is fetched, or found in huggingface_hub's cache.

    Raises MethodError, one line, if it does not come.
    """
    return _fetch(str(file)) if is_hub_file(file) else Path(os.path.expanduser(file))


@cache
def _fetch(place: str) -> Path:
    parts = _PLACE.fullmatch(place)
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
