"""The tree of a page, parsed once: it is the one that the spider's selectors use."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import lxml.html
from parsel import Selector
from scrapy.http import HtmlResponse, JsonResponse, TextResponse, XmlResponse

_OUTLINE = 131_072  # characters


def is_markup(response: TextResponse) -> bool:
    """Whether a response is HTML or XML, by its type or, where that says nothing, by how it begins."""
    if isinstance(response, HtmlResponse | XmlResponse):
        return True
    if isinstance(response, JsonResponse) or b"text/plain" in (response.headers.get(b"Content-Type") or b"").lower():
        return False
    return response.body[:256].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")


def selector_of(response: TextResponse) -> Selector | None:
    """A selector for the whole page; ``None`` where the response is neither HTML nor XML."""
    if not is_markup(response) or not response.body:
        return None
    if isinstance(response, HtmlResponse | XmlResponse):
        with suppress(ValueError):  # the address in its <base> is none
            return response.selector
    return Selector(text=response.text, type="xml" if isinstance(response, XmlResponse) else "html")


def outline_roots(response: TextResponse) -> list[Any]:
    """The root of a page, or of a long page those of its beginning and its end, so that it takes little time to parse."""
    if len(response.body) <= 2 * _OUTLINE:
        root = page_root(response)
        return [] if root is None else [root]
    if not is_markup(response):
        return []
    text = response.text
    end = text[-_OUTLINE:]
    parts = (text[:_OUTLINE], end[end.find("<") :])
    roots = (Selector(text=part, type="html").root for part in parts)
    return [root for root in roots if isinstance(root, lxml.html.HtmlElement)]


def page_root(response: TextResponse) -> Any:
    """The root of the page's tree as lxml has it, of XML read as HTML; ``None`` where the response is neither."""
    if isinstance(response, XmlResponse):
        selector: Selector | None = Selector(text=response.text, type="html") if response.body else None
    else:
        selector = selector_of(response)
    return None if selector is None or not isinstance(selector.root, lxml.html.HtmlElement) else selector.root
