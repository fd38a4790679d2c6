"""Challenge pages of sites that the project has not declared: counted, logged once a host, and left alone."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.utils.httpobj import urlparse_cached

from scrapy_geetest.detection import widgets_of

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)

MAX_HOSTS = 1000  # of which it is remembered that they were logged


class UndeclaredPages:
    """Looks at the responses of all other sites."""

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._hosts: set[str] = set()

    def look(self, request: Request, response: Response) -> None:
        """Count *response* if it carries a GeeTest widget, and log it if it is the first of its host."""
        widgets = widgets_of(response)
        if not widgets:
            return
        self._stats.count("undeclared")
        if self._is_first(request):
            logger.warning(
                "GeeTest: %s carries a GeeTest v%d widget, and no site in GEETEST_SITES matches its URL; it is left "
                'alone. See what it is: scrapy geetest inspect "%s"',
                response,
                widgets[0].version,
                request.url,
            )

    def asked_for(self, request: Request, *, solve_first: bool) -> None:
        """A request to a URL that belongs to no site: if its spider asked to solve first, say so, once a host."""
        if solve_first and self._is_first(request):
            logger.warning(
                "GeeTest: %s has geetest=True in its meta, but no site in GEETEST_SITES matches its URL; it is sent as "
                "it is.",
                request,
            )

    def _is_first(self, request: Request) -> bool:
        host = urlparse_cached(request).netloc
        if host in self._hosts or len(self._hosts) >= MAX_HOSTS:
            return False
        self._hosts.add(host)
        return True
