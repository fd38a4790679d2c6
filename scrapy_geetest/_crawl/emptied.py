"""Responses whose bodies were let go: thousands of requests may wait, and Scrapy's frames hold the response of each.

Dropping the plugin's references would free nothing, so a response is emptied in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.http import TextResponse

from scrapy_geetest._pages.rules import forget

if TYPE_CHECKING:
    from scrapy.http import Response

EMPTIED = "geetest-emptied"
"""The flag of a response without its body; no callback and no errback gets one."""

_CACHES = ("_cached_ubody", "_cached_selector", "_cached_decoded_json")  # of Scrapy's responses


def empty(response: Response) -> None:
    """Free the body of *response*, and all that was made of it."""
    blank = TextResponse(response.url)
    for name in ("_body", *_CACHES):
        if hasattr(response, name):
            setattr(response, name, getattr(blank, name))
    forget(response)
    response.flags.append(EMPTIED)


def is_emptied(response: Response) -> bool:
    """Whether the body was let go."""
    return EMPTIED in response.flags
