"""For mkdocstrings: lines "name: text" of our docstrings become a list of names."""

import re
from typing import Any

import griffe

FIELD = re.compile(r"^([a-z_]\w*(?:, [a-z_]\w*)*):\s+(\S.*)$")


class Fields(griffe.Extension):
    """Rewrites each docstring before it is rendered."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = as_list(obj.docstring.value)


def as_list(text: str) -> str:
    """Paragraphs that begin with a field, as lists with an item a field."""
    paragraphs = []
    for paragraph in re.split(r"\n\s*\n", text):
        if FIELD.match(paragraph.split("\n")[0]):
            lines = (FIELD.sub(r"- **\1**: \2", line) for line in paragraph.split("\n"))
            paragraph = "\n".join(line if line[0] == "-" else f"  {line.strip()}" for line in lines)
        paragraphs.append(paragraph)
    return "\n\n".join(paragraphs)
