"""Pages with a widget that nothing is done about, because no site is declared or its rules do not match: logged once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from scrapy.utils.httpobj import urlparse_cached

from scrapy_geetest._crawl.shortened import short_request, short_response
from scrapy_geetest._crawl.suspects import MAX_HOSTS, SuspectPages
from scrapy_geetest._pages.forms import form_request
from scrapy_geetest._pages.rules import widgets_of
from scrapy_geetest._pages.withholding import ERROR_STATUS
from scrapy_geetest._sites import is_built_in

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest.site import GeetestSite
    from scrapy_geetest.stats import Stats

logger = logging.getLogger(__name__)


class UndeclaredPages:
    """Looks at the responses that belong to no site, and at those that a site's rules take for ordinary pages.

    Attributes:
        suspects: Looks at those without a widget.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self.suspects = SuspectPages()
        self._hosts: set[str] = set()
        self._told: set[tuple[str, bool]] = set()  # sites, each with whether the page was an error

    def look(self, request: Request, response: Response) -> None:
        """Count *response* if it carries a GeeTest widget, and log it if it is the first of its host."""
        widgets = widgets_of(response)
        if not widgets:
            self.suspects.look(request, response)
            return
        self._stats.count("undeclared")
        if self._is_first(request):
            logger.warning(
                "GeeTest: declare a site, or correct the urls of one, if %s is withheld: it carries a GeeTest v%d widget, and "
                'no site in GEETEST_SITES matches its URL; it is left alone. See scrapy geetest inspect "%s"',
                *(short_response(response), widgets[0].version, request.url),
            )

    def let_through(self, site: GeetestSite, request: Request, response: Response) -> None:
        """A response that the rules of its site do not match: if it carries a widget all the same, say so, once a site.

        Such a page may be just a login page. With a status of an error it is more likely that a rule is wrong.
        """
        is_error = response.status >= ERROR_STATUS
        is_told = (site.name, is_error) in self._told
        if is_told and not is_built_in(site):
            return
        widgets = widgets_of(response)
        if not widgets and is_built_in(site):
            self.suspects.look(request, response, site)
        if not widgets or is_told:
            return
        self._told.add((site.name, is_error))
        address = request.meta.get("redirect_urls", [request.url])[0]
        if is_error:
            logger.warning(
                "GeeTest: correct detect_… of the site %s if %s is withheld: according to the rules of the site, the page only "
                'carries a GeeTest v%d widget, so it is left alone. See what they say: scrapy geetest inspect --site %s "%s"',
                *(site.name, short_response(response), widgets[0].version, site.name, address),
            )
            return
        logger.info(
            "GeeTest: if a form of %s needs a solution, send that request (%s) with geetest=True in its meta: according to the "
            "rules of its site %s, the page only carries a GeeTest v%d widget, so it is left alone. See what the rules say: "
            'scrapy geetest inspect --site %s "%s"',
            *(short_response(response), form_request(response), site.name, widgets[0].version),
            *(site.name, address),
        )

    def asked_for(self, request: Request) -> None:
        """A request to a URL that belongs to no site: if its spider asked to solve first, say so, once a host."""
        if request.meta.get("geetest") is True and self._is_first(request):
            logger.warning(
                "GeeTest: declare a site, or correct the urls of one, for %s: it has geetest=True in its meta, but no site in "
                "GEETEST_SITES matches its URL, so it is sent as it is",
                short_request(request),
            )

    def _is_first(self, request: Request) -> bool:
        host = urlparse_cached(request).netloc
        if host in self._hosts or len(self._hosts) >= MAX_HOSTS:
            return False
        self._hosts.add(host)
        return True
