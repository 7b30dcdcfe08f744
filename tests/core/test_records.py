"""What a typed reader makes of JSON that nobody would write."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from stvt.core.errors import StvtError
from stvt.core.files import read_json
from stvt.core.records import from_dict


@dataclass
class Size:
    width: float
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"width": ' + "[" * 900 + "]" * 900 + "}",
        '{"width": ' + '{"a":' * 100_000 + "1" + "}" * 100_001,
        '{"width": 1' + "0" * 400 + "}",
        '{"width": 1' + "0" * 5000 + "}",
        '{"width": true}',
        '{"width": 1, "names": "abc"}',
        '{"width": 1, "names": [["abc"]]}',
        "null",
        "",
        "\ufeff{}",
    ],
)
def test_odd_json_is_one_line(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(StvtError) as caught:
        from_dict(Size, read_json(file), str(file))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert str(file) in str(caught.value)


@dataclass
class Count:
    frames: int


@pytest.mark.parametrize("number", [2**63, -(10**30), 10**400])
def test_whole_numbers_have_64_bits(number: int) -> None:
    with pytest.raises(StvtError, match=r"^a: frames: is -?\d+(\.\.\.)?, too large$"):
        from_dict(Count, {"frames": number}, "a")
    assert from_dict(Count, {"frames": 2**63 - 1}, "a").frames == 2**63 - 1


def test_whole_numbers_are_taken_as_floats() -> None:
    assert from_dict(Size, json.loads('{"width": 3, "names": ["a"]}'), "a") == Size(3.0, ("a",))
