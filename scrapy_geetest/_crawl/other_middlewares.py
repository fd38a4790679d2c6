"""Scrapy's own middlewares: what they would do with a request, asked before anything is paid for the sake of it."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass

from scrapy import Request
from scrapy.downloadermiddlewares.httpcache import HttpCacheMiddleware
from scrapy.downloadermiddlewares.httpproxy import HttpProxyMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.spidermiddlewares.referer import RefererMiddleware
from scrapy.utils.httpobj import urlparse_cached

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

logger = logging.getLogger(__name__)


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

    def store_in_cache(self, request: Request, page: Response) -> None:
        """Have HttpCache, if it is on, store *page* for *request*, in the place of the challenge page that it has stored.

        HttpCache stands next to the downloader, so that it stores a page before this plugin sees that it is withheld.
        """
        cache = self._crawler.get_downloader_middleware(HttpCacheMiddleware)
        if cache is not None and not request.meta.get("dont_cache") and cache.policy.should_cache_request(request):
            try:
                cache.process_response(request, page)
            except Exception as error:  # noqa: BLE001  # whatever a storage raises, the page is paid for
                logger.warning("GeeTest: HttpCache could not store %s: %s: %s", page, type(error).__name__, error)

    def retry(self, request: Request, error: Exception) -> Request | None:
        """What Retry makes of a download that failed with *error*: another request, or ``None``.

        A middleware's own errors do not reach it.
        """
        retry = self._crawler.get_downloader_middleware(RetryMiddleware)
        again = None if retry is None else retry.process_exception(request, error)
        return again if isinstance(again, Request) else None

    def is_offline(self, page: Response) -> bool:
        """Whether *page* comes from HttpCache, and the crawl is to download nothing that is not there."""
        return "cached" in page.flags and self._crawler.settings.getbool("HTTPCACHE_IGNORE_MISSING")

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
