"""The overview of all settings, made of their descriptions, so that none is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTING = re.compile(
    r"^\.\. confval:: (?P<name>\w+)\n +:type: .+\n +:default: (?P<default>.+)\n\n(?P<text>(?: +.+\n)+)", re.MULTILINE
)
_SENTENCE = re.compile(r"(.+?[^.][.:])(?: |$)")


def rows(page: str) -> Iterator[tuple[str, str, str]]:
    """Name, default and first sentence of every setting that *page* describes."""
    for setting in _SETTING.finditer(page):
        text = " ".join(setting["text"].split())
        sentence = _SENTENCE.match(text)
        yield setting["name"], setting["default"], (sentence[1] if sentence else text).rstrip(":")


def table(page: str) -> list[str]:
    """The lines of a table of all of them."""
    head = ("setting", "default", "what it is")
    linked = ((f":confval:`{name}`", default, said) for name, default, said in rows(page))
    cells = [f"    {'*' if at == 0 else ' '} - {cell}" for row in (head, *linked) for at, cell in enumerate(row)]
    return [".. list-table::", "    :header-rows: 1", "    :widths: 40 20 40", "", *cells]
