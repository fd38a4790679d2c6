"""Does a page with a widget withhold its content, or does it only carry the widget?

A login page, or an article with a comment form, carries one: there a person types, or reads. Withheld is what came with
an error, or leaves a person nothing to do but pass the CAPTCHA.
"""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from scrapy_geetest._pages.forms import typed_controls
from scrapy_geetest._pages.tree import outline_roots
from scrapy_geetest._pages.visible_text import shown_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scrapy.http import TextResponse

ERROR_STATUS = 400
HARDLY_ANY_TEXT = 300
"""Characters beside the widget and its form: a heading, a sentence or two, an address, a number of the incident."""

_WIDE = 2  # what a character of Chinese, Japanese or Korean counts for
_FIRST_WIDE = "\u2e80"
_LINK, _PICTURE = 15, 40  # a list of links, or of pictures, is content, too
_SHOWN_NAMES = 3
_MAX_ELEMENTS = 5_000


def withholds(page: TextResponse) -> tuple[bool, str]:
    """Whether *page*, which carries a widget, withholds its content, and why or why not, in words."""
    if page.status >= ERROR_STATUS:
        return True, f"the status is {page.status}"
    roots = outline_roots(page)
    if not roots:
        return False, "it is not an HTML page"
    if typed := [name for root in roots for name in typed_controls(root)]:
        return False, f"it only carries the widget: a person types {', '.join(typed[:_SHOWN_NAMES])}"
    weight = 0
    for weighs in chain.from_iterable(map(_weights, roots)):
        weight += weighs
        if weight > HARDLY_ANY_TEXT:
            return False, "it only carries the widget: it shows text, links or pictures beside it"
    return True, "it leaves a person nothing to type, and shows hardly any text"


def _weights(root: Any) -> Iterator[int]:
    """What each link, picture and piece of text outside of forms weighs."""
    for element in islice(root.iter("a", "img"), _MAX_ELEMENTS):
        weighs = _PICTURE if element.tag == "img" else _LINK if element.get("href") is not None else 0
        if weighs and next(element.iterancestors("form"), None) is None:
            yield weighs
    for piece in shown_pieces(root, {"form"}, limit=_MAX_ELEMENTS):
        yield len(piece) + sum(_WIDE - 1 for letter in piece if letter >= _FIRST_WIDE)
