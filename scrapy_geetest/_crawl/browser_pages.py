"""scrapy-playwright's pages: with ``playwright_include_page`` one stays open for the callback, and counts until it is closed.

The callback never sees what the plugin downloads on the way, so nobody else would close those pages, and a context has
only so many: requests that hold one while they wait for another would wait for ever. So a request has one open page at
most, that of its latest download, and none while it waits.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request

logger = logging.getLogger(__name__)

PAGE = "playwright_page"  # the meta key of scrapy-playwright


async def close_page(request: Request) -> None:
    """Close the browser page of *request*, if it has one."""
    page = request.meta.pop(PAGE, None)
    if page is None:
        return
    try:
        await page.close()
    except Exception as error:  # noqa: BLE001  # it may be closed, or its browser gone; there is nothing left to do
        logger.debug("GeeTest: the browser page of %s could not be closed: %s", request, error)


def hand_over_page(outer: Request, request: Request) -> None:
    """Let the spider's own *request* have the browser page of *outer*, which may be another one after a redirect."""
    if outer is not request and PAGE in outer.meta:
        request.meta[PAGE] = outer.meta.pop(PAGE)


async def keep_page(download: Request, request: Request) -> None:
    """What was downloaded may be what *request* gets: its browser page is the one that stays open."""
    page = download.meta.pop(PAGE, None)
    if page is not None and page is not request.meta.get(PAGE):
        await close_page(request)
        request.meta[PAGE] = page
