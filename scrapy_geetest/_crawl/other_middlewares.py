"""Scrapy's own middlewares: what they would do with a request, asked before anything is paid for the sake of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass

from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.spidermiddlewares.referer import RefererMiddleware
from scrapy.utils.httpobj import urlparse_cached

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class OtherMiddlewares:
    """The middlewares of one crawl; those that the project has turned off do nothing."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    async def check_robots(self, request: Request) -> None:
        """Ask whether this crawl may send *request*, before anything is paid for the sake of it.

        Raises:
            IgnoreRequest: robots.txt forbids it.
        """
        robots = self._crawler.get_downloader_middleware(RobotsTxtMiddleware)
        if robots is not None:
            await robots.process_request(request)

    def add_referer(self, query: Request, page: Response | None) -> None:
        """Give *query* the Referer that a spider's request made from *page* would have."""
        referer = self._crawler.get_spider_middleware(RefererMiddleware)
        if referer is not None and page is not None:
            referer.get_processed_request(query, page)

    def with_proxy(self, request: Request) -> Request:
        """*request*, or a copy with the proxy of the environment, which HttpProxyMiddleware sets after this plugin."""
        proxies = self._proxies
        if proxies is None or not proxies.proxies or "proxy" in request.meta:
            return request
        parts = urlparse_cached(request)
        if parts.scheme not in proxies.proxies or (parts.hostname and proxy_bypass(parts.hostname)):
            return request
        copy = request.copy()
        proxies.process_request(copy)
        return copy

    @cached_property
    def _proxies(self) -> HttpProxyMiddleware | None:
        return self._crawler.get_downloader_middleware(HttpProxyMiddleware)
