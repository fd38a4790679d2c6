"""Places for the pages of a context: a request for which there is none waits before it takes one in the downloader.

scrapy-playwright keeps a request that finds no free page in the download handler, where it holds a place in
``CONCURRENT_REQUESTS`` and one in its download slot. That is soon over where pages are only loaded; pages that wait for
solutions would hold up all other requests of the crawl.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from scrapy_geetest._browser.handler import context_of
from scrapy_geetest._crawl.browser_pages import PAGE

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from scrapy_geetest._crawl.parking import Parking

_LOOK_AGAIN = 5.0  # seconds

_Key = tuple[int, str]  # a handler, and the name of a context of it


class PagePlaces:
    """Counts the requests that have a page, or are about to get one, by context.

    Args:
        crawler: The crawl.
        parking: Lends the places of those who wait.
    """

    def __init__(self, crawler: Crawler, parking: Parking) -> None:
        self._crawler = crawler
        self._parking = parking
        self._inside: dict[Request, _Key] = {}
        self._kept: dict[Any, _Key] = {}  # pages that a spider has
        self._waiting: dict[_Key, deque[Deferred[None]]] = {}
        self._watch = LoopingCall(self._look)

    async def take(self, request: Request, handler: Any) -> None:
        """Wait until a page of the context of *request* is free.

        Raises:
            Stopping: The crawl is ending.
        """
        page = request.meta.get(PAGE)
        if page is not None and not page.is_closed():
            return  # the spider has opened it
        key = id(handler), context_of(request)
        limit = handler.config.max_pages_per_context
        if self._waiting.get(key) or self._taken(key) >= limit:
            with self._parking.place(""):
                await self._wait(key)
                while self._taken(key) >= limit:
                    await self._wait(key)
        self._inside[request] = key

    def give_back(self, request: Request) -> None:
        """The request is done; its page is closed, or the spider's."""
        key = self._inside.pop(request, None)
        if key is None:
            return
        page = request.meta.get(PAGE)
        if page is not None and not page.is_closed():
            self._kept[page] = key
            page.on("close", lambda *_: self._closed(page))
            return
        self._admit(key)

    async def _wait(self, key: _Key) -> None:
        waiter: Deferred[None] = Deferred()
        self._waiting.setdefault(key, deque()).append(waiter)
        if not self._watch.running:
            self._watch.start(_LOOK_AGAIN, now=False)
        await self._parking.wait(waiter)
        self._parking.check()

    def _look(self) -> None:
        """Nobody says so when another middleware has taken a request out of the downloader."""
        for key in list(self._waiting):
            self._admit(key)  # who finds no place waits on
        if not self._waiting:
            self._watch.stop()

    def _closed(self, page: Any) -> None:
        key = self._kept.pop(page, None)
        if key is not None:
            self._admit(key)

    def _taken(self, key: _Key) -> int:
        engine = self._crawler.engine
        assert engine is not None  # noqa: S101  # it runs as long as there are requests
        active = engine.downloader.active
        # Another middleware may have taken a request out of the downloader, so that it never came back here.
        self._inside = {request: one for request, one in self._inside.items() if request in active}
        return sum(one == key for one in self._inside.values()) + sum(one == key for one in self._kept.values())

    def _admit(self, key: _Key) -> None:
        """A page is free: whoever waits for longest may go on."""
        queue = self._waiting.get(key)
        while queue:
            waiter = queue.popleft()
            if not waiter.called:  # a cancelled one was called
                waiter.callback(None)
                break
        if not queue:
            self._waiting.pop(key, None)
