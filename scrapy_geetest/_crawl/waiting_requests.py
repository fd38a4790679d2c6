"""Requests that wait in this process, written down where the queue is shared: they go back to it if the process dies."""

from __future__ import annotations

import logging
from base64 import b64decode, b64encode
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

from scrapy import signals
from scrapy.exceptions import DontCloseSpider, IgnoreRequest
from scrapy.http.request import NO_CALLBACK
from scrapy.utils.defer import deferred_from_coro

from scrapy_geetest._crawl.marks import lift
from scrapy_geetest._crawl.shared_queue import shared_queue_of
from scrapy_geetest._storage.protocol import StorageFailedError
from scrapy_geetest._storage.records import Records

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.crawler import Crawler

    from scrapy_geetest._crawl.parking import Place
    from scrapy_geetest._crawl.shared_queue import SharedQueue
    from scrapy_geetest._storage.protocol import Storage
    from scrapy_geetest._storage.records import Left
    from scrapy_geetest._storage.workers import Workers

logger = logging.getLogger(__name__)


class RequestTakenError(IgnoreRequest):
    """A request that another process has put back into the queue: this one was held up for so long that it seemed dead."""


class WaitingRequests:
    """Writes down requests for as long as they wait.

    Args:
        crawler: The crawl.
        storage: Where they are written down; ``None``: no other process would see them.
        workers: The processes that share it.
        reactor: The Twisted reactor, or a clock in tests.
    """

    def __init__(self, crawler: Crawler, *, storage: Storage | None, workers: Workers | None, reactor: Any) -> None:
        self._crawler = crawler
        self._storage = storage
        self._workers = workers
        self._reactor = reactor
        self._numbers = count(1)
        self._queue: SharedQueue | None = None
        self._records: Records | None = None
        self._is_told = False
        self._may_close = False

    @property
    def are_left(self) -> bool:
        """Whether requests of this process are in the storage."""
        return self._records is not None and self._records.are_left

    def open(self) -> None:
        """Called when the scheduler is there."""
        engine = self._crawler.engine
        slot = None if engine is None else engine._slot  # noqa: SLF001  # the only way to the scheduler
        self._queue = None if slot is None else shared_queue_of(slot.scheduler)
        if self._queue is None or self._storage is None or self._workers is None:
            return
        kind = f"waiting-{sha256(self._queue.shared_queue.encode()).hexdigest()[:16]}"
        self._records = Records(self._storage, self._workers, kind, reactor=self._reactor)
        self._crawler.signals.connect(self._idle, signals.spider_idle)

    def begin(self, request: Request) -> str:
        """Write down that *request* waits.

        Returns:
            The name of its record; empty: there is none.
        """
        if self._records is None or self._queue is None or request.callback is NO_CALLBACK:
            return ""
        plain = request.replace(meta=dict(request.meta))
        lift(plain)
        plain.dont_filter = True
        try:
            content = b64encode(self._queue.encode_request(plain)).decode()
        except Exception as error:  # noqa: BLE001  # whatever a serializer raises
            self._tell_unwritten(request, error)
            return ""
        name = str(next(self._numbers))
        self._records.begin(name, content)
        return name

    async def end(self, name: str, request: Request) -> None:
        """It waits no more: called before its page is delivered, so that this comes once, or not at all.

        Raises:
            RequestTakenError: It is another process's by now.
        """
        if not name or self._records is None or await self._records.drop(name):
            return
        logger.warning(
            "GeeTest: %s is dropped here: this process was held up for so long that another worker has put the request "
            "back into the queue",
            request,
        )
        raise RequestTakenError(f"{request} was put back into the queue by another worker")

    async def look(self) -> None:
        """Put back what waited in processes that are gone.

        Raises:
            StorageFailedError: The storage cannot be asked.
        """
        if self._records is None:
            return
        number = 0
        for one in await self._records.left():
            number += await self._put_back(one)
        if number:
            logger.info("GeeTest: %d request(s) of a worker that is gone are back in the queue", number)
        self._records.retry()

    async def settle(self) -> None:
        """Wait until all is written, at the end."""
        if self._records is not None:
            await self._records.settle()

    async def _put_back(self, left: Left) -> bool:
        engine = self._crawler.engine
        slot = None if engine is None else engine._slot  # noqa: SLF001
        if self._records is None or self._queue is None or engine is None or slot is None or slot.closing is not None:
            return False
        name = f"back-{next(self._numbers)}"
        # Dropped before it is scheduled: if this process dies in between, the request is lost and not doubled.
        if not (await self._records.take(left, name) and await self._records.drop(name)):
            return False
        try:
            engine.crawl(self._queue.decode_request(b64decode(left.content)))
        except Exception as error:  # noqa: BLE001  # whatever a serializer raises
            logger.error(  # noqa: TRY400  # its words say it
                "GeeTest: a request that waited in a worker which is gone cannot be read: %s: %s",
                *(type(error).__name__, error),
            )
            return False
        return True

    def _idle(self) -> None:
        """Stay for as long as requests wait in other workers: one that dies leaves them to this one."""
        if self._may_close:
            self._may_close = False
            return
        deferred_from_coro(self._look_elsewhere())
        raise DontCloseSpider

    async def _look_elsewhere(self) -> None:
        try:
            self._may_close = self._records is None or not await self._records.are_elsewhere()
        except StorageFailedError:
            self._may_close = True
        engine = self._crawler.engine
        if self._may_close and engine is not None and (slot := engine._slot) is not None:  # noqa: SLF001
            slot.nextcall.schedule()

    def _tell_unwritten(self, request: Request, error: Exception) -> None:
        if not self._is_told:
            self._is_told = True
            logger.warning(
                "GeeTest: %s cannot be written down while it waits, and is lost if this process is killed: %s: %s",
                *(request, type(error).__name__, error),
            )


class Waiting:
    """One request that waits: an asynchronous context manager that is small, since thousands may be held.

    Args:
        place: Of the request, among those that wait.
        requests: Where it is written down.
        request: As its spider made it.
    """

    __slots__ = ("_name", "_place", "_request", "_requests")

    def __init__(self, place: Place, requests: WaitingRequests, request: Request) -> None:
        self._place = place
        self._requests = requests
        self._request = request
        self._name = ""

    async def __aenter__(self) -> None:
        self._place.__enter__()
        self._name = self._requests.begin(self._request)

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._name:
                await self._requests.end(self._name, self._request)
        finally:
            self._place.__exit__()
