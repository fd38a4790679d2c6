"""HTML from Python: whatever is no element is text, and is escaped."""

from __future__ import annotations

from html import escape
from typing import TypeAlias

from scrapy_geetest._redaction import printable

_VOID = frozenset({"meta", "rect", "path", "line"})
_SVG_CLOSED = frozenset({"rect", "path", "line"})


class Html(str):
    """Finished markup."""

    __slots__ = ()


Child: TypeAlias = "Html | str | int | float | None"


def element(tag: str, *children: Child, **attributes: str | float | bool | None) -> Html:
    """An element.

    Args:
        tag: Its name.
        children: Elements, and texts, which are escaped; ``None`` is left out.
        attributes: ``class_`` is ``class``, an underscore inside a name a hyphen; ``None`` and ``False`` are left out.
    """
    names = "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Html(f"<{tag}{names}{'/' if tag in _SVG_CLOSED else ''}>")
    return Html(f"<{tag}{names}>{joined(*children)}</{tag}>")


def joined(*children: Child) -> Html:
    """Several, one after the other."""
    return Html("".join(child if isinstance(child, Html) else _text(child) for child in children if child is not None))


def foreign(text: str) -> Html:
    """A text of outside, whose direction changes nothing of what is around it."""
    return element("bdi", text)


def _text(child: str | float | None) -> str:
    return escape(printable(str(child)), quote=False)
