"""What processes that are gone have left: taken over at the start, and looked for while the crawl goes on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from attrs import define, field
from scrapy.utils.defer import deferred_from_coro
from twisted.internet.task import LoopingCall

from scrapy_geetest._storage.protocol import StorageFailedError
from scrapy_geetest._storage.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from scrapy_geetest._crawl.waiting_requests import WaitingRequests
    from scrapy_geetest._spending.ledger import Ledger
    from scrapy_geetest._storage.workers import Workers

LOOK = 5.0  # seconds between two looks at what others have left
_AT_START, _AT_END = 15.0, 5.0  # seconds that the crawl waits for the storage


@define(eq=False, kw_only=True)
class Recovery:
    """Takes over paid tasks and waiting requests.

    Args:
        ledger: Of paid tasks.
        waiting: The requests that wait.
        workers: The processes that share the storage; ``None``: no other process sees it.
        reactor: The Twisted reactor.
    """

    _ledger: Ledger
    _waiting: WaitingRequests
    _workers: Workers | None
    _reactor: Any
    _looks: LoopingCall | None = field(init=False, default=None)

    async def open(self) -> None:
        """Called when the spider is open, before its first request goes out."""
        if self._workers is None:
            return
        self._waiting.open()
        await self._within(_AT_START, self._begin)
        self._looks = LoopingCall(lambda: deferred_from_coro(self._look()))
        self._looks.clock = self._reactor
        self._looks.start(LOOK, now=False)

    async def close(self) -> None:
        """Called when the spider is closed: what is left belongs to whoever comes."""
        if self._workers is None:
            return
        if self._looks is not None and self._looks.running:
            self._looks.stop()
        await self._within(_AT_END, self._end)

    async def _begin(self) -> None:
        with suppress(StorageFailedError):
            if self._workers is not None:
                await self._workers.open()
        await self._look()

    async def _look(self) -> None:
        await self._ledger.look()
        with suppress(StorageFailedError):  # the next look tries again
            await self._waiting.look()

    async def _end(self) -> None:
        await self._ledger.settle()
        await self._waiting.settle()
        with suppress(StorageFailedError):
            if self._workers is not None:
                await self._workers.close(leaves=self._ledger.are_left or self._waiting.are_left)

    async def _within(self, seconds: float, coroutine: Callable[[], Coroutine[Any, Any, None]]) -> None:
        work = Work(coroutine, self._reactor)
        work.start()
        await work.wait(seconds)
