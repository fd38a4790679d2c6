"""The plugin's own requests to a site, through the crawl's own downloader: robots.txt, delays, cookies and proxy hold."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import deferred_from_coro

from scrapy_geetest._attempt.state import is_inner, mark_inner
from scrapy_geetest._crawl import identity

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request
    from scrapy.core.engine import ExecutionEngine
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from twisted.internet.defer import Deferred

    from scrapy_geetest._crawl.scrapy_middlewares import Neighbours


MAX_BYTES = 8_388_608  # of an answer to the plugin's own requests: it is read, searched and thrown away


class InnerDownloader:
    """Downloads on behalf of a request that is held up, with the same cookie jar, proxy and User-Agent.

    Answers longer than ``MAX_BYTES``, or than ``DOWNLOAD_MAXSIZE`` where that is less, are cut off, compressed or not; a
    hook that needs more sets ``download_maxsize`` in the meta of its request.
    """

    def __init__(
        self,
        crawler: Crawler,
        *,
        neighbours: Neighbours,
        wait: Callable[[Deferred[Response]], Awaitable[Response]],
    ) -> None:
        self._crawler = crawler
        self._neighbours = neighbours
        self._wait = wait
        self._timeout = crawler.settings.getfloat("DOWNLOAD_TIMEOUT")
        self._max_bytes = min(crawler.settings.getint("DOWNLOAD_MAXSIZE") or MAX_BYTES, MAX_BYTES)

    async def download(
        self, query: Request, request: Request, page: Response | None, *, timeout: float | None = None
    ) -> Response:
        """Download *query*.

        Args:
            query: What a hook of the site asked for.
            request: The request that is held up.
            page: Its challenge page, which the query's Referer is made of.
            timeout: Seconds, where that is less than ``DOWNLOAD_TIMEOUT`` and the query says nothing of its own.

        Raises:
            Stopping: The crawl began to end meanwhile.
            Exception: Whatever Scrapy's downloader and its middlewares raise.
        """
        inner = self._neighbours.add_referer(self._inner(query, request), page)
        if timeout is not None:
            inner.meta.setdefault("download_timeout", min(timeout, self._timeout))
        if page is None:  # the request has not been sent, so the cookie jar does not hold its own cookies yet
            inner = inner.replace(cookies=inner.cookies or request.cookies)
        return await self._wait(deferred_from_coro(self.engine.download_async(inner)))

    @property
    def engine(self) -> ExecutionEngine:
        """The engine, which runs as long as there are requests."""
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # see above
        return engine

    def _inner(self, query: Request, request: Request) -> Request:
        headers = query.headers.copy()
        for name in identity.HEADERS:
            if name in request.headers:
                headers.setdefault(name, request.headers[name])
        return query.replace(
            callback=NO_CALLBACK,
            errback=None,
            headers=headers,
            meta={
                "download_maxsize": self._max_bytes,
                **identity.meta_of(request),
                **query.meta,
                **mark_inner(),
                "allow_offsite": True,
                "dont_cache": True,
            },
        )


def is_left_alone(request: Request) -> bool:
    """Whether nothing is done about a request: the plugin's own, robots.txt, and those with ``geetest=False``."""
    return is_inner(request) or request.meta.get("geetest") is False or is_robots_txt(request)


def is_robots_txt(request: Request) -> bool:
    """Whether RobotsTxtMiddleware made this request.

    It is never taken for a challenge page: the requests for a challenge would wait for robots.txt, which would wait for
    them. A spider's own request for robots.txt has a callback.
    """
    return (
        request.callback is NO_CALLBACK
        and bool(request.meta.get("dont_obey_robotstxt"))
        and urlsplit(request.meta.get("redirect_urls", [request.url])[0]).path == "/robots.txt"
    )
