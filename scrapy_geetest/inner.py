"""The plugin's own requests to a site, through the crawl's own downloader: robots.txt, delays, cookies and proxy hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.http.request import NO_CALLBACK
from scrapy.spidermiddlewares.referer import RefererMiddleware
from scrapy.utils.httpobj import urlparse_cached

from scrapy_geetest import identity
from scrapy_geetest.state import mark_inner

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.http import Response


class InnerDownloader:
    """Downloads on behalf of a request that is held up, with the same cookie jar, proxy and User-Agent."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    async def download(self, query: Request, request: Request, page: Response | None) -> Response:
        """Download *query*.

        Args:
            query: What a hook of the site asked for.
            request: The request that is held up.
            page: Its challenge page, which the query's Referer is made of.

        Raises:
            Exception: Whatever Scrapy's downloader and its middlewares raise.
        """
        return await self.engine.download_async(self.add_referer(self._inner(query, request), page))

    @property
    def engine(self) -> ExecutionEngine:
        """The engine, which runs as long as there are requests."""
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # see above
        return engine

    def add_referer(self, query: Request, page: Response | None) -> Request:
        """The Referer that a spider's request made from *page* would have."""
        referer = self._crawler.get_spider_middleware(RefererMiddleware)
        if referer is not None and page is not None:
            referer.get_processed_request(query, page)
        return query

    @staticmethod
    def _inner(query: Request, request: Request) -> Request:
        headers = query.headers.copy()
        for name in identity.HEADERS:
            if name in request.headers:
                headers.setdefault(name, request.headers[name])
        return query.replace(
            callback=NO_CALLBACK,
            errback=None,
            headers=headers,
            meta={**identity.meta_of(request), **query.meta, **mark_inner(), "allow_offsite": True, "dont_cache": True},
        )


def is_robots_txt(request: Request) -> bool:
    """Whether RobotsTxtMiddleware made this request.

    It is never taken for a challenge page: the requests for a challenge would wait for robots.txt, which would wait for
    them. A spider's own request for robots.txt has a callback.
    """
    return (
        request.callback is NO_CALLBACK
        and bool(request.meta.get("dont_obey_robotstxt"))
        and urlparse_cached(request).path == "/robots.txt"
    )
