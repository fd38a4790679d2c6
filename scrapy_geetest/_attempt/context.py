"""One request at one declared site, with the page that it met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Response

    from scrapy_geetest.site import GeetestSite


@frozen(eq=False)
class Visit:
    """What every step of the way is about.

    Attributes:
        site: The declared site.
        request: The request as the spider made it.
        response: The challenge page, or ``None`` where nothing was downloaded.
        sent: The request as it went out: with a solution in it, on a second attempt.
    """

    site: GeetestSite
    request: Request
    response: Response | None
    sent: Request

    @property
    def parts(self) -> dict[str, Any]:
        """The three as keyword arguments, for errors and signals."""
        return {"site": self.site, "request": self.request, "response": self.response}

    def slim(self) -> None:
        """Drop the text and the tree that Scrapy keeps of the page: it may be parked, with thousands of others.

        Both are made again if somebody asks.
        """
        for cache in ("_cached_ubody", "_cached_selector"):
            if getattr(self.response, cache, None) is not None:
                setattr(self.response, cache, None)

    @property
    def page_url(self) -> str:
        """Where the widget is initialised."""
        return self.site.page_url(self.request, self.response)

    def __str__(self) -> str:
        return f"{self.request} (site {self.site.name})"
