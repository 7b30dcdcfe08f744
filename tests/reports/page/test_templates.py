"""Pages from templates: whatever is put in is shown literally, and only our own script may run."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest
from jinja2 import TemplateError
from markupsafe import Markup

from stvt.reports.page.templates import _environment, json_in_script, render_html

HOSTILE = "</p><script>alert(1)</script>\x1b[31m\u202e{{ 7 * 7 }} \" ' & `a` **b** | [c](d)"


def test_html_shows_any_value_literally() -> None:
    page = _environment(True).from_string('<p title="{{ text }}">{{ text }}</p>')
    shown = page.render(text=HOSTILE)
    assert "<script" not in shown and "\x1b" not in shown and "\u202e" not in shown
    assert shown.count('"') == 2 and "{{ 7 * 7 }}" in shown
    assert page.render(text=Markup("<b>ours</b>")).endswith("><b>ours</b></p>")


def test_markdown_shows_any_value_literally() -> None:
    page = _environment(False).from_string("| {{ text }} | {{ number }} |")
    shown = page.render(text=HOSTILE, number=3)
    assert "<" not in shown and "\x1b" not in shown and shown.endswith("| 3 |")
    assert not re.search(r"(?<!\\)[*`\[\]]", shown)
    assert len(re.findall(r"(?<!\\)\|", shown)) == 3
    assert page.render(text=Markup("**ours**"), number=3) == "| **ours** | 3 |"


def test_data_in_a_script_cannot_end_it() -> None:
    text = json_in_script({HOSTILE: "<!-- <script>"})
    assert not re.search("[<>&]", text)
    assert json.loads(text) == {HOSTILE: "<!-- <script>"}


def test_a_value_that_is_missing_is_an_error_and_no_gap() -> None:
    with pytest.raises(TemplateError, match="undefined"):
        _environment(True).from_string("{{ nothing }}").render()


def test_the_policy_allows_this_style_and_no_script() -> None:
    page = render_html(
        "inspect.html.j2",
        title=HOSTILE,
        about={HOSTILE: HOSTILE},
        scenes=[],
        table=[{HOSTILE: HOSTILE}],
        motion="data:,",
        note=HOSTILE,
        wheel={"src": "data:,", "width": 1, "height": 1},
    )
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall('Content-Security-Policy" content="([^"]*)"', page)
    assert f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "script-src" not in policy and "<script" not in page and "unsafe" not in policy
