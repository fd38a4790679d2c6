"""The words of a page that a person sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.http import TextResponse

from scrapy_geetest._pages.forms import is_hidden
from scrapy_geetest._pages.tree import page_root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from scrapy.http import Response

_UNSEEN = frozenset({"script", "style", "noscript", "template", "head", "title", "meta", "link", "iframe", "object"})
_CHOICES = frozenset({"select", "datalist", "option", "textarea"})
_MAX_ELEMENTS = 20_000


def visible_text(response: Response) -> str:
    """The text of a page without scripts, styles and what hides itself; of any other text all of it."""
    if not isinstance(response, TextResponse):
        return ""
    root = page_root(response)
    return response.text if root is None else " ".join(shown_pieces(root))


def shown_pieces(root: Any, leave_out: Collection[str] = (), *, limit: int = _MAX_ELEMENTS) -> Iterator[str]:
    """The visible pieces of text below an lxml element, each with single spaces.

    Args:
        root: Where to begin.
        leave_out: Further tags whose inside does not count.
        limit: Elements, and texts behind them, that are looked at.
    """
    hidden = _UNSEEN | _CHOICES | set(leave_out)
    waiting: list[tuple[Any, bool]] = [(root, False)]
    for _ in range(limit):
        if not waiting:
            return
        element, is_tail = waiting.pop()
        text = element.tail if is_tail else element.text
        if is_tail or (isinstance(element.tag, str) and element.tag not in hidden and not is_hidden(element)):
            if text and (piece := " ".join(text.split())):
                yield piece
            if not is_tail:
                children = list(element)
                for child in reversed(children):
                    waiting.extend(((child, True), (child, False)))
