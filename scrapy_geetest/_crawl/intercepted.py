"""Responses of declared sites that another middleware takes before this plugin sees them, as rotating proxies do with a 403."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import frozen
from scrapy import signals

from scrapy_geetest._crawl.marks import is_left_alone, own_number
from scrapy_geetest._pages.withholding import ERROR_STATUS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from scrapy import Request
    from scrapy.core.downloader import Downloader
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from scrapy_geetest.site import GeetestSite

logger = logging.getLogger(__name__)

CHALLENGE_STATUSES = frozenset({403, 412, 429})
"""With which challenge pages mostly come, where a site does not say."""
_MAX_WAITING = 100


@frozen
class _Waiting:
    request: Request
    status: int


class InterceptedResponses:
    """Compares what was downloaded with what the plugin was handed.

    Args:
        crawler: The crawl.
        find_site: The declared site that a URL belongs to.
        middleware: The plugin's own.

    Attributes:
        waiting: Those that have not arrived yet.
    """

    def __init__(
        self, crawler: Crawler, *, find_site: Callable[[str], Awaitable[GeetestSite | None]], middleware: type
    ) -> None:
        self._crawler = crawler
        self._find_site = find_site
        self._middleware = middleware
        self.waiting: dict[int, _Waiting] = {}  # by the identity of the request, which is kept
        self._told: set[str] = set()

    def open(self) -> None:
        """The crawl begins: responses are followed only if a middleware between the downloader and the plugin may take them."""
        if self._between():
            self._crawler.signals.connect(self._downloaded, signals.response_downloaded)

    def _downloaded(self, request: Request, response: Response) -> None:
        """Scrapy's downloader has a response, which its middlewares are handed next."""
        is_asked_about = response.status >= ERROR_STATUS and len(self.waiting) < _MAX_WAITING
        if is_asked_about and not own_number(request) and not is_left_alone(request):
            self.waiting[id(request)] = _Waiting(request, response.status)

    def arrived(self, request: Request) -> None:
        """The plugin was handed the response."""
        self.waiting.pop(id(request), None)

    async def look(self, *, at_end: bool = False) -> None:
        """Tell of the responses that did not arrive, once a site.

        Args:
            at_end: Whether nothing is under way any more.
        """
        if not self.waiting:
            return
        # As long as the downloader has the request, a middleware may still pass the response on: some take their time.
        active = () if at_end else self._downloader.active
        lost = [one for one in self.waiting.values() if one.request not in active]
        for one in lost:
            self.arrived(one.request)
            site = await self._find_site(one.request.url)
            statuses = site and (site.rules.status or CHALLENGE_STATUSES)
            if site and statuses and one.status in statuses and site.name not in self._told:
                self._told.add(site.name)
                self._tell(one, site)

    @property
    def _downloader(self) -> Downloader:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # a response was downloaded
        return engine.downloader

    def _tell(self, lost: _Waiting, site: GeetestSite) -> None:
        logger.warning(
            "GeeTest: let %s pass challenge pages on (scrapy-rotating-proxies: ROTATING_PROXY_BAN_POLICY), or give it an order "
            "below 585: another downloader middleware took a response with status %d to %s, of the site %s, before this plugin "
            "saw it; if that was a challenge page, it is never solved",
            " or ".join(self._between()) or "the middleware between this plugin and the downloader",
            *(lost.status, lost.request, site.name),
        )

    def _between(self) -> list[str]:
        """Middlewares that are handed a response before this plugin, but for Scrapy's."""
        middlewares = self._downloader.middleware.middlewares
        own = next((at for at, one in enumerate(middlewares) if isinstance(one, self._middleware)), len(middlewares))
        behind = [type(one) for one in middlewares[own + 1 :] if hasattr(one, "process_response")]
        return [cls.__name__ for cls in behind if not cls.__module__.startswith("scrapy.")]
