"""The options of all commands: each explained, with its default, and named the same everywhere."""

import argparse
import re
from collections.abc import Iterator
from typing import Any

import pytest

from stvt.cli.main import build_parser, leaves

PARSERS = dict(leaves(build_parser()))


def options(parser: Any) -> Iterator[tuple[str, argparse.Action]]:
    """The name of each option and argument that help shows."""
    for action in parser._actions:
        if action.help != argparse.SUPPRESS:
            yield " ".join(action.option_strings) or action.metavar or action.dest, action


@pytest.mark.parametrize("command", PARSERS)
def test_every_option_has_a_help_text_and_says_its_default(command: str) -> None:
    parser = PARSERS[command]
    formatter = parser._get_formatter()
    for name, action in options(parser):
        text = formatter._expand_help(action) if action.help else ""
        assert text, f"{name} has no help text"
        is_flag = action.nargs == 0 and action.default in (False, argparse.SUPPRESS)
        assert is_flag or action.required or "(default: " in text, f"{name} says no default"
        assert not re.search(r"\(default: .*\(default", text), f"{name} says it twice"


@pytest.mark.parametrize("command", PARSERS)
def test_every_command_reports_as_text_or_json_loudly_or_quietly(command: str) -> None:
    known = dict(options(PARSERS[command]))
    assert {"--json", "--quiet", "--verbose"} <= known.keys()
    assert known["--json"].nargs == 0


@pytest.mark.parametrize("command", PARSERS)
@pytest.mark.parametrize("name", ["dataset", "method", "metric"])
def test_what_may_be_several_is_named_in_the_singular_and_the_plural(
    command: str, name: str
) -> None:
    for _, action in options(PARSERS[command]):
        if {f"--{name}", f"--{name}s"} & set(action.option_strings):
            assert {f"--{name}", f"--{name}s"} <= set(action.option_strings)
