"""Signals, each sent with the request, response, site and spider that it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrapy.crawler import Crawler

    from scrapy_geetest._attempt.context import Visit


class Teller:
    """Sends signals; a handler that fails is logged by Scrapy and changes nothing."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    async def tell(self, signal: object, visit: Visit, **facts: Any) -> None:
        """Send *signal*, and wait for handlers that are coroutines."""
        await self._crawler.signals.send_catch_log_async(signal, **visit.parts, spider=self._crawler.spider, **facts)
