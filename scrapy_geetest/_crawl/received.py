"""What was noted in the meta of a request is gone before its callback sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from scrapy import signals

from scrapy_geetest._crawl.listener import Listener
from scrapy_geetest._crawl.marks import META_KEY, lift, own_number

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler


class ReceivedResponses:
    """Takes the notes out when all middlewares are through with a response: those behind the plugin's may need them.

    Args:
        crawler: The crawl.
        reactor: The Twisted reactor, or a clock in tests.
    """

    def __init__(self, crawler: Crawler, *, reactor: Any) -> None:
        self._noted: WeakSet[Request] = WeakSet()  # one that another middleware has replaced is soon gone
        self._listener = Listener(
            crawler, signals.response_received, self._received, is_needed=lambda: bool(self._noted), reactor=reactor
        )

    def expect(self, request: Request) -> None:
        """The response of *request*, in whose meta something is noted, is on its way to the spider."""
        self._noted.add(request)
        self._listener.begin()

    def _received(self, request: Request) -> None:
        self._noted.discard(request)
        if META_KEY in request.meta and not own_number(request):
            lift(request)
        if not self._noted:
            self._listener.end()
