"""Scrapy's own middlewares: what they will do with a request or a response, or would do if they were asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.downloadermiddlewares.redirect import MetaRefreshMiddleware
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.http import HtmlResponse, Response
from scrapy.spidermiddlewares.referer import RefererMiddleware
from scrapy.utils.response import get_meta_refresh

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler


class Neighbours:
    """The middlewares of one crawl; those that the project has turned off do nothing."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler

    def is_retried(self, request: Request, outcome: Response | BaseException) -> bool:
        """Whether *request* is sent again after this response or exception."""
        retry = self._crawler.get_downloader_middleware(RetryMiddleware)
        if retry is None or request.meta.get("dont_retry", False):
            return False
        most = request.meta.get("max_retry_times", retry.max_retry_times)
        if isinstance(outcome, Response):
            is_reason = outcome.status in retry.retry_http_codes
        else:
            is_reason = isinstance(outcome, retry.exceptions_to_retry)
        return is_reason and request.meta.get("retry_times", 0) < most

    def is_refreshed(self, request: Request, response: Response) -> bool:
        """Whether a refresh in the markup of *response* is followed, in place of *request*."""
        settings = self._crawler.settings
        if self._crawler.get_downloader_middleware(MetaRefreshMiddleware) is None:
            return False
        if not isinstance(response, HtmlResponse) or request.meta.get("dont_redirect", False):
            return False
        delay, url = get_meta_refresh(response, ignore_tags=settings.getlist("METAREFRESH_IGNORE_TAGS"))
        return bool(url) and delay is not None and delay < settings.getint("METAREFRESH_MAXDELAY")

    async def check_robots(self, request: Request) -> None:
        """Ask whether this crawl may send *request*, before anything is paid for the sake of it.

        Raises:
            IgnoreRequest: robots.txt forbids it.
        """
        robots = self._crawler.get_downloader_middleware(RobotsTxtMiddleware)
        if robots is not None:
            await robots.process_request(request)

    def add_referer(self, query: Request, page: Response | None) -> Request:
        """Give *query* the Referer that a spider's request made from *page* would have."""
        referer = self._crawler.get_spider_middleware(RefererMiddleware)
        if referer is not None and page is not None:
            referer.get_processed_request(query, page)
        return query
