"""README.md, CONTRIBUTING.md and docs/: the files that they name exist, and the commands that they show parse."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from stvt.cli.main import COMMANDS, build_parser

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = "stvt|datasets|baselines|metrics|reports|tests|docs"
FILE = re.compile(rf"(?<![\w/.-])((?:{OURS})/[\w./-]*\.(?:py|pyi|md|css|js|j2|npz|yaml))\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"^(?:    )?((?:[A-Z_]+=\S+ )*stvt .*)$", re.MULTILINE)
QUOTED = re.compile(r"`(?:[A-Z_]+=\S+ )*stvt (\w+)( [^`]*)?`")
MESSAGE = re.compile(r"stvt \w+: ")  # as the command line prints it


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command line in the code blocks of a page, and its arguments without what follows."""
    for line in COMMAND.findall(page.read_text().replace("\\\n", " ")):
        if MESSAGE.match(line):
            continue
        words = shlex.split(re.split(r"\s{3,}", line, maxsplit=1)[0], comments=True)
        words = words[words.index("stvt") + 1 :]
        for end in (">", "|", "&&"):
            words = words[: words.index(end)] if end in words else words
        yield line, words


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What the parser says against arguments; empty if it takes them."""
    try:
        build_parser().parse_args(arguments)
    except SystemExit as end:
        return capsys.readouterr().err.strip() if end.code else ""
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    named = {ROOT / name for name in FILE.findall(text)}
    named |= {page.parent / link for link in LINK.findall(text)}
    assert [str(file) for file in sorted(named) if not file.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_shows_parses(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusals = {line: refusal(words, capsys) for line, words in commands(page)}
    assert {line: why for line, why in refusals.items() if why} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_of_a_command_in_a_sentence_is_one_of_its_own(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = []
    for command, rest in QUOTED.findall(page.read_text()):
        actions = rest.split()[:1] if command == "weights" else []
        with pytest.raises(SystemExit):
            build_parser().parse_args([command, *actions, "--help"])
        known = set(re.findall(r"--[a-z][\w-]*", capsys.readouterr().out))
        used = re.findall(r" (--[\w-]+)", rest)
        unknown += [(command, option) for option in used if option not in known]
    assert unknown == []


def test_the_pages_show_every_command() -> None:
    shown = {words[0] for page in PAGES for _, words in commands(page)}
    shown |= {command for page in PAGES for command, _ in QUOTED.findall(page.read_text())}
    assert shown >= set(COMMANDS)
