"""Jinja templates of the pages: every value is escaped, and HTML pages carry a content policy."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stvt.core.formatting import plain

from ..tables.escape import code, markdown

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent


def render_html(template: str, script: tuple[str, ...] = (), **values: Any) -> str:
    """An HTML page of one file; script: files of JavaScript, run one after the other.

    The page asks for nothing from outside: its policy allows this style and script alone, and
    pictures that it holds itself.
    """
    from markupsafe import Markup

    style, code = _asset("report.css"), "".join(map(_asset, script))
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_digest(style)}{f'; script-src {_digest(code)}' if code else ''}"
    )
    ours = {"policy": Markup(policy), "style": Markup(style), "script": Markup(code)}
    return render(template, **values, **ours)


def render(template: str, **values: Any) -> str:
    """A page, or a part of one, of a template of HTML or Markdown.

    `Markup` in the values is of that language already; all else is escaped.
    """
    return _environment(".html." in template).get_template(template).render(values)


def data_uri(data: bytes, kind: str) -> str:
    """A picture's bytes for `src`; kind: "webp", "png", "svg+xml"."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def json_in_script(value: object) -> str:
    r"""JSON that may stand inside <script type="application/json">, as `Markup`.

    No text in it can end the element or open a comment there.

    >>> print(json_in_script("</script><!--"))
    "\u003c/script\u003e\u003c!--"
    """
    from markupsafe import Markup

    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.translate({ord(c): rf"\u{ord(c):04x}" for c in "<>&"}))


@cache
def _environment(html: bool) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    def unless_ready(escape: Callable[[object], str]) -> Callable[[object], object]:
        return lambda value: value if isinstance(value, Markup) else escape(value)

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=html,
        finalize=unless_ready(plain if html else markdown),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["json"] = json_in_script
    environment.filters["code"] = lambda text: Markup(code(text))
    return environment


@cache
def _asset(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
