"""Pages that may have a widget which only a linked script makes: nothing in them proves it, so they are logged, once a host."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.http import TextResponse

from scrapy_geetest._pages.suspect import find_suspect
from scrapy_geetest._pages.tree import is_markup
from scrapy_geetest._pages.withholding import ERROR_STATUS, withholds

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest.site import GeetestSite

logger = logging.getLogger(__name__)

MAX_HOSTS = 1000
FIRST, EACH = 10, 16
"""Of a host's ordinary pages the first ten are looked at, and each sixteenth: a look costs a search of the whole page."""


class SuspectPages:
    """Looks at pages without a widget for the loader of one. They are left alone, and no stat counts them."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._told: set[tuple[str, bool]] = set()  # hosts, each with whether the page seemed to be withheld

    def look(self, request: Request, response: Response, site: GeetestSite | None = None) -> None:
        """Tell of *response* if it is one of those that are looked at; the arguments are those of :meth:`tell`."""
        if self.is_due(request, response):
            self.tell(request, response, site)

    def is_due(self, request: Request, response: Response) -> bool:
        """Whether *response*, which is counted, is one of those that are looked at."""
        if not isinstance(response, TextResponse):
            return False
        host = _host(request)
        count = self._seen.get(host, 0) + 1
        if count == 1 and len(self._seen) >= MAX_HOSTS:
            return False
        self._seen[host] = count
        return count <= FIRST or count % EACH == 0 or response.status >= ERROR_STATUS or "redirect_urls" in request.meta

    def tell(self, request: Request, response: Response, site: GeetestSite | None) -> None:
        """Log *response* if it is a suspect and the first of its host.

        Args:
            request: Of the response, redirects followed.
            response: Without a widget.
            site: The declared site, by whose built-in detection it is none; ``None``: no site matches.
        """
        host = _host(request)
        if (host, True) in self._told or not isinstance(response, TextResponse):
            return
        why = find_suspect(response.body) if is_markup(response) else None
        if why is None:
            return
        is_withheld, seen = withholds(response)
        if (host, is_withheld) in self._told or (host, True) in self._told:
            return
        self._told.add((host, is_withheld))
        logger.log(
            logging.WARNING if is_withheld else logging.INFO,
            "GeeTest: %s with detect_css, or another detect_…, if pages like %s withhold their content: a linked script, which a "
            "crawl does not read, may make a GeeTest widget there; the page is left alone: %s; %s. See what the scripts say: "
            'scrapy geetest inspect "%s"',
            f"complete the site {site.name}" if site else "declare a site in GEETEST_SITES",
            *(response, why, seen, request.url),
        )


def _host(request: Request) -> str:
    return request.url.split("/", 3)[2].partition("?")[0]
