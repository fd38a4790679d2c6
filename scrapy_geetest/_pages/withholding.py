"""Does a page with a widget withhold its content, or does it only carry the widget?

A login page, or an article with a comment form, carries one: there a person types, or reads. Withheld is what came with
an error, or leaves a person nothing to do but pass the CAPTCHA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy_geetest._pages.forms import typed_controls
from scrapy_geetest._pages.tree import page_root
from scrapy_geetest._pages.visible_text import shown_pieces

if TYPE_CHECKING:
    from scrapy.http import TextResponse

ERROR_STATUS = 400
HARDLY_ANY_TEXT = 300
"""Characters beside the widget and its form: a heading, a sentence or two, an address, a number of the incident."""

_WIDE = 2  # what a character of Chinese, Japanese or Korean counts for
_FIRST_WIDE = "\u2e80"
_LINK, _PICTURE = 15, 40  # a list of links, or of pictures, is content, too
_SHOWN_NAMES = 3


def withholds(page: TextResponse) -> tuple[bool, str]:
    """Whether *page*, which carries a widget, withholds its content, and why or why not, in words."""
    if page.status >= ERROR_STATUS:
        return True, f"the status is {page.status}"
    root = page_root(page)
    if root is None:
        return False, "it is no HTML page"
    if typed := typed_controls(root):
        return False, f"it only carries the widget: a person types {', '.join(typed[:_SHOWN_NAMES])}"
    shown = sum(
        len(piece) + sum(_WIDE - 1 for letter in piece if letter >= _FIRST_WIDE)
        for piece in shown_pieces(root, {"form"})
    )
    outside = "not(ancestor::form)"
    weight = shown + _LINK * len(root.xpath(f"//a[@href][{outside}]")) + _PICTURE * len(root.xpath(f"//img[{outside}]"))
    if weight > HARDLY_ANY_TEXT:
        return False, "it only carries the widget: it shows text, links or pictures beside it"
    return True, "it leaves a person nothing to type, and shows hardly any text"
