"""One request at one declared site, with the page that it met: what every step of an attempt is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from scrapy_geetest._crawl.emptied import empty, is_emptied
from scrapy_geetest._crawl.marks import SAFE_METHODS
from scrapy_geetest._crawl.shortened import short_request
from scrapy_geetest._hooks import resolve

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest._crawl.identity import Visitor
    from scrapy_geetest._hooks import Settle
    from scrapy_geetest.challenge import Challenge
    from scrapy_geetest.site import GeetestSite


@frozen
class Handed:
    """What a page's own script handed over in a browser.

    Attributes:
        challenge: To be solved.
        proxy: The URL of the proxy that the page came through.
    """

    challenge: Challenge
    proxy: str | None = field(default=None, repr=False)


@frozen(eq=False)
class Context:
    """What an attempt is about.

    Attributes:
        site: The declared site.
        request: The request as the spider made it.
        page: The page that it met, or ``None`` where nothing was downloaded.
        visitor: Who it is to the site.
        outer: The request that the middleware was called with: the spider's own, unless a redirect came between.
        was_sent: Whether *outer* has been to the site.
        is_page_shared: Whether the page is in the hands of a spider, which asks for a solution of its challenge.
        is_in_browser: Whether the page is open in a browser, where its own script sends the answer.
        handed: What that script handed over, once it has.
        settle: Awaits what a hook of the site returned.
        number: Joins the log lines of this request: counted in a crawl from 1; 0: it has none.
    """

    site: GeetestSite
    request: Request
    page: Response | None
    visitor: Visitor
    outer: Request
    was_sent: bool
    is_page_shared: bool = False
    is_in_browser: bool = False
    handed: Handed | None = None
    number: int = 0
    settle: Settle = resolve

    @property
    def parts(self) -> dict[str, Any]:
        """Site, request and page as keyword arguments, for errors and signals; no page where its body was let go."""
        return {"site": self.site, "request": self.request, "response": self.whole_page}

    @property
    def whole_page(self) -> Response | None:
        """The page, unless its body was let go."""
        return None if self.is_page_gone else self.page

    @property
    def is_page_gone(self) -> bool:
        """Whether there was a page whose body was let go."""
        return self.page is not None and is_emptied(self.page)

    @property
    def asks_to_solve(self) -> bool:
        """Whether the spider knows that this request needs a solution (``geetest=True``)."""
        return self.request.meta.get("geetest") is True

    @property
    def page_url(self) -> str:
        """Where the widget is initialised."""
        return self.site.page_url(self.request, self.page)

    @property
    def download_slot(self) -> str:
        """The download slot in which Scrapy fetches the page."""
        return str(self.outer.meta.get("download_slot") or urlsplit(self.outer.url).hostname or "")

    @property
    def page_address(self) -> str:
        """Where the page really came from; of the request itself where nothing was downloaded."""
        return self.request.url if self.page is None else self.page.url

    def on(self, page: Response | None) -> Context:
        """The same with another page."""
        return evolve(self, page=page)

    def slim(self) -> None:
        """Drop the text and the tree that Scrapy keeps of the page: it may be parked, with thousands of others.

        Both are made again if somebody asks.
        """
        for cache in ("_cached_ubody", "_cached_selector"):
            if getattr(self.page, cache, None) is not None:
                setattr(self.page, cache, None)

    def let_page_go(self) -> None:
        """Drop the page's body as well, since it will be fetched again when the waiting is over.

        The page of a request that must not be sent twice is kept, and so is one that a spider has.
        """
        if self.page is not None and self.request.method in SAFE_METHODS and not self.is_page_shared:
            empty(self.page)

    def __str__(self) -> str:
        number = f"#{self.number} " if self.number else ""
        return f"{number}{short_request(self.request)} (site {self.site.name})"
