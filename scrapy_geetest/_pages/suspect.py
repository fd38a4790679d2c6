"""Pages that do not name GeeTest, but link what may be its loader: a linked script of the site may make a widget."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from scrapy_geetest._pages.calls import linked_loader
from scrapy_geetest._pages.markup import read_markup
from scrapy_geetest._pages.prefilter import excerpt
from scrapy_geetest._pages.tree import outline_roots

if TYPE_CHECKING:
    from scrapy.http import TextResponse

_NAMED = re.compile(r"captcha|geetest|(?:^|[\s_-])gt(?:$|[\s_-])", re.IGNORECASE)
_PLACES = ("div", "span", "p", "section", "form", "button", "a", "input", "main", "td", "li")
_MAX_PLACES = 5_000
_V4_LOADER = b"gt4."
_CAPTCHA = b"aptcha"
_ADDRESS = re.compile(rb"(?:[\"'=/]|^)gt4?\.[\w.-]{0,40}js\b", re.IGNORECASE)


def has_place(response: TextResponse) -> bool:
    """Whether a page has an element that is named after a captcha: a place where a linked script may put a widget."""
    roots = outline_roots(response)
    return any(
        _NAMED.search(" ".join((element.get("id") or "", element.get("class") or "")))
        for root in roots
        for element in islice(root.iter(*_PLACES), _MAX_PLACES)
    )


def find_suspect(body: bytes) -> str | None:
    """Why a page without a widget may have one all the same, in words; ``None``: there is no reason to think so.

    That is a loader on the site's own host, beside another script that could call it. An unrelated ``gt.js`` is told by
    the rest of the page, which then hardly speaks of a captcha.
    """
    speaks = body.rfind(_CAPTCHA) >= 0
    if not (speaks or body.rfind(_V4_LOADER) >= 0):
        return None
    body = excerpt(body)
    if not _ADDRESS.search(body):
        return None
    sources = [script.src for script in read_markup(body).scripts if script.src]
    for src in sources:
        loader = linked_loader(src, is_about_geetest=True)
        if loader and (speaks or loader.version == 4) and len(sources) > 1:  # noqa: PLR2004  # the versions of GeeTest
            about = " and mentions a captcha" if speaks else " and scripts that may call it"
            return f"it links {src[:200]}, which may be GeeTest's loader{about}"
    return None
